"""What kinds of scenes have in common: the frame that they fill, and what they return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.item import Item
from stereo_exp.shapes.photometry import Camera
from stereo_exp.shapes.surface import HIGHEST


class Frame(NamedTuple):
    """What a scene is to fill: pixels, the largest disparity allowed, and where in 0..1 its depths lie."""

    height: int
    width: int
    limit: float
    near: float
    far: float

    def nearest(self, low: float, high: float) -> float:
        """The scene's own largest disparity, log-uniform between two values that hold at full width."""
        scale = self.limit / 190
        return log_mix(low * scale, high * scale, self.near)


class Composition(NamedTuple):
    """Items from far to near, and how many of them are objects."""

    items: list[Item]
    num_objects: int


def log_mix(low: float, high: float, share: float) -> float:
    """Between two positive numbers, evenly in the logarithm."""
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def pick(rng: np.random.Generator, chances: dict[str, float]) -> str:
    """One of the names; the chances need not add up to one."""
    point = rng.random() * sum(chances.values())
    for name, share in chances.items():
        point -= share
        if point < 0:
            return name
    return name


# A scene: everything needed to draw one pair.


_WIDTH_SHARE = 0.4  # no disparity exceeds this part of the width, or most of the picture would have no partner


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything needed to draw one pair.

    Args:
        height, width: pixels.
        kind: what it shows, one of `scenes.KINDS`.
        items: from far to near.
        num_objects: how many of them are objects; the rest are walls, ground and sky.
        cameras: of the left and the right view.
    """

    height: int
    width: int
    kind: str
    items: tuple[Item, ...]
    num_objects: int
    cameras: tuple[Camera, Camera]


def largest_disparity(width: int) -> float:
    """The largest disparity in scenes of this width: 190 px from 475 px upwards, less in narrower ones."""
    return min(HIGHEST, _WIDTH_SHARE * width)
