"""StereoNetPlus: backbone and neck with weights shared by both views, head, regression."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stereo_exp.model.aanet_spx import HeadLogits
from stereo_exp.model.colour import normalize
from stereo_exp.model.regression import Regression, StereoOutput, full_disparity


class StereoNetPlus(nn.Module):
    """Two normalised images to a coarse disparity and superpixel weights.

    Shape: left, right B×3×H×W (H and W multiples of 32, see `stereo_exp.model.colour.normalize`) -> `StereoOutput`.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module, head: nn.Module, maxdisp: int) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = backbone, neck, head
        self.maxdisp = maxdisp
        self.regression = Regression(head.num_candidates[0], maxdisp)  # type: ignore[index, arg-type]

    def trunk(self, left: Tensor, right: Tensor) -> HeadLogits:
        """The part that becomes integer arithmetic: everything up to the two maps of logits."""
        s2, s4, *coarse = self.backbone(torch.cat((left, right)))
        return self.head((s2, s4, *self.neck(coarse)), left.shape[0])

    def forward(self, left: Tensor, right: Tensor) -> StereoOutput:
        return self.regression(self.trunk(left, right))


@torch.no_grad()
def predict(model: nn.Module, left: Tensor, right: Tensor) -> Tensor:
    """Disparity of raw pairs.

    Args:
        left, right: uint8 B×3×H×W RGB, H and W multiples of 32, on the model's device.

    Returns:
        float32 B×H×W in px. In float32 throughout: evaluation must not depend on what autocast a machine has.
    """
    return full_disparity(model(normalize(left), normalize(right)))
