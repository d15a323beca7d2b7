"""Balls, eggs and tubes: quadrics in space, met by the rays of either camera in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stereo_exp.shapes.item import Hit, Window, clamp
from stereo_exp.shapes.paint import Atlas, for_channels
from stereo_exp.shapes.space import Rig


@dataclass(frozen=True, eq=False)
class Finish:
    """How a curved body looks.

    Args:
        atlas: its paint, wrapped around the axis.
        density: tile pixels a metre.
        offset: tile pixels (column, row).
        tint: factor of each channel.
        sun: unit vector towards the light, camera frame.
        ambient: brightness in shade; 1 − ambient comes from the light.
        gloss: brightness of the highlight, 0..255; it wanders with the camera, as highlights do.
    """

    atlas: Atlas
    density: float
    offset: tuple[float, float]
    tint: tuple[float, float, float]
    sun: np.ndarray
    ambient: float = 0.5
    gloss: float = 0.0


@dataclass(frozen=True, eq=False)
class Quadric:
    """An ellipsoid, or a tube with flat ends: |S·axes·(P − centre)| = 1.

    Args:
        rig: whose cameras see it; both are outside of it.
        centre: camera frame, metres, in front of the cameras.
        axes: 3×3, rows are its own axes in the camera's frame; the second is the one that paint goes around.
        radii: half sizes along the axes, metres; of a tube, the second is half its length.
        tube: flat ends instead of round ones.
        finish: its look.
    """

    rig: Rig
    centre: np.ndarray
    axes: np.ndarray
    radii: np.ndarray
    tube: bool
    finish: Finish

    def peak(self) -> float:
        """An upper bound of its disparity, pixels."""
        reach = self._corners()[:, 2].min()
        return self.rig.power / reach if reach > 1e-3 else np.inf

    def _corners(self) -> np.ndarray:
        signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], np.float64)
        corners: np.ndarray = self.centre + (signs * self.radii) @ self.axes
        return corners

    def window(self, height: int, width: int, right: bool) -> Window | None:
        """See `Item`."""
        pixels = self.rig.project(self._corners(), right)
        low, high = pixels.min(axis=0) - 1, pixels.max(axis=0) + 1
        return clamp(low[0], low[1], high[0], high[1], height, width)

    def hit(self, columns: np.ndarray, y: np.ndarray, right: bool) -> Hit:
        """See `Item`."""
        rig = self.rig
        shape = self.axes / self.radii[:, None]  # the body becomes the unit ball, or the tube of radius 1
        eye = -shape @ (self.centre - np.array([rig.baseline if right else 0.0, 0.0, 0.0]))
        u, v = (columns - rig.cx) / rig.focal, (y - rig.cy) / rig.focal
        ray = [shape[k, 0] * u + (shape[k, 1] * v + shape[k, 2]) for k in range(3)]
        # |eye + Z·ray|² = 1, solved for 1/Z: c/Z² + 2·b/Z + a = 0, of which the larger root is the nearer point.
        bent = (0, 2) if self.tube else (0, 1, 2)
        a = sum(ray[k] * ray[k] for k in bent)
        b = sum(eye[k] * ray[k] for k in bent)
        c = float(sum(eye[k] ** 2 for k in bent)) - 1
        c = c if abs(c) > 1e-6 else 1e-6
        found = b * b - a * c
        root = np.sqrt(np.maximum(found, 0))
        enter, leave = (-b + root) / c, (-b - root) / c
        # The distance to the outline, to first order: the discriminant over its slope in the picture.
        slopes = [
            2 * b * sum(eye[k] * shape[k, i] for k in bent) - 2 * c * sum(ray[k] * shape[k, i] for k in bent)
            for i in (0, 1)
        ]
        inside = found * rig.focal / np.maximum(np.hypot(*slopes), 1e-12)
        part = None
        if self.tube:
            if c < 0:  # the eye looks into the tube from beyond an end
                enter = np.full_like(enter, np.inf)
            first, last = _slab(float(eye[1]), ray[1])
            capped = first < enter
            enter = np.where(capped, first, enter)
            met = (enter > np.maximum(leave, last)) & (enter > 0) & np.isfinite(enter)
            inside = np.where(met, inside, np.minimum(inside, -1))
            enter = np.where(met, enter, 0)
            part = capped.astype(np.int8)
        disparity = rig.power * enter
        x = columns + disparity if right else columns
        return Hit(x, y, disparity.astype(np.float32), inside.astype(np.float32), part)

    def colors(self, hit: Hit, right: bool) -> np.ndarray:
        """See `Item`."""
        rig, finish = self.rig, self.finish
        depth = np.float32(rig.power) / np.maximum(hit.disparity, np.float32(0.05))
        point = np.stack(
            [
                (hit.x.astype(np.float32) - np.float32(rig.cx)) * np.float32(1 / rig.focal) * depth,
                (hit.y.astype(np.float32) - np.float32(rig.cy)) * np.float32(1 / rig.focal) * depth,
                depth,
            ],
            axis=-1,
        )
        shape = (self.axes / self.radii[:, None]).astype(np.float32)
        own = (point - self.centre.astype(np.float32)) @ shape.T
        outward = own.copy()
        if self.tube:
            assert hit.part is not None
            cap = hit.part == 1
            outward[..., 1] = cap * np.sign(own[..., 1])
            outward[cap, 0] = outward[cap, 2] = 0
        normal = outward @ shape
        normal *= for_channels(1 / np.maximum(_length(normal), np.float32(1e-9)))
        around = np.abs(np.arctan2(own[..., 0], own[..., 2])) * np.float32(self.radii[[0, 2]].mean())
        along = own[..., 1] * np.float32(self.radii[1])
        if self.tube:
            around = np.where(cap, own[..., 0] * np.float32(self.radii[0]), around)
            along = np.where(cap, own[..., 2] * np.float32(self.radii[2]), along)
        # Towards the limb the paint is squeezed. Seen from the left camera in either view, so that both agree.
        grazing = np.einsum("ijk,ijk->ij", normal, point) / _length(point)
        level = np.log2(np.float32(finish.density / rig.focal) * depth)
        level -= np.float32(0.7) * np.log2(np.clip(np.abs(grazing), np.float32(0.1), 1))
        colours = finish.atlas.colors(
            around * np.float32(finish.density) + np.float32(finish.offset[0]),
            along * np.float32(finish.density) + np.float32(finish.offset[1]),
            level,
            finish.tint,
        )
        sun = finish.sun.astype(np.float32)
        lit = np.float32(finish.ambient) + np.float32(1 - finish.ambient) * np.maximum(normal @ sun, 0)
        colours *= for_channels(lit)
        if finish.gloss:
            to_eye = np.array([rig.baseline if right else 0.0, 0.0, 0.0], np.float32) - point
            half = to_eye * for_channels(1 / _length(to_eye)) + sun
            shine = np.einsum("ijk,ijk->ij", normal, half) / np.maximum(_length(half), np.float32(1e-6))
            np.maximum(shine, 0, out=shine)
            for _ in range(5):  # to the power of 32
                shine *= shine
            colours += for_channels(np.float32(finish.gloss) * shine)
        return colours


def _length(vectors: np.ndarray) -> np.ndarray:
    """h×w of h×w×3."""
    length: np.ndarray = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))
    return length


def _slab(eye: float, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1/Z where eye + Z·ray enters and leaves −1..1; infinite where it starts within."""
    if abs(eye) < 1:
        return np.full_like(ray, np.inf), np.abs(ray) / (1 - eye * np.sign(ray))
    ahead = -np.sign(eye) * ray
    return ahead / max(abs(eye) - 1, 1e-6), ahead / (abs(eye) + 1)
