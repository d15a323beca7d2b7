"""The metrics, once and for all: EPE, D1 and bad-k over 0 < truth < maxdisp.

On numpy, so that a device without torch computes the very same; tensors on the CPU are taken as they are.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

# Which pixels of the truth count, in the loss as in the metrics.


class _Ordered(Protocol):
    def __gt__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...


# Training masks tensors; metrics, which devices without torch compute too, mask arrays.
AnyMap = TypeVar("AnyMap", bound=_Ordered)


def valid_mask(truth: AnyMap, maxdisp: int) -> AnyMap:
    """0 < truth < maxdisp, bool of the same shape: unknown (0), padding (−1), NaN and far-off values drop out."""
    mask: AnyMap = (truth > 0) & (truth < maxdisp)
    return mask


def find_errors(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray, maxdisp: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the pixels in a mask: error in px, truth, both float64, and which predictions are no numbers: those are
    `maxdisp` px off."""
    known, predicted = truth[mask].astype(np.float64), prediction[mask].astype(np.float64)
    is_none = ~np.isfinite(predicted)
    return np.where(is_none, float(maxdisp), np.abs(predicted - known)), known, is_none


BAD_PX = (1, 2, 3)
D1_PX, D1_SHARE = 3.0, 0.05
# Sums of one image: pixels, absolute error, D1 outliers, bad-1, bad-2, bad-3, predictions that are not finite.
_NUM_SUMS = 4 + len(BAD_PX)


class StereoMetrics:
    """Sums over images, in float64.

    Args:
        maxdisp: truth at or above it does not count, px.
        checked: predictions come with what a check trusts of them; that part is scored apart, too.
    """

    def __init__(self, maxdisp: int, checked: bool = False) -> None:
        self.maxdisp, self.checked = maxdisp, checked
        # One row for all pixels, one for the non-occluded, one for the trusted ones; behind the sums stand Σ image EPE
        # and image count.
        self._sums = np.zeros((3, _NUM_SUMS + 2))
        self.num_skipped = 0

    def update(
        self,
        prediction: ArrayLike,
        truth: ArrayLike | None,
        noc: ArrayLike | None = None,
        trusted: ArrayLike | None = None,
    ) -> float | None:
        """Add one image.

        Args:
            prediction: H×W in px, of the size of the truth; an array or a tensor on the CPU, like the others. A value
                that is not finite is bad by every measure, and `maxdisp` px off.
            truth: H×W in px; 0, negative and non-finite values are unknown. None: the pair has none.
            noc: H×W bool, pixels that both views see, where the data set has them.
            trusted: H×W bool, pixels that a check trusts; the others count in the main figures all the same, as they
                were predicted. None: all of them.

        Returns:
            The image's EPE in px, or None (and counted as skipped) where no pixel of the truth is known.
        """
        if truth is None:
            self.num_skipped += 1
            return None
        predicted, true = np.asarray(prediction), np.asarray(truth)
        if predicted.shape != true.shape:
            raise ValueError(f"prediction {predicted.shape} and truth {true.shape} differ in size")
        mask = valid_mask(true, self.maxdisp)
        epe = self._add(0, predicted, true, mask)
        if epe is None:
            self.num_skipped += 1
        if noc is not None:
            self._add(1, predicted, true, mask & np.asarray(noc))
        if self.checked:
            self._add(2, predicted, true, mask if trusted is None else mask & np.asarray(trusted))
        return epe

    def _add(self, row: int, prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float | None:
        error, known, is_none = find_errors(prediction, truth, mask, self.maxdisp)
        if known.size == 0:
            return None
        bad = (error > D1_PX) & (error > D1_SHARE * known), *(error > k for k in BAD_PX)
        off = [*(is_none | each for each in bad), is_none]
        epe = error.sum() / known.size
        self._sums[row] += (known.size, error.sum(), *(outliers.sum() for outliers in off), epe, 1)
        return float(epe)

    @property
    def totals(self) -> np.ndarray:
        """All that was summed up, float64 of one axis: added up over processes, of which each saw other images, and set
        again, `compute` gives the metrics of them all."""
        return np.append(self._sums.ravel(), self.num_skipped)

    @totals.setter
    def totals(self, values: np.ndarray) -> None:
        self._sums, self.num_skipped = values[:-1].reshape(self._sums.shape), int(values[-1])

    def compute(self) -> dict[str, float | int]:
        """`epe` (mean of image means), `epe_px` (mean over pixels), `d1`, `bad1`…`bad3` (shares of pixels, 0-1).

        With `_noc` behind them where non-occlusion masks were given, with `_trusted` where predictions were checked,
        and then `trusted`, the share of pixels with known truth that are; `n_images`, `n_skipped`, and `n_nonfinite`,
        pixels whose prediction was no number. NaN where no image had such a pixel.
        """
        out: dict[str, float | int] = {}
        all_pixels = self._sums[0, 0]
        for row, suffix in enumerate(("", "_noc", "_trusted")):
            pixels, error, *off, not_finite, image_epe, images = self._sums[row].tolist()
            if row == 0:
                out.update(n_images=int(images), n_skipped=self.num_skipped, n_nonfinite=int(not_finite))
            elif row == 1 and not images:
                continue
            elif row == 2:
                if not self.checked:
                    break
                out["trusted"] = pixels / all_pixels if all_pixels else float("nan")
            out[f"epe{suffix}"] = image_epe / images if images else float("nan")
            out[f"epe_px{suffix}"] = error / pixels if pixels else float("nan")
            for key, count in zip(("d1", *(f"bad{k}" for k in BAD_PX)), off, strict=True):
                out[f"{key}{suffix}"] = count / pixels if pixels else float("nan")
        return out


# The checkerboard that superpixel up-sampling leaves: error that repeats from cell to cell.


def periodic_share(error: np.ndarray, period: int) -> float:
    """The share of an error map's energy that repeats every `period` pixels in both directions.

    The map is averaged over its periods×periods tiles; the energy of that mean tile, without its mean, against the
    energy of the whole map without its mean. An error that is nothing but a repeated tile has 1; noise has about one
    over the number of tiles.

    Args:
        error: H×W, H and W at least `period`; what lies beyond whole tiles at the bottom and the right is left out.
        period: px; of a network the side of its cells, which its up-sampling repeats.

    Returns:
        0…1; 0 for a constant map.

    Raises:
        ValueError: the map is smaller than one tile, or not finite.
    """
    rows, columns = (size // period for size in error.shape)
    if not rows or not columns:
        raise ValueError(f"an error map of {error.shape} holds no tile of {period}×{period}")
    whole = error[: rows * period, : columns * period].astype(np.float64)
    if not np.isfinite(whole).all():
        raise ValueError("the error map has values that are not finite")
    whole = whole - whole.mean()
    energy = float(np.square(whole).mean())
    if energy == 0:
        return 0.0
    tile = whole.reshape(rows, period, columns, period).mean((0, 2))
    return float(np.square(tile).mean()) / energy
