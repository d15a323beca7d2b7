"""Meshes of which everything is known by pen and paper. Needs nothing of the extra [render]."""

from __future__ import annotations

import cv2
import numpy as np

from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes

Point = tuple[float, float, float]


def quad(*corners: Point) -> Mesh:
    """Two triangles over four corners in a ring, with paint coordinates in metres along its sides."""
    points = np.array(corners, np.float32)
    wide, high = np.linalg.norm(points[1] - points[0]), np.linalg.norm(points[3] - points[0])
    uv = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(points, faces, uv[faces], np.zeros(2, np.int32))


def wall(depth: float, half: float = 50.0) -> Mesh:
    """A wall square to the y axis, facing the viewer."""
    return quad((-half, depth, -half), (half, depth, -half), (half, depth, half), (-half, depth, half))


def box(low: Point, high: Point) -> Mesh:
    """A box along the axes, its sides facing outwards."""
    (a, b, c), (d, e, f) = low, high
    return merge_meshes(
        [
            quad((a, b, c), (d, b, c), (d, b, f), (a, b, f)),
            quad((d, e, c), (a, e, c), (a, e, f), (d, e, f)),
            quad((a, e, c), (a, b, c), (a, b, f), (a, e, f)),
            quad((d, b, c), (d, e, c), (d, e, f), (d, b, f)),
            quad((a, b, f), (d, b, f), (d, e, f), (a, e, f)),
            quad((a, e, c), (d, e, c), (d, b, c), (a, b, c)),
        ]
    )


def noise(seed: int = 0, side: int = 128) -> np.ndarray:
    """A tile, uint8 side×side×3, in which every place differs from every other, smooth over some texels."""
    grain = np.random.default_rng(seed).random((side, side, 3), np.float32)
    smooth = cv2.GaussianBlur(grain, (0, 0), 2, borderType=cv2.BORDER_REFLECT)
    low, high = float(smooth.min()), float(smooth.max())
    return ((smooth - low) * (255 / (high - low))).astype(np.uint8)


def shifted(pair, offset: float) -> float:
    """How far the right picture, carried to the left by truth + `offset` px, is from the left one where both see the
    same: the median of absolute differences, 0..255. Pixels at outlines are left out, as they mix two surfaces."""
    height, width = pair.disparity_left.shape
    x = np.arange(width, dtype=np.float32)[None] - pair.disparity_left - np.float32(offset)
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], x.shape)
    right = cv2.remap(pair.right, x.astype(np.float32), np.ascontiguousarray(y), cv2.INTER_CUBIC)
    away = np.abs(right.astype(np.float32) - pair.left).mean(axis=2)
    low, high = (f(pair.disparity_left, np.ones((5, 5))) for f in (cv2.erode, cv2.dilate))
    grey = pair.left.mean(axis=2).astype(np.float32)
    textured = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) > 12
    used = ~pair.occlusion & (high - low < 1) & textured & (x > 3) & (x < width - 4)
    return float(np.median(away[used])) if used.sum() > 200 else float("nan")
