"""Boxes: convex bodies bounded by planes, met by the rays of either camera in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from stereo_exp.shapes.item import Hit, Paint, Window, clamp
from stereo_exp.shapes.shapes import Polygon
from stereo_exp.shapes.space import Rig, clip_polygon


@dataclass(frozen=True, eq=False)
class Solid:
    """A convex body: all points with normal·P <= reach for each of its sides.

    A ray enters once it has crossed every side that faces its camera, hence at the least of their disparities.

    Args:
        rig: whose cameras see it; both are outside of it.
        normals: k×3, outward, in the camera's frame.
        reaches: k.
        vertices: v×3, camera frame, all in front of the cameras.
        paints: one for each side; None for those that no camera sees.
        lights: brightness factor of each side.
    """

    rig: Rig
    normals: np.ndarray
    reaches: np.ndarray
    vertices: np.ndarray
    paints: tuple[Paint | None, ...]
    lights: tuple[float, ...]

    @cached_property
    def _outlines(self) -> tuple[Polygon, Polygon]:
        points = [self.rig.project(self.vertices, right).astype(np.float32) for right in (False, True)]
        left, right = (Polygon(cv2.convexHull(view)[:, 0].astype(np.float64)) for view in points)
        return left, right

    def outline(self, right: bool) -> Polygon:
        """What a camera sees of it, in that camera's own pixels."""
        return self._outlines[int(right)]

    def peak(self) -> float:
        """The largest disparity of it that either view may show, pixels; 0 when neither shows any."""
        box = np.array([[0.0, 0.0], [self.rig.width - 1.0, self.rig.height - 1.0]])
        found = 0.0
        for right in (False, True):
            seen = clip_polygon(self.outline(right).vertices, (box[0, 0], box[0, 1]), (box[1, 0], box[1, 1]))
            if len(seen):
                planes = self._planes(right)
                # Concave over the outline: the sides at one vertex bound the least of them from above.
                values = planes[:, :1] + planes[:, 1:2] * seen[:, 0] + planes[:, 2:3] * seen[:, 1]
                bound = float(values.max(axis=1).min())
                found = max(found, min(bound, self.rig.power / float(self.vertices[:, 2].min())))
        return found

    def _planes(self, right: bool) -> np.ndarray:
        """(a, b, c) of the disparity a + b·x + c·y, of the sides that face the camera; n×3."""
        return self._sides(right)[1]

    def _sides(self, right: bool) -> tuple[np.ndarray, np.ndarray]:
        reaches = self.reaches - (self.normals[:, 0] * self.rig.baseline if right else 0.0)
        facing = np.flatnonzero(reaches < -1e-9)
        planes = [np.array(self.rig.affine(self.normals[i])) * (self.rig.power / reaches[i]) for i in facing]
        return facing, np.array(planes).reshape(-1, 3)

    def window(self, height: int, width: int, right: bool) -> Window | None:
        """See `Item`."""
        box = self.outline(right).extent
        return clamp(box.left - 1, box.top - 1, box.right + 1, box.bottom + 1, height, width)

    def hit(self, columns: np.ndarray, y: np.ndarray, right: bool) -> Hit:
        """See `Item`."""
        facing, planes = self._sides(right)
        disparity = np.full((y.shape[0], columns.shape[1]), np.inf)
        part = np.zeros(disparity.shape, np.int8)
        for side, (a, b, c) in zip(facing, planes, strict=True):
            found = (a + c * y) + b * columns
            nearer = found < disparity
            np.copyto(disparity, found, where=nearer)
            part[nearer] = side
        x = columns + disparity if right else columns
        return Hit(x, y, disparity.astype(np.float32), self.outline(right).inside(columns, y), part)

    def colors(self, hit: Hit, right: bool) -> np.ndarray:
        """See `Item`."""
        assert hit.part is not None
        colours = np.zeros((*hit.disparity.shape, 3), np.float32)
        sides = np.flatnonzero(np.bincount(hit.part.ravel(), minlength=1))
        if len(sides) == 1:
            return self._side(int(sides[0]), hit)
        for side in sides:
            here = hit.part == side
            rows, columns = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            piece = hit.cut(*box)
            cv2.copyTo(self._side(int(side), piece), here[box].view(np.uint8), colours[box])
        return colours

    def _side(self, side: int, hit: Hit) -> np.ndarray:
        paint = self.paints[side]
        assert paint is not None
        colours = paint.colors(hit.x, hit.y, hit.disparity)
        colours *= np.float32(self.lights[side])
        return colours
