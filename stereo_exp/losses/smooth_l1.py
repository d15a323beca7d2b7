"""`loss=smooth_l1`: the published loss of StereoNetPlus."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from stereo_exp.losses import Loss
from stereo_exp.model.postprocess import coarse_disparity
from stereo_exp.model.regression import StereoOutput

# The reference lists 1/3, 2/3, 1 and pairs them in order with the two maps it has: the third is never used.
WEIGHTS = (1 / 3, 2 / 3)


def smooth_l1(predictions: Sequence[Tensor], truth: Tensor, mask: Tensor) -> Tensor:
    """Smooth-L1 (beta 1 px), mean over the mask, weighted 1/3 for the coarse map and 2/3 for the final one.

    Args:
        predictions: coarse and final disparity, B×H×W each, in px (trap T7).
        truth: B×H×W in px.
        mask: B×H×W bool, the pixels that count.

    Returns:
        A scalar in px; 0 with zero gradient where the mask is empty.
    """
    count = mask.sum().clamp(min=1)
    # Masked by replacement: no gather, and an empty mask costs no special case.
    known = truth.where(mask, 0)
    total = truth.new_zeros(())
    for weight, prediction in zip(WEIGHTS, predictions, strict=True):
        error = F.smooth_l1_loss(prediction.where(mask, 0), known, reduction="sum")
        total = total + weight * error / count
    return total


def build(config: object) -> Loss:
    """From a `SmoothL1` config node; it has no choices."""

    def loss(output: StereoOutput, final: Tensor, truth: Tensor, mask: Tensor, maxdisp: int) -> Tensor:
        return smooth_l1((coarse_disparity(output, maxdisp), final), truth, mask)

    return loss
