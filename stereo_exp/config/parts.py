"""Schema of what networks are composed of: the groups `model/backbone`, `model/neck` and so on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from omegaconf import MISSING

from stereo_exp.base import UserError, option
from stereo_exp.config.marks import narrows
from stereo_exp.config.rules import at_least, counts, one_of, positive

NUM_STAGES = 5
MAX_EXPANSION = 64
STRIDES = (2, 4, 8, 16, 32)
"""Px of the full image, both ways, that one pixel of each of a backbone's five maps stands for."""


PARTS = ("backbone", "neck", "volume", "aggregation", "upsampling", "readout")
"""What a network is composed of, from images to disparity; each a group, `model/backbone`."""


@dataclass
class Part:
    """What a network is composed of."""

    def check_integers(self) -> None:
        """Refuse values without an exact integer form, which stages behind `float` need.

        Raises:
            UserError: it has none.
        """


@dataclass
class Backbone(Part):
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
    expansion: list[float] = narrows(default_factory=lambda: [2.0, 4.0, 4.0, 2.0, 2.0])
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


@option("model/backbone", "residual", "stereo_exp.model.residual:ResidualNet")
@dataclass
class ResidualNet(Backbone):
    name: str = "residual"
    widths: list[int] = field(default_factory=lambda: [16, 32, 64, 96, 128])
    """Channels of each of the five stages."""
    units: list[int] = field(default_factory=lambda: [0, 1, 2, 2, 2])
    """Residual units behind the strided convolution of each of the five stages."""

    def __post_init__(self) -> None:
        counts("model.backbone.widths", self.widths, 1, NUM_STAGES)
        counts("model.backbone.units", self.units, 0, NUM_STAGES)


@dataclass
class Neck(Part):
    name: str = MISSING
    """Which neck; set by the option `model/neck=`."""


@option("model/neck", "fpn", "stereo_exp.model.neck:FPN")
@dataclass
class FPN(Neck):
    name: str = "fpn"
    channels: int = 16
    """Channels of each of the three maps that it makes; the matching uses them all."""

    def __post_init__(self) -> None:
        at_least("model.neck.channels", self.channels, 1)


@option("model/neck", "decoder", "stereo_exp.model.neck:Decoder")
@dataclass
class Decoder(Neck):
    name: str = "decoder"
    stride: int = 4
    """Px of the finest map that is told what the coarser ones see."""

    def __post_init__(self) -> None:
        one_of("model.neck.stride", self.stride, STRIDES[:-1])


@dataclass
class Volume(Part):
    """What matches the two views. Of a network's contract it says the stride and how far down its scales go."""

    name: str = MISSING
    """Which cost volume; set by the option `model/volume=`."""
    stride: int = 8
    """Px from one disparity candidate to the next, and of the cells that get one value."""

    def __post_init__(self) -> None:
        one_of("model.volume.stride", self.stride, STRIDES, type(self).stride)

    @property
    def coarsest(self) -> int:
        """Stride of the coarsest volume, px: `maxdisp` is a multiple of it."""
        return self.stride

    @property
    def number(self) -> int:
        """How many volumes it makes."""
        return 1


@option("model/volume", "pyramid", "stereo_exp.model.cost_volume:PyramidVolume")
@dataclass
class PyramidVolume(Volume):
    name: str = "pyramid"
    scales: int = 3
    """Volumes, each of twice the stride of the one before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.volume.scales", self.scales, 1)
        if self.coarsest > STRIDES[-1]:
            most = STRIDES.index(STRIDES[-1] // self.stride) + 2 if self.stride < STRIDES[-1] else 1
            rule = f"of strides from {self.stride} on ends at {self.coarsest}, and the maps at {STRIDES[-1]}"
            raise UserError("model.volume.scales", self.scales, rule, f"try model.volume.scales={most}")

    @property
    def coarsest(self) -> int:
        return self.stride << (self.scales - 1)

    @property
    def number(self) -> int:
        return self.scales


@option("model/volume", "single", "stereo_exp.model.cost_volume:SingleVolume")
@dataclass
class SingleVolume(Volume):
    name: str = "single"
    stride: int = 4
    """Px from one disparity candidate to the next, and of the cells that get one value."""
    groups: int = 1
    """Groups of channels, each of which matches on its own."""
    features: int = 32
    """Channels that are matched: for each group a power of two, so that their mean is exact."""
    normalization: str = "batchnorm"
    """`batchnorm`; or `unit`, features of unit length, for float networks only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.volume.groups", self.groups, 1)
        at_least("model.volume.features", self.features, 1)
        one_of("model.volume.normalization", self.normalization, ("batchnorm", "unit"))
        each, rest = divmod(self.features, self.groups)
        if rest or each & (each - 1) or not each:
            rule = f"must be {self.groups} times a power of two (model.volume.groups={self.groups})"
            raise UserError(
                "model.volume.features", self.features, rule, f"try model.volume.features={16 * self.groups}"
            )

    def check_integers(self) -> None:
        if self.normalization == "unit":
            rule = "unit length has no exact integer form, which takes a square root and a division"
            fix = "set model.volume.normalization=batchnorm and train again"
            raise UserError("model.volume.normalization", self.normalization, rule, fix)


@dataclass
class Aggregation(Part):
    name: str = MISSING
    """Which aggregation; set by the option `model/aggregation=`."""

    @property
    def levels(self) -> int:
        """How often it halves the volume's size, and once more."""
        return 1

    def check(self, volume: Volume) -> None:
        """Refuse what it cannot aggregate."""


