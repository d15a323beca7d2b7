"""Schema of the network: `model`, `model/backbone`, `model/neck`, `model/head`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from omegaconf import MISSING

from stereo_exp.base import STRIDE, UserError, option
from stereo_exp.config.rules import at_least, positive

NUM_STAGES = 5
MAX_EXPANSION = 64


@dataclass
class Backbone:
    name: str = MISSING
    """Which backbone; set by the option `model/backbone=`."""


@option("model/backbone", "mixvargenet", "stereo_exp.model.mixvargenet:MixVarGENet")
@dataclass
class MixVarGENet(Backbone):
    name: str = "mixvargenet"
    width: float = 1.0
    """Multiplies every channel count, rounded to whole groups of 16 channels."""
    units: list[int] = field(default_factory=lambda: [0, 2, 2, 6, 2])
    """Residual units stacked behind the head unit in each of the five stages."""
    expansion: list[float] = field(default_factory=lambda: [2.0, 4.0, 4.0, 2.0, 2.0])
    """Channels inside the units of each of the five stages, for each that they take in."""

    def __post_init__(self) -> None:
        positive("model.backbone.width", self.width)
        if len(self.expansion) != NUM_STAGES or not all(0 < factor <= MAX_EXPANSION for factor in self.expansion):
            raise UserError(
                "model.backbone.expansion",
                self.expansion,
                f"must be five numbers above 0 and up to {MAX_EXPANSION}, one for each stage",
                "try model.backbone.expansion=[2,4,4,2,2]",
            )
        if len(self.units) != NUM_STAGES or min(self.units) < 0:
            raise UserError(
                "model.backbone.units",
                self.units,
                "must be five counts of at least 0, one for each stage",
                "try model.backbone.units=[0,2,2,6,2]",
            )


@option("model/backbone", "mobilenetv2", "stereo_exp.model.mobilenetv2:MobileNetV2")
@dataclass
class MobileNetV2(Backbone):
    name: str = "mobilenetv2"
    width: float = 1.0
    """Multiplies every channel count, rounded to multiples of 8."""

    def __post_init__(self) -> None:
        positive("model.backbone.width", self.width)


@dataclass
class Neck:
    name: str = MISSING
    """Which neck; set by the option `model/neck=`."""


@option("model/neck", "fpn", "stereo_exp.model.fpn:FPN")
@dataclass
class FPN(Neck):
    name: str = "fpn"
    channels: int = 16
    """Channels of each of its three maps; the matching uses them all."""

    def __post_init__(self) -> None:
        at_least("model.neck.channels", self.channels, 1)


@dataclass
class Head:
    name: str = MISSING
    """Which head; set by the option `model/head=`."""


@option("model/head", "aanet_spx", "stereo_exp.model.aanet_spx:AANetSuperpixelHead")
@dataclass
class AANetSpx(Head):
    name: str = "aanet_spx"
    hidden: int = 16
    """Channels of the superpixel branch."""
    num_modules: int = 6
    """Aggregation modules in a row; the last puts out the finest scale only."""

    def __post_init__(self) -> None:
        at_least("model.head.hidden", self.hidden, 1)
        at_least("model.head.num_modules", self.num_modules, 1)


@dataclass
class Model:
    name: str = MISSING
    """Which network; set by the option `model=`."""
    maxdisp: int = 192
    """Disparity range in px, a multiple of 32. Drives head, post-process, loss, mask and metrics."""
    backbone: Backbone = MISSING
    neck: Neck = MISSING
    head: Head = MISSING

    def __post_init__(self) -> None:
        if self.maxdisp < STRIDE or self.maxdisp % STRIDE:
            nearest = max(STRIDE, round(self.maxdisp / STRIDE) * STRIDE)
            raise UserError(
                "model.maxdisp",
                self.maxdisp,
                f"must be a positive multiple of {STRIDE} (the 1/{STRIDE} cost volume)",
                f"try model.maxdisp={nearest}",
            )


@option("model", "stereonetplus", "stereo_exp.model.stereonetplus:StereoNetPlus")
@dataclass
class StereoNetPlus(Model):
    name: str = "stereonetplus"


def widen(model: Model, to: Model) -> Model:
    """A network with another's `backbone.expansion`, where its own is nowhere larger; else as it is."""
    ours, theirs = (getattr(each.backbone, "expansion", None) for each in (model, to))
    if ours is None or theirs is None or any(a > b for a, b in zip(ours, theirs, strict=True)):
        return model
    return replace(model, backbone=replace(model.backbone, expansion=list(theirs)))  # type: ignore[call-arg]
