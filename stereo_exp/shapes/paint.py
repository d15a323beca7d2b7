"""Paint in perspective: a tile with its reductions in one picture, and how points in space fall upon it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from stereo_exp.shapes.space import Rig


def sample_color(rng: np.random.Generator, vivid: float = 1.0) -> np.ndarray:
    """A random RGB colour, 3 floats in 0..255; `vivid` 0 is grey."""
    found = rng.uniform(15, 240, 3)
    paler: np.ndarray = found.mean() + (found - found.mean()) * rng.beta(1.0, 2.0) * vivid
    return paler


def mix_colors(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between two colours at 0..1: h×w to uint8 h×w×3."""
    table = first + np.linspace(0, 1, 256)[:, None] * (second - first)
    picture: np.ndarray = np.clip(table, 0, 255).astype(np.uint8)[(share * 255).astype(np.uint8)]
    return picture


def palette(rng: np.random.Generator) -> np.ndarray:
    """256×3 uint8: a ramp through three random colours, dark to light or the reverse."""
    stops = rng.uniform(0, 255, (3, 3))
    grey = stops.mean(axis=1, keepdims=True)
    stops = grey + (stops - grey) * rng.uniform(0.1, 1.0)  # from nearly grey to fully coloured
    low, high = rng.uniform(0, 90), rng.uniform(150, 255)
    levels = np.array([low, (low + high) / 2, high])[:: rng.choice([-1, 1])]
    stops += (levels - stops.mean(axis=1))[:, None]
    ramp = np.array([np.interp(np.arange(256), [0, 128, 255], stops[:, c]) for c in range(3)])
    table: np.ndarray = np.clip(ramp.T, 0, 255).astype(np.uint8)
    return table


def noise_field(
    rng: np.random.Generator, side: int, persistence: float | None = None, coarse: bool = False
) -> np.ndarray:
    """float32 side×side in 0..1: octaves of value noise, each finer one weaker by `persistence`.

    `coarse` stops at an eighth of the side.
    """
    total = np.zeros((side, side), np.float32)
    wavelength, weight = rng.uniform(0.3, 1.0) * max(side, 32), 1.0
    persistence = rng.uniform(0.55, 1.0) if persistence is None else persistence
    stretch = math.exp(rng.normal(0, 0.4))  # wood and water are not isotropic
    finest = side / 8 if coarse else 3
    while wavelength >= finest:
        shape = [max(2, math.ceil(side / max(wavelength * s, 3)) + 1) for s in (stretch, 1 / stretch)]
        grid = rng.random(shape, dtype=np.float32) - np.float32(0.5)
        total += np.float32(weight) * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        wavelength, weight = wavelength / 2, weight * persistence
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) * np.float32(1 / max(high - low, 1e-6))


# Normal noise in no time: stretches of one long row of numbers.


_LENGTH = 1 << 21  # numbers


