"""From logits to disparity: which candidate is read off, and what each pixel mixes of its neighbours; float throughout,
0.1 % of the work.

A read-out gives one value for each cell, and says how sure it is. Ours, and those of plug-ins, are modules with
`forward` and `confidence` as `Expectation` has them; what they compute is exported as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.warp import find_strongest

NEIGHBOURS = {1: 0, 4: 3, 9: 4}
"""How many cells a pixel may mix: its own; that and those above and left of it; all around. And the place of its own
among them, in the order of `Regression.unfold`."""
PIXELS = (1, 2)
"""Px, both ways, of what may have weights of its own."""
NEIGHBOURHOOD = 1.5
"""Candidates on either side of the expected value whose probability counts as agreeing with it."""


class Expectation(nn.Module):
    """The mean of the distribution over all candidates (soft-argmin)."""

    indices: Tensor
    candidates: Tensor

    def __init__(self, num_candidates: int) -> None:
        super().__init__()
        indices = torch.arange(num_candidates, dtype=torch.float32).view(1, -1, 1, 1)
        # Constants of the architecture: neither trained nor kept in checkpoints.
        self.register_buffer("indices", indices, persistent=False)
        self.register_buffer("candidates", indices / num_candidates, persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """float32 B×D×h×w -> B×1×h×w in [0, 1): the share of maxdisp (at most (D − 1)/D, trap T6)."""
        return (F.softmax(logits, dim=1) * self.candidates).sum(1, keepdim=True)

    def confidence(self, logits: Tensor, low: Tensor) -> Tensor:
        """B×1×h×w in [0, 1]: the probability that lies near the expected value.

        One peak gives almost 1; two peaks, whose mean lies between them, and flat distributions give little.

        Args:
            low: what `forward` gave.
        """
        number = logits.shape[1]
        near = (self.indices - low * number).abs() <= NEIGHBOURHOOD
        return (F.softmax(logits, dim=1) * near).sum(1, keepdim=True)


class Window(nn.Module):
    """The mean over a few candidates around the strongest one: of two modes the stronger, not the middle.

    Where several candidates are equally strong, the windows of all count: so it is on every engine.

    Args:
        radius: candidates on either side.
    """

    indices: Tensor
    band: Tensor

    def __init__(self, num_candidates: int, radius: int = 2) -> None:
        super().__init__()
        indices = torch.arange(num_candidates, dtype=torch.float32)
        band = ((indices[:, None] - indices).abs() <= radius).float()
        # Constants of the architecture: neither trained nor kept in checkpoints.
        self.register_buffer("indices", (indices / num_candidates).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("band", band[:, :, None, None], persistent=False)

    def _powers(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Exponentials of all candidates, the strongest's being 1, and of those in the window."""
        strongest = logits.detach().amax(1, keepdim=True)
        # A product with a band of ones is 1 or more wherever one of the strongest is near.
        inside = F.conv2d((logits.detach() >= strongest).to(logits.dtype), self.band).clamp(max=1)
        powers = torch.exp(logits - strongest)
        return powers, powers * inside

    def forward(self, logits: Tensor) -> Tensor:
        """float32 B×D×h×w -> B×1×h×w in [0, 1): the share of maxdisp."""
        inside = self._powers(logits)[1]
        return F.conv2d(inside, self.indices) / inside.sum(1, keepdim=True)

    def confidence(self, logits: Tensor, low: Tensor) -> Tensor:
        """B×1×h×w in [0, 1]: the probability that lies in the window."""
        powers, inside = self._powers(logits)
        return inside.sum(1, keepdim=True) / powers.sum(1, keepdim=True)


class Matched(NamedTuple):
    """What the features of the two views alone say, in training."""

    volume: Tensor
    """B×(groups·D)×h×w, similarities."""
    stride: int
    """Px from one candidate to the next, and of a cell."""
    sharpness: float
    """Makes logits of the similarities."""
    groups: int = 1
    """Of channels that matched on their own."""


class Logits(NamedTuple):
    """What leaves the integer part of the network."""

    disparity: Tensor
    """B×D×H/stride×W/stride, one logit for each disparity candidate (0, stride, 2·stride, … px of the full image)."""
    superpixel: Tensor
    """B×(neighbours + offsets)×H/pixel×W/pixel, one logit for each coarse neighbour, and for each offset from the
    cell's strongest candidate."""
    volumes: tuple[Matched, ...] = ()
    """In training: the volumes before any aggregation, for the loss."""


class StereoOutput(NamedTuple):
    """What the network returns. Px are in `full_disparity` and `coarse_disparity`; in here disparities are shares."""

    low: Tensor
    """B×1×H/stride×W/stride in [0, 1): what the read-out reads."""
    unfolded: Tensor
    """B×(neighbours + offsets)×H/stride×W/stride: the cells' neighbours, see `Regression.unfold`, and what lies at the
    offsets from their strongest candidates."""
    weights: Tensor
    """B×(neighbours + offsets)×H/pixel×W/pixel, non-negative, summing to 1 over the channels."""
    logits: Tensor
    """B×D×H/stride×W/stride: the disparity distribution before its softmax, for the loss and for confidence."""
    volumes: tuple[Matched, ...]
    """See `Logits`."""
    regression: Regression
    """What made this of the logits: it knows the range, and how the logits are read."""

    @property
    def disparity(self) -> Tensor:
        """float32 B×H×W in px, in [0, maxdisp): `full_disparity`."""
        return full_disparity(self)

    @property
    def confidence(self) -> Tensor:
        """float32 B×H×W in [0, 1]: `full_confidence`."""
        return full_confidence(self)


