"""From logits to a normalised coarse disparity and its four neighbours; float, 0.1 % of the work."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.head.aanet_spx import HeadLogits


class StereoOutput(NamedTuple):
    """What the network returns; disparities are normalised by maxdisp."""

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


class Regression(nn.Module):
    """Soft-argmin over the candidates, unfold as a frozen convolution, softmax of the superpixel logits."""

    candidates: Tensor
    unfold: Tensor

    def __init__(self, num_candidates: int) -> None:
        super().__init__()
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
            return StereoOutput(low, unfolded, weights, logits.disparity, logits.volumes)