@option("model/aggregation", "adaptive", "stereo_exp.model.aggregation:AdaptiveAggregation")
@dataclass
class AdaptiveAggregation(Aggregation):
    name: str = "adaptive"
    num_modules: int = 6
    """Aggregation modules in a row; the last puts out the finest scale only."""

    def __post_init__(self) -> None:
        at_least("model.aggregation.num_modules", self.num_modules, 1)


@option("model/aggregation", "unet", "stereo_exp.model.unet:UNetAggregation")
@dataclass
class UNetAggregation(Aggregation):
    name: str = "unet"
    widths: list[int] = field(default_factory=lambda: [48, 96, 192])
    """Channels at each level; multiples of 16 are what matrix units like."""
    units: list[int] = field(default_factory=lambda: [2, 3, 6])
    """Units on the way down, for each level."""
    up_units: list[int] = field(default_factory=lambda: [1, 1])
    """Units on the way up, for each level but the last."""
    expansion: float = narrows(1.0)
    """Channels inside a unit, for each outside."""
    unit: str = "wide"
    """`wide`: 3x3 on all channels, then 1x1; `partial`: 3x3 on a quarter of them, then 1x1 up and back."""
    gate: str = "left"
    """`left`: the left view's features say what passes at each level; or `none`."""

    def __post_init__(self) -> None:
        counts("model.aggregation.widths", self.widths, 4)
        counts("model.aggregation.units", self.units, 0, len(self.widths))
        counts("model.aggregation.up_units", self.up_units, 0, len(self.widths) - 1)
        positive("model.aggregation.expansion", self.expansion)
        one_of("model.aggregation.unit", self.unit, ("wide", "partial"))
        one_of("model.aggregation.gate", self.gate, ("left", "none"))

    @property
    def levels(self) -> int:
        return len(self.widths)

    def check(self, volume: Volume) -> None:
        if volume.number > self.levels:
            rule = f"has {self.levels} levels for {volume.number} volumes (model/volume={volume.name})"
            raise UserError("model.aggregation.widths", self.widths, rule, "give it more levels, or take fewer volumes")
        coarsest = volume.stride * 2 ** (self.levels - 1)
        if self.gate == "left" and coarsest > STRIDES[-1]:
            rule = f"reads the left view at 1/{coarsest}, where there is no map (model.volume.stride={volume.stride})"
            raise UserError("model.aggregation.gate", self.gate, rule, "try model.aggregation.gate=none")


@dataclass
class Upsampling(Part):
    name: str = MISSING
    """Which up-sampling; set by the option `model/upsampling=`."""

    def check(self, volume: Volume) -> None:
        """Refuse cells that it cannot up-sample."""


@option("model/upsampling", "deconvolution", "stereo_exp.model.superpixel:DeconvolutionUpsampling")
@dataclass
class DeconvolutionUpsampling(Upsampling):
    name: str = "deconvolution"
    cell: ClassVar[int] = 8
    """Px: what three doublings make of a cell."""
    hidden: int = 16
    """Channels of the superpixel branch."""

    def __post_init__(self) -> None:
        at_least("model.upsampling.hidden", self.hidden, 1)

    def check(self, volume: Volume) -> None:
        if volume.stride != self.cell:
            rule = f"up-samples cells of {self.cell} px, and those of model/volume={volume.name} have {volume.stride}"
            raise UserError("model/upsampling", self.name, rule, "try model/upsampling=convex")


@option("model/upsampling", "convex", "stereo_exp.model.superpixel:ConvexUpsampling")
@dataclass
class ConvexUpsampling(Upsampling):
    name: str = "convex"
    neighbours: int = 9
    """Cells that a pixel mixes: 9, all around; 4, its own and those above and left of it; 1, its own."""
    hidden: int = 64
    """Channels from which the weights of a cell's pixels are made."""
    pixel: int = 1
    """Px: 1, weights for every pixel; 2, for blocks of 2x2, whose values the last step up joins bilinearly."""
    refinement: str = "none"
    """`half`: the views are compared once more at half the size, where the strongest candidates point; or `none`."""

    def __post_init__(self) -> None:
        one_of("model.upsampling.neighbours", self.neighbours, (1, 4, 9))
        one_of("model.upsampling.pixel", self.pixel, (1, 2))
        at_least("model.upsampling.hidden", self.hidden, 1)
        one_of("model.upsampling.refinement", self.refinement, ("none", "half"))
        if self.refinement == "half" and self.pixel != 2:
            rule = f"has blocks of 2 px, and model.upsampling.pixel={self.pixel}"
            raise UserError("model.upsampling.refinement", "half", rule, "set model.upsampling.pixel=2")

    def check(self, volume: Volume) -> None:
        if self.refinement == "half" and volume.stride < 4:
            rule = f"looks closer than cells of {volume.stride} px (model.volume.stride={volume.stride})"
            raise UserError("model.upsampling.refinement", "half", rule, "set model.upsampling.refinement=none")


@dataclass
class Readout(Part):
    name: str = MISSING
    """What one value a cell's candidates stand for; set by the option `model/readout=`."""


@option("model/readout", "expectation", "stereo_exp.model.readout:Expectation")
@dataclass
class Expectation(Readout):
    name: str = "expectation"


@option("model/readout", "window", "stereo_exp.model.readout:Window")
@dataclass
class Window(Readout):
    name: str = "window"
    radius: int = 2
    """Candidates on either side of the strongest one that count."""

    def __post_init__(self) -> None:
        at_least("model.readout.radius", self.radius, 1)
