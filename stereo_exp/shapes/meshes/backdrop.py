"""What lies behind all things: a sky, or a photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.paints import Paint, Texels, look_up

Color = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A far plane, square to the cameras, on which the sky or a photograph is painted, and the light that comes from
    it.

    Args:
        zenith, horizon, ground: RGB light from above, from the side and from below.
        paint: what is seen; None shows the light itself.
        gain: RGB factors of the paint, as light.
        spread: radians that the tile is wide, about.
        middle: (azimuth, elevation) of the tile's lower left corner, radians.
        disparity: px in a picture 640 px wide; less where something seen is farther. Above 0: 0 means unknown in truth.
    """

    zenith: Color = (0.4, 0.55, 0.9)
    horizon: Color = (0.7, 0.75, 0.8)
    ground: Color = (0.2, 0.18, 0.15)
    paint: Paint | None = None
    gain: Color = (1.0, 1.0, 1.0)
    spread: float = 1.2
    middle: tuple[float, float] = (0.0, 0.0)
    disparity: float = 0.3

    def __post_init__(self) -> None:
        if not self.disparity > 0:
            rule = "must be above 0 px: 0 means unknown in truth"
            raise ArgumentError("disparity", self.disparity, rule, "give {disparity}=0.3")

    def pack(self, paint: int) -> Behind:
        """As compiled functions take it; `paint` is the number of its paint among all, −1 for none."""
        light = np.array([self.zenith, self.horizon, self.ground], np.float32)
        # An even number of tiles all around, so that mirrored ones meet without a seam.
        density = max(round(math.pi / self.spread), 1) / math.pi
        return Behind(light, paint, np.array(self.gain, np.float32), density, *self.middle)


class Behind(NamedTuple):
    """A backdrop: light float32 3×3 (zenith, horizon, ground), paint, gain float32 3, repeats a radian, middle."""

    light: np.ndarray
    paint: int
    gain: np.ndarray
    density: float
    azimuth: float
    elevation: float


@jit
def ambient(behind: Behind, dx: float, dy: float, dz: float) -> tuple[float, float, float]:
    """RGB light that comes from a direction, which need not be of length 1: smooth, for lighting and for gloss."""
    level = dz / np.sqrt(dx * dx + dy * dy + dz * dz)
    light = behind.light
    if level >= 0:
        share, k = np.sqrt(level), 0
    else:
        share, k = min(-4.0 * level, 1.0), 2
    return (
        light[1, 0] + share * (light[k, 0] - light[1, 0]),
        light[1, 1] + share * (light[k, 1] - light[1, 1]),
        light[1, 2] + share * (light[k, 2] - light[1, 2]),
    )


@jit
def look_behind(
    behind: Behind, texels: Texels, dx: float, dy: float, dz: float, span: float
) -> tuple[float, float, float]:
    """RGB light that a camera sees in a direction; `span` is radians a pixel."""
    if behind.paint < 0:
        return ambient(behind, dx, dy, dz)
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    # Upright tiles at the horizon; towards the zenith the rows narrow, which no camera here looks at.
    u = (math.atan2(dx, dy) - behind.azimuth) * behind.density
    width, height = texels.widths[behind.paint, 0], texels.heights[behind.paint, 0]
    v = (math.asin(min(max(dz / length, -1.0), 1.0)) - behind.elevation) * behind.density * width / height
    red, green, blue = look_up(texels, behind.paint, u, v, span * behind.density)
    return red * behind.gain[0], green * behind.gain[1], blue * behind.gain[2]
