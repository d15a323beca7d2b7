"""A stereo network of parts: trunk and neck with weights shared by both views, volume, aggregation, up-sampling,
read-out. StereoNetPlus is one composition of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from stereo_exp.model.colour import normalize
from stereo_exp.model.readout import Logits, Matched, Regression, StereoOutput, full_confidence, full_disparity


class Trunk(nn.Module):
    """The part that becomes integer arithmetic: everything up to the two maps of logits.

    Shape: left, right B×3×H×W (H and W multiples of `multiple`, see `stereo_exp.model.colour.normalize`) -> `Logits`.

    Args:
        backbone: images to five maps, strides 2 to 32.
        neck: those to five maps.
        volume: maps of both views to cost volumes.
        aggregation: volumes and the left view's maps to one logit for each candidate.
        upsampling: maps to one logit for each coarse neighbour of every pixel, or of every block of them; with the
            aggregation's logits at hand, for what looks where those point.
        multiple: of what height and width must be multiples, in px.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        volume: nn.Module,
        aggregation: nn.Module,
        upsampling: nn.Module,
        multiple: int,
    ) -> None:
        super().__init__()
        self.backbone, self.neck, self.volume = backbone, neck, volume
        self.aggregation, self.upsampling = aggregation, upsampling
        self.multiple = multiple

    @property
    def parts(self) -> tuple[Any, ...]:
        """What a trunk of the same modules is made of."""
        return self.backbone, self.neck, self.volume, self.aggregation, self.upsampling, self.multiple

    def forward(self, left: Tensor, right: Tensor) -> Logits:
        batch = left.shape[0]
        maps = self.neck(self.backbone(torch.cat((left, right))))
        volumes = self.volume(maps, batch)
        disparity = self.aggregation(volumes, [each[:batch] for each in maps])
        matched: tuple[Matched, ...] = ()
        if self.training:
            strides, sharpness, groups = self.volume.strides, self.volume.sharpness, self.volume.groups
            matched = tuple(Matched(v, s, sharpness, groups) for v, s in zip(volumes, strides, strict=True))  # type: ignore
        return Logits(disparity, self.upsampling(maps, batch, disparity), matched)


class StereoNetwork(Trunk):
    """Two normalised images to a coarse disparity and superpixel weights.

    Shape: as `Trunk` -> `StereoOutput`.

    Args: as `Trunk`, and
        readout: logits to shares of the range.
        maxdisp: range in px.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        volume: nn.Module,
        aggregation: nn.Module,
        upsampling: nn.Module,
        multiple: int,
        readout: nn.Module,
        maxdisp: int,
    ) -> None:
        super().__init__(backbone, neck, volume, aggregation, upsampling, multiple)
        stride, neighbours, pixel = volume.strides[0], upsampling.neighbours, upsampling.pixel  # type: ignore[index]
        offsets = getattr(upsampling, "offsets", ())
        self.regression = Regression(readout, maxdisp, stride, neighbours, pixel, offsets)  # type: ignore[arg-type]
        self.maxdisp = maxdisp

    def forward(self, left: Tensor, right: Tensor) -> StereoOutput:  # type: ignore[override]
        return self.regression(super().forward(left, right))


@torch.no_grad()
def predict(model: nn.Module, left: Tensor, right: Tensor) -> Tensor:
    """Disparity of raw pairs.

    Args:
        left, right: uint8 B×3×H×W RGB, H and W multiples of the network's `multiple`, on the model's device.

    Returns:
        float32 B×H×W in px. In float32 throughout: evaluation must not depend on what autocast a machine has.
    """
    return full_disparity(model(normalize(left), normalize(right)))


@torch.no_grad()
def predict_maps(model: nn.Module, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """`predict`, and the network's own sureness, float32 B×H×W in 0…1."""
    output = model(normalize(left), normalize(right))
    return full_disparity(output), full_confidence(output)
