"""Outlines of objects, as signed distances in left-image coordinates.

`inside(x, y)` is positive within the outline and negative without, in pixels and close to the true distance
near the edge, which is where the anti-aliasing needs it. Every outline lives in a frame of its own: the
centre is the origin and the picture's axes are turned by `angle`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stereo_exp.shapes.surface import Extent

KINDS = ("ellipse", "box", "star", "bar", "fence")


@dataclass(frozen=True)
class Outline:
    """An object's outline.

    Args:
        kind: one of `KINDS`; a bar is a thin box.
        x, y: the centre, left-image pixels; it may lie outside the picture.
        half_width, half_height: half the size along the outline's own axes, pixels. A star uses the smaller
            one as its outer radius.
        angle: radians by which the outline's own axes are turned.
        points: arms of a star.
        depth: how deep a star is cut, 0 (a disc) to below 1.
        pitch, slat: period and thickness of a fence's slats, pixels.
    """

    kind: str
    x: float
    y: float
    half_width: float
    half_height: float
    angle: float = 0.0
    points: int = 5
    depth: float = 0.4
    pitch: float = 16.0
    slat: float = 3.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r}: must be one of {', '.join(KINDS)}")

    @property
    def extent(self) -> Extent:
        """The upright rectangle around the outline."""
        cos, sin = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        reach_x = cos * self.half_width + sin * self.half_height
        reach_y = sin * self.half_width + cos * self.half_height
        return Extent(self.x - reach_x, self.y - reach_y, self.x + reach_x, self.y + reach_y)

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed distance to the edge, positive within; float32, the shape that `x` and `y` broadcast to."""
        dx = np.asarray(x, np.float32) - np.float32(self.x)
        dy = np.asarray(y, np.float32) - np.float32(self.y)
        if self.angle:
            cos, sin = np.float32(math.cos(self.angle)), np.float32(math.sin(self.angle))
            dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
        if self.kind == "ellipse":
            reach = np.hypot(dx * np.float32(1 / self.half_width), dy * np.float32(1 / self.half_height))
            inside: np.ndarray = (1 - reach) * np.float32(min(self.half_width, self.half_height))
            return inside
        if self.kind == "star":
            return self._star(dx, dy)
        frame: np.ndarray = np.minimum(
            np.float32(self.half_width) - np.abs(dx), np.float32(self.half_height) - np.abs(dy)
        )
        if self.kind == "fence":
            frame = np.minimum(frame, self._lattice(dx, dy))
        return frame

    def _star(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        outer = min(self.half_width, self.half_height)
        ripple = np.cos(np.arctan2(dy, dx) * np.float32(self.points))
        edge = np.float32(outer / (1 + self.depth)) * (1 + np.float32(self.depth) * ripple)
        # The radius falls off slower than the distance to a slanted edge; 0.7 is the cosine of a 45° flank.
        inside: np.ndarray = (edge - np.hypot(dx, dy)) * np.float32(0.7)
        return inside

    def _lattice(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Upright slats at every `pitch`, held by two rails at half the height."""
        pitch, half = np.float32(self.pitch), np.float32(self.slat / 2)
        slats = half - np.abs(np.mod(dx, pitch) - pitch / 2)
        rails = half - np.abs(np.abs(dy) - np.float32(self.half_height / 2))
        lattice: np.ndarray = np.maximum(slats, rails)
        return lattice


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex outline with straight edges: `vertices` are n×2 pixels, in either sense of rotation."""

    vertices: np.ndarray

    @property
    def x(self) -> float:
        """Column of the centre."""
        return float(self.vertices[:, 0].mean())

    @property
    def y(self) -> float:
        """Row of the centre."""
        return float(self.vertices[:, 1].mean())

    @property
    def extent(self) -> Extent:
        """The upright rectangle around the outline."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return Extent(float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @cached_property
    def _edges(self) -> list[tuple[float, float, float]]:
        """(a, b, c) of the signed distance a·x + b·y + c to each edge's line, positive within."""
        edges = np.roll(self.vertices, -1, axis=0) - self.vertices
        lengths = np.hypot(edges[:, 0], edges[:, 1])
        following = np.roll(edges, -1, axis=0)
        sense = 1.0 if (edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]).sum() > 0 else -1.0
        found = []
        for (px, py), (ex, ey), length in zip(self.vertices.tolist(), edges.tolist(), lengths.tolist(), strict=True):
            if length > 1e-6:
                nx, ny = -sense * ey / length, sense * ex / length
                found.append((nx, ny, -nx * px - ny * py))
        return found

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed distance to the nearest edge's line, positive within; float32, the shape of `x` and `y`."""
        x32, y64 = np.asarray(x, np.float32), np.asarray(y)
        found: np.ndarray | None = None
        for nx, ny, shift in self._edges:
            distance = np.float32(nx) * x32 + (ny * y64 + shift).astype(np.float32)
            found = distance if found is None else np.minimum(found, distance, out=found)
        assert found is not None  # a polygon of no size is never made
        return found
