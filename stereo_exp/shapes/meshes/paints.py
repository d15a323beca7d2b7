"""Paint on triangles: tiles with their halvings, all in one row of texels, looked up trilinearly.

A tile goes on by repeating or, where its edges do not meet, by mirroring. Which halving serves depends on how much of
the tile a pixel spans (Williams, "Pyramidal parametrics", SIGGRAPH 1983), so that both views show the same paint
however far it is. Colours are averaged as light, not as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.jit import jit

GAMMA = 2.2
"""A byte b stands for (b / 255) ** GAMMA of light."""
_LIGHT = ((np.arange(256) / 255) ** GAMMA).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Paint:
    """A tile of paint.

    Args:
        tile: uint8 h×w×3 RGB, the first row on top.
        size: metres that the tile is wide on a surface; its height follows. 1 where paint coordinates count repeats.
        mirrored: whether it goes on by mirroring; it repeats otherwise.
    """

    tile: np.ndarray
    size: float = 1.0
    mirrored: bool = True

    def __post_init__(self) -> None:
        if self.tile.dtype != np.uint8 or self.tile.ndim != 3 or self.tile.shape[2] != 3 or 0 in self.tile.shape:
            raise ArgumentError("tile", f"{self.tile.dtype} {self.tile.shape}", "must be uint8 h×w×3", "convert it")
        if not self.size > 0:
            raise ArgumentError("size", self.size, "must be above 0 metres", "give {size}=1")

    @cached_property
    def levels(self) -> list[np.ndarray]:
        """The tile and its halvings down to one texel: uint8 h×w×3 each."""
        levels, light = [self.tile], _LIGHT[self.tile]
        while max(light.shape[:2]) > 1:
            height, width = (max(side // 2, 1) for side in light.shape[:2])
            light = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA)
            levels.append((255 * light ** (1 / GAMMA) + 0.5).astype(np.uint8))
        return levels

    @property
    def mean(self) -> np.ndarray:
        """Its mean colour as light: float32 3 in 0..1."""
        colour: np.ndarray = _LIGHT[self.levels[-1][0, 0]]
        return colour


class Texels(NamedTuple):
    """All paints of a scene.

    data: uint8 n×3. starts, heights, widths: int32 paints×levels, of each level in `data`. counts: int32, levels of
    each paint. mirrored: bool, of each paint.
    """

    data: np.ndarray
    starts: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    counts: np.ndarray
    mirrored: np.ndarray


def pack_paints(paints: Sequence[Paint]) -> Texels:
    """Lay paints in a row; at least one."""
    count = max(len(paint.levels) for paint in paints)
    starts, heights, widths = (np.zeros((len(paints), count), np.int32) for _ in range(3))
    rows, place = [], 0
    for i, paint in enumerate(paints):
        for k, level in enumerate(paint.levels):
            starts[i, k], (heights[i, k], widths[i, k]) = place, level.shape[:2]
            rows.append(level.reshape(-1, 3))
            place += len(rows[-1])
    counts = np.array([len(paint.levels) for paint in paints], np.int32)
    mirrored = np.array([paint.mirrored for paint in paints], bool)
    return Texels(np.concatenate(rows), starts, heights, widths, counts, mirrored)


@jit
def look_up(texels: Texels, paint: int, u: float, v: float, span: float) -> tuple[float, float, float]:
    """Light of a paint, three floats in 0..1.

    Args:
        texels: all paints.
        paint: which.
        u, v: place in repeats of the tile; v grows upwards, as paint coordinates do.
        span: repeats of the tile that a pixel spans.
    """
    count = texels.counts[paint]
    wanted = np.log2(max(span * max(texels.widths[paint, 0], texels.heights[paint, 0]), 1e-6))
    wanted = min(max(wanted, 0.0), count - 1.0)
    first = int(wanted)
    share = wanted - first
    # Folded into 0..1 before it is scaled, so that far repeats lose no digits.
    if texels.mirrored[paint]:
        u = abs(u - 2.0 * np.floor(u * 0.5 + 0.5))
        v = abs(v - 2.0 * np.floor(v * 0.5 + 0.5))
    else:
        u -= np.floor(u)
        v -= np.floor(v)
    red, green, blue = 0.0, 0.0, 0.0
    for step in range(2):
        level = first + step
        weight = share if step else 1.0 - share
        if weight <= 0.0 or level >= count:
            continue
        height, width, start = texels.heights[paint, level], texels.widths[paint, level], texels.starts[paint, level]
        x, y = u * width - 0.5, (1.0 - v) * height - 0.5
        left, top = int(np.floor(x)), int(np.floor(y))
        right_share, low_share = x - left, y - top
        right, low = left + 1, top + 1
        if texels.mirrored[paint]:
            left, top = max(left, 0), max(top, 0)
            right, low = min(right, width - 1), min(low, height - 1)
        else:
            left, top = left % width, top % height
            right, low = right % width, low % height
        for corner in range(4):
            column = right if corner & 1 else left
            row = low if corner & 2 else top
            part = (right_share if corner & 1 else 1.0 - right_share) * (low_share if corner & 2 else 1.0 - low_share)
            texel = texels.data[start + row * width + column]
            red += weight * part * _LIGHT[texel[0]]
            green += weight * part * _LIGHT[texel[1]]
            blue += weight * part * _LIGHT[texel[2]]
    return red, green, blue
