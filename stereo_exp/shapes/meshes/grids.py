"""Faces between rows of points: the common ground of lathes, tubes and sheets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

Numbers: TypeAlias = ArrayLike | Sequence[object]
"""What makes an array of numbers; lists of lists that mix int and float are `list[object]` to a checker of types."""


@lru_cache(maxsize=512)
def join_rows(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Triangles between the points of a grid, numbered row by row; do not write into it.

    Args:
        rows: how many rows.
        columns: points a row.
        closed: the last column is joined to the first.

    Returns:
        F×3. They look along (along a row) × (to the next row).
    """
    row, column = np.mgrid[: rows - 1, : columns if closed else columns - 1]
    a = (row * columns + column).ravel()
    b = (row * columns + (column + 1) % columns).ravel()
    c, d = b + columns, a + columns
    faces = np.stack([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)], axis=1).reshape(-1, 3)
    faces.setflags(write=False)
    return faces


def measure_along(points: np.ndarray, axis: int) -> np.ndarray:
    """How far each point of a grid …×3 lies along the lines of an axis from their starts, metres."""
    steps = np.linalg.norm(np.diff(points, axis=axis), axis=-1)
    start = np.zeros_like(np.take(steps, [0], axis=axis))
    return np.concatenate([start, np.cumsum(steps, axis=axis)], axis=axis)


def number_copies(faces: np.ndarray, count: int, stride: int) -> np.ndarray:
    """The same triangles for `count` bodies that have `stride` vertices each: (count·F)×3."""
    return np.asarray((faces[None] + stride * np.arange(count)[:, None, None]).reshape(-1, 3))


def smooth_points(points: np.ndarray, count: int, closed: bool = False) -> np.ndarray:
    """A smooth curve through control points, evenly sampled between them (Catmull-Rom, centripetal ends repeated).

    Args:
        points: …×k×d, k >= 2.
        count: points of the curve.
        closed: it ends where it starts; the last point is then not the first again.

    Returns:
        …×count×d.
    """
    points = np.asarray(points, float)
    k = points.shape[-2]
    at = np.linspace(0, k, count, endpoint=False) if closed else np.linspace(0, k - 1, count)
    first = np.minimum(at.astype(int), k - 1 if closed else k - 2)
    t = (at - first)[:, None]
    index = first[:, None] + np.arange(-1, 3)
    if closed:
        a, b, c, d = (points[..., index[:, i] % k, :] for i in range(4))
    else:
        lower, upper = 2 * points[..., :1, :] - points[..., 1:2, :], 2 * points[..., -1:, :] - points[..., -2:-1, :]
        longer = np.concatenate([lower, points, upper], axis=-2)
        a, b, c, d = (longer[..., index[:, i] + 1, :] for i in range(4))
    return np.asarray(b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