def grain_of(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Standard normal float32 numbers that begin in a fixed row where `seed` says; do not write into them.

    Drawing half a million of them afresh would take about as long as drawing a view does.
    """
    size = math.prod(shape)
    if size >= _LENGTH:
        return np.resize(np.roll(_row(), seed % _LENGTH), shape)
    start = seed % (_LENGTH - size)
    return _row()[start : start + size].reshape(shape)


@lru_cache(maxsize=1)
def _row() -> np.ndarray:
    return np.random.Generator(np.random.Philox(20)).standard_normal(_LENGTH, dtype=np.float32)


_SMALLEST = 8  # pixels on a side of the last reduction


def for_channels(field: np.ndarray) -> np.ndarray:
    """h×w as h×w×3, laid out in full: numpy is slow where it stretches a field over three channels."""
    return cv2.merge((field, field, field))


class Atlas:
    """A square tile and its reductions by √2 each, side by side, so that one look-up serves all distances.

    `tile` is uint8 s×s×3. Reductions keep a surface that is seen small from sampling single pixels, which would
    differ between the views (mip-mapping; Williams, SIGGRAPH 1983). The tile goes on by mirroring.
    """

    def __init__(self, tile: np.ndarray) -> None:
        self.side = tile.shape[0]
        count = 2 * int(math.log2(self.side / _SMALLEST)) + 1
        sides = [round(self.side * 2 ** (-k / 2)) for k in range(count)]
        self.image = np.zeros((self.side, sum(sides), 3), np.uint8)
        offsets = np.concatenate([[0], np.cumsum(sides)[:-1]])
        full = tile
        for k, (side, offset) in enumerate(zip(sides, offsets, strict=True)):
            if k % 2:  # halfway to the next halving; linear look-up of less than a halving does not alias
                level = cv2.resize(full, (side, side), interpolation=cv2.INTER_LINEAR)
            else:
                level = full = cv2.resize(full, (side, side), interpolation=cv2.INTER_AREA) if k else tile
            self.image[:side, offset : offset + side] = level
        # Tables for any byte, as OpenCV looks them up several times faster than numpy takes elements.
        self._scales = np.full(256, (sides[-1] - 1) / self.side, np.float32)
        self._scales[:count] = [(side - 1) / self.side for side in sides]
        self._offsets = np.full(256, offsets[-1], np.float32)
        self._offsets[:count] = offsets

    def colors(
        self, column: np.ndarray, row: np.ndarray, level: np.ndarray | float, tint: tuple[float, float, float]
    ) -> np.ndarray:
        """RGB times `tint`, float32 h×w×3, at tile pixels; `level` is log2 of the tile pixels that a pixel spans."""
        column, row = self._fold(column), self._fold(row)
        if np.ndim(level) == 0:
            index = min(max(round(2 * float(level)), 0), 255)
            column *= self._scales[index]
            column += self._offsets[index]
            row *= self._scales[index]
        else:
            places = cv2.convertScaleAbs(np.maximum(level, 0), alpha=2)
            scale = cv2.LUT(places, self._scales)
            column *= scale
            column += cv2.LUT(places, self._offsets)
            row *= scale
        # The table makes float32 of the bytes and tints them in one pass.
        table = np.arange(256, dtype=np.float32)[:, None] * np.array(tint, np.float32)
        return cv2.LUT(cv2.remap(self.image, column, row, cv2.INTER_LINEAR), table[None])

    def _fold(self, position: np.ndarray) -> np.ndarray:
        """Mirrored into 0..side."""
        side = np.float32(self.side)
        position = np.abs(position) * np.float32(0.5 / self.side)
        position -= np.floor(position)
        position *= 2 * side
        folded: np.ndarray = np.minimum(position, 2 * side - position)
        return folded


@dataclass(frozen=True, eq=False)
class PlanePaint:
    """A tile upon a plane in space.

    Args:
        atlas: the tile.
        rig: whose left camera sees the plane.
        column, row: the tile's axes in the camera's frame, tile pixels a metre.
        offset: tile pixels (column, row) of the camera's own position.
        distance: of the plane from the left camera, metres.
        tint: factor of each channel.
    """

    atlas: Atlas
    rig: Rig
    column: np.ndarray
    row: np.ndarray
    offset: tuple[float, float]
    distance: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def colors(self, x: np.ndarray, y: np.ndarray, disparity: np.ndarray) -> np.ndarray:
        """See `Paint`."""
        # Only pixels that lose against something nearer are as far as this or behind the camera.
        depth = np.float32(self.rig.power) / np.maximum(disparity, np.float32(0.05))
        positions = []
        for axis, offset in ((self.column, self.offset[0]), (self.row, self.offset[1])):
            a, b, c = (np.float32(v) for v in self.rig.affine(axis))
            position = (b * x.astype(np.float32)) + (a + c * y.astype(np.float32))
            position *= depth
            position += np.float32(offset)
            positions.append(position)
        density = math.sqrt(float(self.column @ self.column))
        # A pixel spans Z³ / (f²·h) square metres of the plane, h being its distance. The root averages over the
        # two directions; the rows are the same in both views, so that the quarter more goes to the columns.
        area = density**2 / (self.rig.focal**2 * max(self.distance, 1e-3))
        level: np.ndarray | float
        if disparity.size < 400:
            level = 0.5 * math.log2(area) + 1.5 * math.log2(float(depth.mean())) + 0.5
        else:
            level = np.float32(1.5) * np.log2(depth) + np.float32(0.5 * math.log2(area) + 0.5)
        return self.atlas.colors(positions[0], positions[1], level, self.tint)
