"""Schema of `loss`."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from stereo_exp.config.rules import at_least


@dataclass
class Loss:
    name: str = MISSING
    """Which loss; set by the option `loss=`."""


@dataclass
class SmoothL1(Loss):
    name: str = "smooth_l1"


@dataclass
class Distribution(Loss):
    name: str = "distribution"
    weight: float = 10.0
    """Px of loss for each nat of cross-entropy between the disparity distribution and the truth."""
    volumes: float = 0.0
    """Share of `weight` for the cross-entropy of each correlation volume itself, before any aggregation; 0 leaves the
    volumes alone."""

    def __post_init__(self) -> None:
        at_least("loss.weight", self.weight, 0)
        at_least("loss.volumes", self.volumes, 0)
