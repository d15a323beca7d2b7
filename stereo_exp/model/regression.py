"""From logits to a normalised coarse disparity and its four neighbours; float, 0.1 % of the work."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.base import CELL
from stereo_exp.model.aanet_spx import HeadLogits


class StereoOutput(NamedTuple):
    """What the network returns. Px are in `full_disparity` and `coarse_disparity`; in here disparities are shares."""

    low: Tensor
    """B×1×H/8×W/8 in [0, 1): the expected value over the candidates (at most 23/24 of maxdisp 192, trap T6)."""
    unfolded: Tensor
    """B×4×H/8×W/8: `low` at (y−1, x−1), (y−1, x), (y, x−1), (y, x); zero outside the image (trap T5)."""
    weights: Tensor
    """B×4×H×W, non-negative, summing to 1 over the channels."""
    logits: Tensor
    """B×D×H/8×W/8: the disparity distribution before its softmax, for the loss and for confidence."""
    volumes: tuple[Tensor, ...] = ()
    """In training: the correlation volumes as the features alone make them, see `HeadLogits`."""
    maxdisp: int = 0
    """The range of the network in px, which the shares are of."""

    @property
    def disparity(self) -> Tensor:
        """float32 B×H×W in px, in [0, maxdisp): `full_disparity`."""
        return full_disparity(self)

    @property
    def confidence(self) -> Tensor:
        """float32 B×H×W in [0, 1]: `full_confidence`."""
        return full_confidence(self)


class Regression(nn.Module):
    """Soft-argmin over the candidates, unfold as a frozen convolution, softmax of the superpixel logits."""

    candidates: Tensor
    unfold: Tensor

    def __init__(self, num_candidates: int, maxdisp: int) -> None:
        super().__init__()
        self.maxdisp = maxdisp
        values = torch.arange(num_candidates, dtype=torch.float32) / num_candidates
        # Constants of the architecture: neither trained nor kept in checkpoints.
        self.register_buffer("candidates", values.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("unfold", torch.eye(4).view(4, 1, 2, 2), persistent=False)

    def forward(self, logits: HeadLogits) -> StereoOutput:
        # float32 whatever autocast says: bf16 has 8 bits of mantissa, 192 px need more.
        with torch.autocast(logits.disparity.device.type, enabled=False):
            probability = F.softmax(logits.disparity.float(), dim=1)
            low = (probability * self.candidates).sum(1, keepdim=True)
            unfolded = F.conv2d(F.pad(low, (1, 0, 1, 0)), self.unfold)
            weights = F.softmax(logits.superpixel.float(), dim=1)
            return StereoOutput(low, unfolded, weights, logits.disparity, logits.volumes, self.maxdisp)


# From the network's output to disparity in pixels: superpixel up-sampling, float, no parameters.


def full_disparity(output: StereoOutput) -> Tensor:
    """Disparity at full size: every pixel mixes its cell's four coarse neighbours with its own weights.

    Nearest up-sampling, so that the 8×8 cell of (y, x) uses the values at, above and left of it only (trap T5).

    Returns:
        B×H×W in px, in [0, maxdisp).
    """
    spread = F.interpolate(output.unfolded, scale_factor=CELL, mode="nearest")
    return (spread * output.weights).sum(1) * output.maxdisp


def coarse_disparity(output: StereoOutput) -> Tensor:
    """The low map, bilinear to full size (align-corners off): B×H×W in px. Only the loss looks at it."""
    low = F.interpolate(output.low, scale_factor=CELL, mode="bilinear", align_corners=False)
    return low.squeeze(1) * output.maxdisp


# How sure the matching is, read off the disparity distribution; float, no parameters.


NEIGHBOURHOOD = 1.5
"""Candidates on either side of the expected value whose probability counts as agreeing with it (8 px each)."""


def full_confidence(output: StereoOutput) -> Tensor:
    """Probability that the distribution puts near its own expected value, at full size.

    One peak gives almost 1; two peaks, whose mean lies between them, and flat distributions give little. Upsampled
    like the disparity: nearest, the cell's four coarse neighbours mixed with the pixel's superpixel weights; what lies
    outside the image counts as 0.

    Returns:
        B×H×W in [0, 1].
    """
    probability = F.softmax(output.logits.float(), dim=1)
    number = probability.shape[1]
    candidates = torch.arange(number, dtype=torch.float32, device=probability.device).view(1, -1, 1, 1)
    near = (candidates - output.low * number).abs() <= NEIGHBOURHOOD
    low = (probability * near).sum(1, keepdim=True)
    unfolded = F.conv2d(F.pad(low, (1, 0, 1, 0)), torch.eye(4, device=low.device).view(4, 1, 2, 2))
    spread = F.interpolate(unfolded, scale_factor=CELL, mode="nearest")
    return (spread * output.weights).sum(1)
