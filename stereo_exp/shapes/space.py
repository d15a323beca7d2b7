"""The rig in space: a pinhole camera, its twin one baseline to the right, and a world that both stand in.

The world has x to the right, y down and z ahead, in metres, with the left camera at the origin. `rotation` turns
world into camera coordinates (pitch, roll). A point at depth Z has the disparity focal·baseline / Z, so that along
a plane n·P = h the disparity is affine in the picture: d = focal·baseline / h · n·r with the ray
r = ((x − cx) / focal, (y − cy) / focal, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rig:
    """Two rectified pinhole cameras.

    Args:
        height, width: of the picture, pixels.
        focal: focal length, pixels.
        cx, cy: principal point, pixels; away from the middle, as in a crop.
        rotation: 3×3, world to camera.
        baseline: metres.
    """

    height: int
    width: int
    focal: float
    cx: float
    cy: float
    rotation: np.ndarray
    baseline: float = 1.0

    @property
    def power(self) -> float:
        """Disparity times depth, pixel metres."""
        return self.focal * self.baseline

    def to_camera(self, vectors: np.ndarray) -> np.ndarray:
        """World coordinates, ...×3, in the camera's."""
        turned: np.ndarray = np.asarray(vectors, np.float64) @ self.rotation.T
        return turned

    def project(self, points: np.ndarray, right: bool = False) -> np.ndarray:
        """Pixels, n×2, of camera-frame points, n×3, with positive depth."""
        x = points[:, 0] - (self.baseline if right else 0.0)
        return np.stack(
            [self.cx + self.focal * x / points[:, 2], self.cy + self.focal * points[:, 1] / points[:, 2]], axis=1
        )

    def ray(self, x: float, y: float) -> np.ndarray:
        """The world direction that the left camera sees at a pixel, with depth 1."""
        direction: np.ndarray = np.array([(x - self.cx) / self.focal, (y - self.cy) / self.focal, 1.0]) @ self.rotation
        return direction

    def affine(self, normal: np.ndarray) -> tuple[float, float, float]:
        """(a, b, c) of normal·r = a + b·x + c·y, for a normal in the camera's frame."""
        b, c = float(normal[0]) / self.focal, float(normal[1]) / self.focal
        return float(normal[2]) - b * self.cx - c * self.cy, b, c

    def corners(self) -> np.ndarray:
        """The four corners of the picture, 4×2 pixels."""
        x, y = self.width - 1.0, self.height - 1.0
        return np.array([[0.0, 0.0], [x, 0.0], [x, y], [0.0, y]])


def rotation(pitch: float, roll: float) -> np.ndarray:
    """3×3, world to camera, for a camera that looks down by `pitch` and is rolled by `roll`, radians."""
    cp, sp, cr, sr = math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll)
    down = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    both: np.ndarray = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ down
    return both


def turn(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """3×3 whose rows are a thing's own axes in the world, turned about the vertical and then tilted."""
    cy, sy = math.cos(yaw), math.sin(yaw)
    axes: np.ndarray = rotation(pitch, roll) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return axes


def cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cross product of two 3-vectors; numpy's own is ten times as slow on such small ones."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def clip_polygon(polygon: np.ndarray, low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """The part, m×2, of a convex polygon, n×2, in a rectangle (Sutherland and Hodgman, 1974); m may be 0."""
    for axis in (0, 1):
        for sign, limit in ((1.0, low[axis]), (-1.0, high[axis])):
            if not len(polygon):
                return polygon
            depth = sign * (polygon[:, axis] - limit)
            if depth.min() >= 0:
                continue
            kept = []
            for i in range(len(polygon)):
                j = (i + 1) % len(polygon)
                if depth[i] >= 0:
                    kept.append(polygon[i])
                if (depth[i] >= 0) != (depth[j] >= 0):
                    share = depth[i] / (depth[i] - depth[j])
                    kept.append(polygon[i] + share * (polygon[j] - polygon[i]))
            polygon = np.array(kept).reshape(-1, 2)
    return polygon
