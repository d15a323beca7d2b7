"""Disparity surfaces in closed form, and their exact inversion from one view into the other.

A surface is d(x, y) = a + b·x + f(y) over the left image, x and y in pixels, with

    f(y) = tilt·(y − y0) + bend·(y − y0)² + wave·sin(2π·(y − y0)/period + phase).

The left pixel (x, y) is seen in the right view at x' = x − d(x, y). Because d is linear in x, x' inverts
without any iteration: x = (x' + a + f(y)) / (1 − b). With b < 1 each row of the surface keeps its order in both
views; with b > 1 the right view sees it from behind. Free-form surfaces keep to |b| ≤ 0.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

LOWEST, HIGHEST = 0.2, 190.0  # pixels of disparity that the data set may hold
STEEPEST = 0.3  # largest |b| of free-form surfaces, pixels of disparity a pixel
EDGE_ON = 0.02  # |1 − b| of a surface that the right view sees so nearly edge-on that it is not drawn
_FLAT = 1e-9  # pixels; a form that varies by less is flat, and stretching it would divide by nearly zero
_MARGIN = 1e-3  # surfaces keep this far from the limits, so that float32 rounding cannot cross them


class Extent(NamedTuple):
    """A closed rectangle of the left image, in pixels; it may reach beyond the picture."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Surface:
    """d = a + b·x + f(y); the module's text has f. All lengths in pixels, `phase` in radians."""

    a: float
    b: float = 0.0
    tilt: float = 0.0
    bend: float = 0.0
    wave: float = 0.0
    period: float = 1.0
    phase: float = 0.0
    y0: float = 0.0

    def __post_init__(self) -> None:
        if not abs(1 - self.b) >= EDGE_ON:
            raise ValueError(f"b={self.b}: a surface needs |1 - b| >= {EDGE_ON} to be invertible in x")
        if not self.period > 0:
            raise ValueError(f"period={self.period}: must be positive")

    def column(self, y: np.ndarray) -> np.ndarray:
        """a + f(y), the part of the disparity that a row shares; float64, the shape of `y`."""
        t = np.asarray(y, np.float64) - self.y0
        values = self.a + t * (self.tilt + t * self.bend)
        if self.wave:
            values = values + self.wave * np.sin(2 * math.pi / self.period * t + self.phase)
        return values

    def disparity(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Disparity in pixels at left-image coordinates, which broadcast against each other."""
        return self.column(y) + self.b * np.asarray(x, np.float64)

    def at(self, x: float, y: float) -> float:
        """The disparity at one point."""
        return float(self.disparity(np.asarray(x), np.asarray(y)))

    def to_right(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """x' = x − d(x, y): where the right view sees the left-image point."""
        x_right: np.ndarray = np.asarray(x, np.float64) - self.disparity(x, y)
        return x_right

    def to_left(self, x_right: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The inverse of `to_right`, exact up to rounding."""
        x: np.ndarray = (np.asarray(x_right, np.float64) + self.column(y)) / (1.0 - self.b)
        return x

    def column_range(self, top: float, bottom: float) -> tuple[float, float]:
        """Bounds of a + f(y) over the rows top..bottom; not always attained where `wave` is set."""
        ends = [top - self.y0, bottom - self.y0]
        if self.bend:
            vertex = -self.tilt / (2 * self.bend)
            if ends[0] < vertex < ends[1]:
                ends.append(vertex)
        values = [t * (self.tilt + t * self.bend) for t in ends]
        return self.a + min(values) - abs(self.wave), self.a + max(values) + abs(self.wave)

    def range(self, over: Extent) -> tuple[float, float]:
        """Bounds of the disparity over a rectangle of the left image."""
        low, high = self.column_range(over.top, over.bottom)
        slopes = sorted((self.b * over.left, self.b * over.right))
        return low + slopes[0], high + slopes[1]

    def fit(self, over: Extent, low: float, high: float) -> Surface:
        """The same form, stretched and shifted so that its bounds over `over` are `low` and `high`.

        Where that would make |b| larger than `STEEPEST` it is stretched less, and ends at `high`. A flat
        surface comes back flat, at `high`.

        Raises:
            ValueError: `low`..`high` is empty or leaves `LOWEST`..`HIGHEST`.
        """
        if not LOWEST <= low <= high <= HIGHEST:
            raise ValueError(f"{low}..{high}: must lie within {LOWEST}..{HIGHEST}")
        low, high = (min(max(limit, LOWEST + _MARGIN), HIGHEST - _MARGIN) for limit in (low, high))
        found_low, found_high = self.range(over)
        span = found_high - found_low
        stretch = (high - low) / span if span > _FLAT else 0.0
        if self.b and stretch * abs(self.b) > STEEPEST:
            stretch = STEEPEST / abs(self.b) * (1 - 1e-12)
        shape = replace(
            self,
            a=0.0,
            b=self.b * stretch,
            tilt=self.tilt * stretch,
            bend=self.bend * stretch,
            wave=self.wave * stretch,
        )
        return replace(shape, a=high - shape.range(over)[1])
