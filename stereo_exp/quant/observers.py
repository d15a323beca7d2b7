"""What calibration sees of a tensor, and the range that follows from it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# low, high -> mean squared error over values and their weights; see `MseObserver`.
RangeError = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class MinMaxObserver:
    """Everything that was seen: the smallest and the largest value, and zero."""

    def __init__(self) -> None:
        self.low: Tensor | None = None
        self.high: Tensor | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been seen."""
        return self.low is None

    def update(self, x: Tensor) -> None:
        """See a tensor of any shape."""
        low, high = torch.aminmax(x.detach().float())
        # Zero is always in the range: padding must be exact.
        low, high = low.clamp(max=0), high.clamp(min=0)
        if self.low is None or self.high is None:
            self.low, self.high = low, high
        else:
            self._merge(low, high)

    def _merge(self, low: Tensor, high: Tensor) -> None:
        assert self.low is not None and self.high is not None
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)

    def limits(self, error: RangeError) -> tuple[Tensor, Tensor]:
        """The range low ≤ 0 ≤ high, two scalars.

        Args:
            error: mean squared error of quantising given values, by weight, in a range; for observers that search.
        """
        assert self.low is not None and self.high is not None
        return self.low, self.high


class MovingAverageObserver(MinMaxObserver):
    """An average of each batch's smallest and largest value, the newest with `momentum`."""

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum

    def _merge(self, low: Tensor, high: Tensor) -> None:
        assert self.low is not None and self.high is not None
        self.low = torch.lerp(self.low, low, self.momentum)
        self.high = torch.lerp(self.high, high, self.momentum)


class HistogramObserver(MinMaxObserver):
    """Counts values in `bins` bins over ±2^k; where a batch does not fit, k grows and neighbouring bins are merged.

    Powers of two, so that merging moves no count across a border: the histogram is that of all batches at once.
    """

    def __init__(self, bins: int = 8192) -> None:
        super().__init__()
        self.bins = bins
        self.reach = 0.0
        self.counts: Tensor | None = None

    def update(self, x: Tensor) -> None:
        super().update(x)
        assert self.low is not None and self.high is not None
        largest = max(-float(self.low), float(self.high))
        if largest == 0:
            return
        reach = 2.0 ** int(torch.frexp(torch.tensor(largest, dtype=torch.float64)).exponent)
        if self.counts is None:
            self.counts, self.reach = torch.zeros(self.bins, dtype=torch.float64), reach
        while self.reach < reach:
            half = self.counts.view(-1, 2).sum(1)
            self.counts = torch.zeros_like(self.counts)
            quarter = self.bins // 4
            self.counts[quarter : quarter + self.bins // 2] = half
            self.reach *= 2
        # On whatever device x lies; the counts are few and stay on the CPU.
        self.counts += torch.histc(x.detach().float(), self.bins, -self.reach, self.reach).cpu().double()

    def centers(self) -> Tensor:
        """The middle of every bin, float64."""
        width = 2 * self.reach / self.bins
        return (torch.arange(self.bins, dtype=torch.float64) + 0.5) * width - self.reach


class PercentileObserver(HistogramObserver):
    """The range that holds `percentile` percent of the values, the rest cut off alike at both ends.

    Of a tensor without negative values (behind a ReLU) all of the rest is cut off at the upper end.
    """

    def __init__(self, percentile: float = 99.5, bins: int = 8192) -> None:
        super().__init__(bins)
        self.percentile = percentile

    def limits(self, error: RangeError) -> tuple[Tensor, Tensor]:
        low, high = super().limits(error)
        if self.counts is None:
            return low, high
        outside = (1 - self.percentile / 100) * float(self.counts.sum())
        if low < 0:
            outside /= 2
            low = torch.maximum(low, low.new_tensor(self._edge(self.counts, outside)))
        high = torch.minimum(high, high.new_tensor(-self._edge(self.counts.flip(0), outside)))
        return low.clamp(max=0), high.clamp(min=0)

    def _edge(self, counts: Tensor, outside: float) -> float:
        """The lower border of the first bin with more than `outside` values at or below it."""
        below = torch.cumsum(counts, 0)
        first = int(torch.searchsorted(below, torch.tensor(outside, dtype=below.dtype), right=True))
        return min(first, self.bins - 1) * 2 * self.reach / self.bins - self.reach


class MseObserver(HistogramObserver):
    """The range, shrunk from the full one in steps of 2^(−1/8), whose quantisation has the least squared error."""

    NUM_STEPS = 40

    def limits(self, error: RangeError) -> tuple[Tensor, Tensor]:
        low, high = super().limits(error)
        if self.counts is None:
            return low, high
        values, weights = self.centers(), self.counts / self.counts.sum()
        shares = [2.0 ** (-step / 8) for step in range(self.NUM_STEPS)]
        errors = torch.stack([error(low.cpu() * share, high.cpu() * share, values, weights) for share in shares])
        share = shares[int(errors.argmin())]
        return low * share, high * share
