"""From the network's output to disparity in pixels: superpixel up-sampling, float, no parameters."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from stereo_exp.model.regression import StereoOutput

UPSAMPLING = 8


def full_disparity(output: StereoOutput, maxdisp: int) -> Tensor:
    """Disparity at full size: every pixel mixes its cell's four coarse neighbours with its own weights.

    Nearest up-sampling, so that the 8×8 cell of (y, x) uses the values at, above and left of it only (trap T5).

    Returns:
        B×H×W in px, in [0, maxdisp).
    """
    spread = F.interpolate(output.unfolded, scale_factor=UPSAMPLING, mode="nearest")
    return (spread * output.weights).sum(1) * maxdisp


def coarse_disparity(output: StereoOutput, maxdisp: int) -> Tensor:
    """The low map, bilinear to full size (align-corners off): B×H×W in px. Only the loss looks at it."""
    low = F.interpolate(output.low, scale_factor=UPSAMPLING, mode="bilinear", align_corners=False)
    return low.squeeze(1) * maxdisp
