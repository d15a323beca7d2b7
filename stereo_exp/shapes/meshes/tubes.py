"""Tubes along paths, rods, wires: what is long and thin."""

from __future__ import annotations

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers, join_rows, measure_along, number_copies
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.solids import make_mesh

THINNEST = 2e-4
"""Radius that a tube keeps where it tapers to nothing, metres: no triangle without an area."""


def _normalize(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def frame_paths(paths: np.ndarray, up: np.ndarray | None = None, closed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across each path, carried along it without a twist (double reflection).

    Args:
        paths: n×k×3, metres.
        up: n×3 or 3, where the first vector should point at the start; anywhere where None.
        closed: the last point is joined to the first; what is left of a twist is spread over all points.

    Returns:
        Two arrays n×k×3; path × first = second.
    """
    if closed:
        longer = np.concatenate([paths[:, -1:], paths, paths[:, :1]], axis=1)
        along = _normalize(longer[:, 2:] - longer[:, :-2])
    else:
        along = _normalize(np.gradient(paths, axis=1))
    start = along[:, 0]
    if up is None:
        least = np.abs(start).argmin(axis=1)
        hint = np.eye(3)[least]
    else:
        hint = np.broadcast_to(np.asarray(up, float), start.shape)
        hint = np.where(np.abs((_normalize(hint) * start).sum(-1, keepdims=True)) > 0.999, hint[:, [1, 2, 0]], hint)
    first = np.empty_like(paths)
    first[:, 0] = _normalize(hint - (hint * start).sum(axis=-1, keepdims=True) * start)
    for i in range(paths.shape[1] - 1):
        first[:, i + 1] = _carry(first[:, i], along[:, i], along[:, i + 1], paths[:, i + 1] - paths[:, i])
    second = np.cross(along, first)
    if closed:
        last = _carry(first[:, -1], along[:, -1], along[:, 0], paths[:, 0] - paths[:, -1])
        twist = np.arctan2((last * second[:, 0]).sum(-1), (last * first[:, 0]).sum(-1))
        back = -twist[:, None, None] * (np.arange(paths.shape[1]) / paths.shape[1])[:, None]
        first, second = (
            np.cos(back) * first + np.sin(back) * second,
            np.cos(back) * second - np.sin(back) * first,
        )
    return first, second


def _carry(vector: np.ndarray, here: np.ndarray, there: np.ndarray, step: np.ndarray) -> np.ndarray:
    """One step of it: mirrored at the plane between two points, then at the one between the two directions."""
    square = np.maximum((step * step).sum(-1, keepdims=True), 1e-18)
    mirrored = vector - 2 * (step * vector).sum(-1, keepdims=True) / square * step
    turned = here - 2 * (step * here).sum(-1, keepdims=True) / square * step
    other = there - turned
    square = np.maximum((other * other).sum(-1, keepdims=True), 1e-18)
    moved = mirrored - 2 * (other * mirrored).sum(-1, keepdims=True) / square * other
    return _normalize(moved - (moved * there).sum(-1, keepdims=True) * there)


def build_tubes(
    paths: Numbers,
    radii: Numbers,
    sides: int = 8,
    flat: float = 1.0,
    up: Numbers | None = None,
    closed: bool = False,
) -> Mesh:
    """Tubes along paths that all have k points; u runs along, v around.

    Args:
        paths: n×k×3 or k×3, metres.
        radii: one number, k, n×1 or n×k, metres; never less than `THINNEST`.
        sides: corners of the cross-section.
        flat: its height over its width; the height is across `up` carried along.
        up: where the wide side of the cross-section points at the start, 3 or n×3.
        closed: the paths end where they start; else the ends have lids.
    """
    lines = np.asarray(paths, float)
    lines = lines[None] if lines.ndim == 2 else lines
    if lines.ndim != 3 or lines.shape[1] < 2 or lines.shape[2] != 3:
        raise ArgumentError("paths", lines.shape, "n×k×3, k > 1", "give points in metres")
    count, k = lines.shape[:2]
    radius = np.maximum(np.broadcast_to(np.asarray(radii, float), (count, k)), THINNEST)
    first, second = frame_paths(lines, None if up is None else np.asarray(up, float), closed)
    # Corners at half a step, so that a square section lies flat.
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    across = np.cos(angle)[:, None] * first[:, :, None] + flat * np.sin(angle)[:, None] * second[:, :, None]
    points = lines[:, :, None] + radius[..., None, None] * across
    rows = np.concatenate([lines, lines[:, :1]], axis=1) if closed else lines
    along = measure_along(rows, 1)
    girth = 2 * sides * np.sin(np.pi / sides) * radius.mean(axis=1) * np.sqrt((1 + flat**2) / 2)
    grid = np.empty((count, rows.shape[1], sides + 1, 2))
    grid[..., 0] = along[..., None]
    grid[..., 1] = girth[:, None, None] * np.linspace(0, 1, sides + 1)
    skin = join_rows(rows.shape[1], sides, closed=True)
    row, column = np.divmod(skin, sides)
    # Every second corner of a quad that comes after the last column has column 0: its paint is at the far end.
    wrapped = (column.max(axis=1, keepdims=True) == sides - 1) & (column.min(axis=1, keepdims=True) == 0) & (sides > 2)
    column_uv = np.where(wrapped & (column == 0), sides, column)
    uv = grid[:, row, column_uv]
    faces = number_copies((row % k) * sides + column, count, k * sides)
    if closed:
        return make_mesh(points.reshape(-1, 3), faces, uv.reshape(-1, 3, 2))
    lids, lid_uv, lid_points = _close_ends(points, angle, radius, flat)
    vertices = np.concatenate([points.reshape(-1, 3), lid_points.reshape(-1, 3)])
    return make_mesh(
        vertices,
        np.concatenate([faces, lids + count * k * sides]),
        np.concatenate([uv.reshape(-1, 3, 2), lid_uv.reshape(-1, 3, 2)]),
    )


def _close_ends(
    points: np.ndarray, angle: np.ndarray, radius: np.ndarray, flat: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fans over both ends: faces that count from 0, their paint, their own points n×2×sides×3."""
    count, sides = len(points), len(angle)
    own = points[:, [0, -1]]
    corner = np.arange(1, sides - 1)
    start = np.stack([np.zeros_like(corner), corner + 1, corner], axis=1)
    end = np.stack([np.zeros_like(corner), corner, corner + 1], axis=1) + sides
    section = np.stack([np.cos(angle), flat * np.sin(angle)], axis=1)
    plan = radius[:, [0, -1], None, None] * np.stack([section * [-1, 1], section])
    uv = np.concatenate([plan[:, 0][:, start], plan[:, 1][:, end - sides]], axis=1)
    return number_copies(np.concatenate([start, end]), count, 2 * sides), uv, own


def build_rods(starts: Numbers, ends: Numbers, radii: Numbers, sides: int = 8, flat: float = 1.0) -> Mesh:
    """Straight rods.

    Args:
        starts: n×3 or 3, metres.
        ends: n×3 or 3, metres.
        radii: one number, n×1, or n×2 at start and end, metres.
        sides: corners of the cross-section.
        flat: its height over its width.
    """
    a, b = np.broadcast_arrays(np.atleast_2d(np.asarray(starts, float)), np.atleast_2d(np.asarray(ends, float)))
    return build_tubes(np.stack([a, b], axis=1), radii, sides, flat)


def draw_helix(radius: Numbers, rise: float, turns: float, steps: int = 12) -> np.ndarray:
    """Points of a helix about z from z = 0: k×3, metres.

    Args:
        radius: one number, or one at the start and one at the end.
        rise: metres a turn.
        turns: how many.
        steps: points a turn.
    """
    count = max(2, int(turns * steps) + 1)
    angle = np.linspace(0, 2 * np.pi * turns, count)
    ends = np.broadcast_to(np.asarray(radius, float), 2)
    wide = np.linspace(ends[0], ends[1], count)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), rise * angle / (2 * np.pi)], axis=1)


def draw_circle(radius: float, steps: int = 24, height: float = 0.0) -> np.ndarray:
    """Points of a level circle about z: k×3, metres."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(steps, height)], axis=1)
