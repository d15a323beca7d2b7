"""What lies on surfaces: soft shadows, and highlights that wander with the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stereo_exp.shapes.item import Hit
from stereo_exp.shapes.paint import for_channels
from stereo_exp.shapes.space import Rig


@dataclass(frozen=True, eq=False)
class Shadow:
    """A soft elliptic shadow.

    Args:
        rig: whose left camera the frame is of.
        centre: on the ground, camera frame, metres.
        axes: 2×3; a point's distance from the centre along them is 1 at the rim.
        strength: share of the light that it takes in the middle.
    """

    rig: Rig
    centre: np.ndarray
    axes: np.ndarray
    strength: float

    def apply(self, colours: np.ndarray, hit: Hit, right: bool) -> None:
        """See `Stain`."""
        rig = self.rig
        # Nothing is taken beyond twice the radii; the rectangle around that bounds it in the left image.
        sides = 2 * self.axes / (self.axes**2).sum(axis=1, keepdims=True)
        corners = self.centre + np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) @ sides
        if corners[:, 2].min() < 0.1 * self.centre[2]:
            return  # around the cameras
        low, high = (f(rig.project(corners), axis=0) for f in (np.min, np.max))
        rows = np.flatnonzero((hit.y[:, 0] >= low[1]) & (hit.y[:, 0] <= high[1]))
        columns = np.flatnonzero(((hit.x >= low[0]) & (hit.x <= high[0])).any(axis=0))
        if not rows.size or not columns.size:
            return
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        part = hit.cut(*box)
        depth = np.float32(rig.power) / np.maximum(part.disparity, np.float32(0.05))
        u = ((part.x - rig.cx) / rig.focal).astype(np.float32)
        v = ((part.y - rig.cy) / rig.focal).astype(np.float32)
        distance = np.zeros(depth.shape, np.float32)
        for axis in self.axes.astype(np.float32):
            along = depth * (axis[0] * u + (axis[1] * v + axis[2])) - np.float32(axis @ self.centre)
            distance += along * along
        # 1 in the middle, a half at the rim, nothing at twice the radius.
        taken = np.clip((4 - distance) * np.float32(1 / 3), 0, 1)
        taken *= taken * (3 - 2 * taken)
        colours[box] *= for_channels(1 - np.float32(self.strength) * taken)


@dataclass(frozen=True, eq=False)
class Glare:
    """The mirror image of a lamp or a window in a glossy surface: it has a disparity of its own.

    Args:
        x, y: its place in the left view, pixels.
        disparity: pixels; less than the surface's, as mirror images lie behind it.
        size: standard deviations in x and y, pixels.
        brightness: grey levels 0..255 of each channel.
    """

    x: float
    y: float
    disparity: float
    size: tuple[float, float]
    brightness: tuple[float, float, float]

    def apply(self, colours: np.ndarray, hit: Hit, right: bool) -> None:
        """See `Stain`."""
        reach = 3.0
        rows = np.flatnonzero(np.abs(hit.y[:, 0] - self.y) < reach * self.size[1])
        columns = hit.x - hit.disparity if right else hit.x
        here = self.x - self.disparity if right else self.x
        across = np.flatnonzero((np.abs(columns - here) < reach * self.size[0]).any(axis=0))
        if not rows.size or not across.size:
            return
        box = slice(rows[0], rows[-1] + 1), slice(across[0], across[-1] + 1)
        near = columns[:, box[1]] if columns.shape[0] == 1 else columns[box]
        x = ((near - here) / self.size[0]).astype(np.float32)
        y = ((hit.y[box[0]] - self.y) / self.size[1]).astype(np.float32)
        lobe = np.exp(np.float32(-0.5) * x * x) * np.exp(np.float32(-0.5) * y * y)
        colours[box] += lobe[..., None] * np.array(self.brightness, np.float32)
