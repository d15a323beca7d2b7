"""How sure the matching is, read off the disparity distribution; float, no parameters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stereo_exp.model.postprocess import UPSAMPLING
from stereo_exp.model.regression import StereoOutput

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
    spread = F.interpolate(unfolded, scale_factor=UPSAMPLING, mode="nearest")
    return (spread * output.weights).sum(1)
