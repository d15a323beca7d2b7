"""Schema of the network, `model`: its parts, and what they have to agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from omegaconf import MISSING

from stereo_exp.base import UserError, option
from stereo_exp.config.marks import free, widen_part
from stereo_exp.config.parts import (
    PARTS,
    STRIDES,
    Aggregation,
    Backbone,
    Neck,
    Part,
    Readout,
    Upsampling,
    Volume,
)
from stereo_exp.config.rules import one_of

UNFOLDINGS = ("convolution", "im2col")


@dataclass
class Model:
    name: str = MISSING
    """Which network; set by the option `model=`."""
    maxdisp: int = 192
    """Disparity range in px, a multiple of the coarsest volume's stride. Drives the network, loss, mask and metrics."""
    backbone: Backbone = MISSING
    neck: Neck = MISSING
    volume: Volume = MISSING
    aggregation: Aggregation = MISSING
    upsampling: Upsampling = MISSING
    readout: Readout = MISSING
    unfold: str = free("convolution")
    """How a cell's neighbours become channels, to the same values: `convolution`, with fixed weights, as every export
    has it; or `im2col`, torch's own unfold, which many chips lack."""

    def __post_init__(self) -> None:
        one_of("model.unfold", self.unfold, UNFOLDINGS)
        self.aggregation.check(self.volume)
        self.upsampling.check(self.volume)
        step = self.volume.coarsest
        if self.maxdisp < step or self.maxdisp % step:
            nearest = max(step, round(self.maxdisp / step) * step)
            raise UserError(
                "model.maxdisp",
                self.maxdisp,
                f"must be a positive multiple of {step} (the 1/{step} cost volume)",
                f"try model.maxdisp={nearest}",
            )

    @property
    def multiple(self) -> int:
        """Of what height and width must be multiples, px: the coarsest map's stride."""
        return max(STRIDES[-1], self.volume.coarsest, self.volume.stride << (self.aggregation.levels - 1))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it is composed of, in the order of `PARTS`."""
        return tuple(getattr(self, place) for place in PARTS)

    def check_integers(self) -> None:
        """Refuse to quantise what has no exact integer form; each part knows of itself.

        Raises:
            UserError: a part has none.
        """
        for part in self.parts:
            part.check_integers()


@option("model", "stereonetplus", "stereo_exp.model.network:StereoNetwork")
@dataclass
class StereoNetPlus(Model):
    name: str = "stereonetplus"


@option("model", "quarternet", "stereo_exp.model.network:StereoNetwork")
@dataclass
class QuarterNet(Model):
    name: str = "quarternet"


def widen(model: Model, to: Model) -> Model:
    """A network with what another has more of inside its units (see `narrows`), where its own is nowhere larger; else
    as it is."""
    wider: dict[str, Any] = {each: widen_part(getattr(model, each), getattr(to, each)) for each in PARTS}
    return model if None in wider.values() else replace(model, **wider)
