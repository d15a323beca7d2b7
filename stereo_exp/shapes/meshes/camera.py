"""Two rectified pinhole cameras that stand somewhere in the world.

World axes: x to the right, y away, z up. A camera looks along +y before it is turned: by `yaw` to the left about the
vertical, down by `pitch`, and clockwise about its own axis by `roll`. A point at depth Z, metres along the optical
axis, has the disparity focal · baseline / Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from stereo_exp.base import ArgumentError


@dataclass(frozen=True)
class StereoRig:
    """A rectified pair of cameras.

    Args:
        focal: focal length, px of the picture that is `width` wide.
        baseline: metres between the cameras.
        width: px of that picture.
        position: of the left camera, metres.
        yaw, pitch, roll: radians.
    """

    focal: float
    baseline: float
    width: int = 640
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        for name in ("focal", "baseline", "width"):
            if not getattr(self, name) > 0:
                raise ArgumentError(name, getattr(self, name), "must be above 0", f"give a {{{name}}} above 0")

    @property
    def axes(self) -> np.ndarray:
        """The camera's own right, down and forward axis in the world: float64 3×3, one a row."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        right, forward = np.array([cy, sy, 0.0]), np.array([-sy * cp, cy * cp, -sp])
        down = np.array([sy * sp, -cy * sp, -cp])
        return np.stack([cr * right + sr * down, cr * down - sr * right, forward])

    @property
    def power(self) -> float:
        """Disparity times depth, px · m."""
        return self.focal * self.baseline

    def eye(self, right: bool = False) -> np.ndarray:
        """Where a camera stands: float64 3, metres."""
        moved: np.ndarray = np.array(self.position, np.float64) + (self.baseline * self.axes[0] if right else 0.0)
        return moved

    def resize(self, width: int) -> StereoRig:
        """The same cameras with a picture of another width."""
        return replace(self, focal=self.focal * width / self.width, width=width)

    def widen(self, baseline: float) -> StereoRig:
        """The same left camera with its twin at another distance."""
        return replace(self, baseline=baseline)

    def directions(self, x: np.ndarray, y: np.ndarray, height: int) -> np.ndarray:
        """World directions whose component along the optical axis is 1, so that a ray's length is depth.

        Args:
            x, y: n pixel coordinates; the middle of the top left pixel is (0, 0).
            height: px of the picture; its middle is the principal point.

        Returns:
            float64 n×3.
        """
        right, down, forward = self.axes
        across = (np.asarray(x, np.float64) - (self.width - 1) / 2) / self.focal
        below = (np.asarray(y, np.float64) - (height - 1) / 2) / self.focal
        rays: np.ndarray = across[:, None] * right + below[:, None] * down + forward
        return rays

    def project(self, points: np.ndarray, height: int, right: bool = False) -> np.ndarray:
        """Pixels and depth, float64 n×3 (x, y, metres), of world points n×3."""
        seen = (np.asarray(points, np.float64) - self.eye(right)) @ self.axes.T
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (self.width - 1) / 2 + self.focal * seen[:, 0] / seen[:, 2]
            y = (height - 1) / 2 + self.focal * seen[:, 1] / seen[:, 2]
        return np.stack([x, y, seen[:, 2]], axis=1)


def look_at(
    position: np.ndarray, target: np.ndarray, *, focal: float, baseline: float, width: int = 640, roll: float = 0.0
) -> StereoRig:
    """A rig at `position` whose left camera has the world point `target` in the middle of its picture."""
    away = np.asarray(target, np.float64) - position
    yaw, pitch = math.atan2(-away[0], away[1]), math.atan2(-away[2], math.hypot(away[0], away[1]))
    x, y, z = (float(value) for value in position)
    return StereoRig(focal, baseline, width, (x, y, z), yaw, pitch, roll)