class Regression(nn.Module):
    """Read-out of the candidates, unfold, softmax of the superpixel logits.

    Args:
        readout: B×D×h×w logits to B×1×h×w shares.
        maxdisp: range of the network in px, which the shares are of.
        stride: px of a cell.
        neighbours: one of `NEIGHBOURS`.
        pixel: one of `PIXELS`.
        offsets: in candidates, what a pixel mixes besides: disparities beside its cell's strongest candidate.
    """

    picks: Tensor
    beside: Tensor
    unfolding = "convolution"
    """How `unfold` does it, to the same values: `convolution`, or `im2col`."""

    def __init__(
        self,
        readout: nn.Module,
        maxdisp: int,
        stride: int,
        neighbours: int,
        pixel: int = 1,
        offsets: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.readout = readout
        self.maxdisp, self.stride, self.neighbours, self.pixel = maxdisp, stride, neighbours, pixel
        self.offsets = tuple(offsets)
        side = round(neighbours**0.5)
        # Constants of the architecture: neither trained nor kept in checkpoints.
        self.register_buffer("picks", torch.eye(neighbours).view(neighbours, 1, side, side), persistent=False)
        beside = torch.tensor(self.offsets, dtype=torch.float32).view(1, -1, 1, 1) * stride / maxdisp
        self.register_buffer("beside", beside, persistent=False)

    def forward(self, logits: Logits) -> StereoOutput:
        # float32 whatever autocast says: bf16 has 8 bits of mantissa, 192 px need more.
        with torch.autocast(logits.disparity.device.type, enabled=False):
            disparity = logits.disparity.float()
            low = self.readout(disparity)
            unfolded = self.unfold(low)
            if self.offsets:
                unfolded = torch.cat((unfolded, self.surround(self.find_peak(disparity))), 1)
            weights = F.softmax(logits.superpixel.float(), dim=1)
            return StereoOutput(low, unfolded, weights, logits.disparity, logits.volumes, self)

    def unfold(self, low: Tensor) -> Tensor:
        """Every cell's neighbours as channels: of one, the cell alone; of four, (y−1, x−1), (y−1, x), (y, x−1), (y, x),
        zero outside the map (trap T5); of nine, all around, row by row, the map's edge repeated.

        B×1×h×w -> B×neighbours×h×w.
        """
        if self.neighbours == 4:
            low = F.pad(low, (1, 0, 1, 0))
        elif self.neighbours == 9:
            low = F.pad(low, (1, 1, 1, 1), mode="replicate")
        if self.unfolding == "im2col":
            batch, _, height, width = low.shape
            side = self.picks.shape[-1]
            return F.unfold(low, side).view(batch, self.neighbours, height - side + 1, width - side + 1)
        return F.conv2d(low, self.picks)

    def find_peak(self, logits: Tensor) -> Tensor:
        """The strongest candidates: B×D×h×w -> B×1×h×w in [0, 1), shares of maxdisp."""
        return find_strongest(logits).float() * (self.stride / self.maxdisp)

    def surround(self, peak: Tensor) -> Tensor:
        """What lies at the offsets from a share, within the range: B×1×h×w -> B×offsets×h×w."""
        return (peak + self.beside).clamp(0, 1 - self.stride / self.maxdisp)

    def extra_repr(self) -> str:
        text = f"maxdisp={self.maxdisp}, stride={self.stride}, neighbours={self.neighbours}, pixel={self.pixel}"
        return f"{text}, offsets={self.offsets}" if self.offsets else text


def full_disparity(output: StereoOutput) -> Tensor:
    """Disparity at full size: every pixel mixes its cell's neighbours with its own weights; no parameters.

    Nearest up-sampling, so that with four neighbours the cell of (y, x) uses the values at, above and left of it only
    (trap T5). Where weights belong to blocks of pixels, their values are joined bilinearly (align-corners off).

    Returns:
        B×H×W in px, in [0, maxdisp).
    """
    return _mix(output.unfolded, output, "bilinear") * output.regression.maxdisp


def coarse_disparity(output: StereoOutput) -> Tensor:
    """The low map, bilinear to full size (align-corners off): B×H×W in px. Only the loss looks at it."""
    stride = output.regression.stride
    low = F.interpolate(output.low, scale_factor=stride, mode="bilinear", align_corners=False)
    return low.squeeze(1) * output.regression.maxdisp


def full_confidence(output: StereoOutput) -> Tensor:
    """How sure the matching is, at full size: the read-out's confidence, up-sampled like the disparity, but that blocks
    of pixels have one value.

    Returns:
        B×H×W in [0, 1].
    """
    near = output.regression.readout.confidence(output.logits.float(), output.low)  # type: ignore[operator]
    around = output.regression.unfold(near)
    if output.regression.offsets:
        around = torch.cat((around, near.expand(-1, len(output.regression.offsets), -1, -1)), 1)
    return _mix(around, output, "nearest")


def _mix(unfolded: Tensor, output: StereoOutput, mode: str) -> Tensor:
    regression = output.regression
    spread = F.interpolate(unfolded, scale_factor=regression.stride // regression.pixel, mode="nearest")
    mixed = (spread * output.weights).sum(1)
    if regression.pixel == 1:
        return mixed
    align = False if mode == "bilinear" else None
    return F.interpolate(mixed.unsqueeze(1), scale_factor=regression.pixel, mode=mode, align_corners=align).squeeze(1)
