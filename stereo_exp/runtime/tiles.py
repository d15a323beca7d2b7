"""An image too large for one pass: overlapping tiles, and how their disparities become one map.

A pixel's match lies up to maxdisp px to the left, so that of every tile but the leftmost the first maxdisp columns
cannot know theirs: they count nothing. Behind them, and at the other edges, weights rise over the seam.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError

SEAM = 32
"""Width of the band over which one tile fades into the next, px."""


class Tile(NamedTuple):
    """A window of the padded image and what its pixels count for."""

    top: int
    left: int
    weights: np.ndarray
    """float32 height×width, ≥ 0."""

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns in the padded image."""
        height, width = self.weights.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def plan(size: tuple[int, int], tile: tuple[int, int], maxdisp: int, multiple: int) -> list[Tile]:
    """Tiles that cover an image.

    Args:
        size: of the image, padded to multiples of `multiple`.
        tile: height and width of a tile, likewise. A tile higher or wider than the image covers it.
        maxdisp: largest disparity, px.
        multiple: tiles start at multiples of this: the network's grid is then the same in every tile.

    Raises:
        UserError: the tile is so small that its pixels could not see their matches.
    """
    overlaps = (SEAM, maxdisp + SEAM)
    for key, step, want, have in zip(("height", "width"), overlaps, tile, size, strict=True):
        if want < have and want < step + multiple:
            rule = f"the {key} of a tile must be at least {step + multiple} px for matches up to {maxdisp} px"
            raise ArgumentError("tile", f"({tile[0]}, {tile[1]})", rule, "give larger tiles, or scale the images down")
    rows = _starts(size[0], tile[0], overlaps[0], multiple)
    columns = _starts(size[1], tile[1], overlaps[1], multiple)
    tiles = []
    for top in rows:
        vertical = _ramp(tile[0], 0, top > 0, top + tile[0] < size[0])
        for left in columns:
            horizontal = _ramp(tile[1], maxdisp, left > 0, left + tile[1] < size[1])
            tiles.append(Tile(top, left, np.outer(vertical, horizontal).astype(np.float32)))
    return tiles


def _starts(size: int, tile: int, overlap: int, multiple: int) -> list[int]:
    last = max(0, size - tile)
    step = (tile - overlap) // multiple * multiple
    return [*range(0, last, step), last] if last else [0]


def _ramp(length: int, blind: int, is_before: bool, is_behind: bool) -> np.ndarray:
    """Weights along one side: `blind` zeros and a rise where a tile lies before, a fall where one lies behind."""
    rise = np.ones(length)
    position = np.arange(length)
    if is_before:
        rise = np.minimum(rise, np.clip((position - blind + 0.5) / SEAM, 0, 1))
    if is_behind:
        rise = np.minimum(rise, np.clip((length - position - 0.5) / SEAM, 0, 1))
    return rise


class Blend:
    """The weighted mean of maps that overlap.

    Args:
        size: height and width of the whole.
        count: maps that are blended side by side (disparity, confidence).
    """

    def __init__(self, size: tuple[int, int], count: int) -> None:
        self._sums = np.zeros((count, *size), np.float32)
        self._weights = np.zeros(size, np.float32)

    def add(self, tile: Tile, maps: tuple[np.ndarray, ...]) -> None:
        """One tile's maps, each of the tile's size."""
        for total, values in zip(self._sums, maps, strict=True):
            total[tile.window] += values * tile.weights
        self._weights[tile.window] += tile.weights

    def result(self) -> tuple[np.ndarray, ...]:
        """The maps, float32 height×width."""
        return tuple(total / self._weights for total in self._sums)
