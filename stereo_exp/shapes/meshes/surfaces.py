"""Triangles ready to be shaded: corners, smooth normals and paint coordinates, and what a ray finds on them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.caster import Hits
from stereo_exp.shapes.meshes.jit import jit

_SMOOTH = math.cos(math.radians(40))  # faces that meet at less than this angle are one rounded surface


class Triangles(NamedTuple):
    """All triangles of a scene, one an entry: float32 F×3×3 corners (metres) and normals of the corners; F×3×2 uv,
    repeats of the paint; F density, repeats a metre; int32 F materials."""

    corners: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    density: np.ndarray
    materials: np.ndarray


class Surface(NamedTuple):
    """What n rays found: int32 faces (−1: nothing), float64 depth (in lengths of the ray's direction, exact to the
    triangle's plane), float32 n×3 positions, normals (rounded) and flat (the triangle's own), both towards the eye."""

    faces: np.ndarray
    depth: np.ndarray
    positions: np.ndarray
    normals: np.ndarray
    flat: np.ndarray


def smooth_normals(corners: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Normals of corners, averaged over the faces that meet there at a small angle.

    Args:
        corners: float32 F×3×3.
        groups: int32 F, whose faces are never averaged with another group's.

    Returns:
        float32 F×3×3 of unit length.
    """
    keys = np.empty((len(corners) * 3, 4), np.int32)
    # Generators close a surface with corners that agree but for rounding: a hundredth of a millimetre is one place.
    keys[:, :3] = np.rint(corners.reshape(-1, 3) * 1e5).astype(np.int32)
    keys[:, 3] = np.repeat(groups, 3)
    mixed = (keys.astype(np.int64) * np.array([73856093, 19349663, 83492791, 2654435761], np.int64)).sum(axis=1)
    order = np.argsort(mixed, kind="stable")
    ends = np.flatnonzero(np.diff(mixed[order], append=mixed[order[-1]] + 1)) + 1
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return _average(across, order, ends, corners.astype(np.float32))


@jit
def _average(across: np.ndarray, order: np.ndarray, ends: np.ndarray, corners: np.ndarray) -> np.ndarray:
    normals = np.empty_like(corners)
    start = 0
    lengths = np.empty(len(across), np.float32)
    for i in range(len(across)):
        lengths[i] = max(np.sqrt(across[i, 0] ** 2 + across[i, 1] ** 2 + across[i, 2] ** 2), 1e-20)
    for end in ends:
        for i in range(start, end):
            face, corner = order[i] // 3, order[i] % 3
            x, y, z = 0.0, 0.0, 0.0
            # A fan of hundreds around one point, as on a lathe's axis, would take its square in time.
            step = max((end - start) // 64, 1)
            for j in range(start, end, step):
                other = order[j] // 3
                cos = (
                    across[face, 0] * across[other, 0]
                    + across[face, 1] * across[other, 1]
                    + across[face, 2] * across[other, 2]
                )
                if cos > _SMOOTH * lengths[face] * lengths[other]:
                    x += across[other, 0]
                    y += across[other, 1]
                    z += across[other, 2]
            length = np.sqrt(x * x + y * y + z * z)
            if length < 1e-20:
                x, y, z, length = across[face, 0], across[face, 1], across[face, 2], lengths[face]
            normals[face, corner, 0] = x / length
            normals[face, corner, 1] = y / length
            normals[face, corner, 2] = z / length
        start = end
    return normals


def find_surface(triangles: Triangles, hits: Hits, origin: np.ndarray, directions: np.ndarray) -> Surface:
    """What rays that start at one place, float64 3, found; directions float64 n×3."""
    return _find(triangles, hits.faces, hits.distance, hits.u, hits.v, np.asarray(origin, np.float64), directions)


@jit
def _find(
    triangles: Triangles, faces: np.ndarray, distances: np.ndarray, us: np.ndarray, vs: np.ndarray, origin: np.ndarray,
    directions: np.ndarray,
) -> Surface:  # fmt: skip
    count = len(faces)
    depth = np.full(count, np.inf, np.float64)
    positions, normals, flat = (
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
    )
    for i in range(count):
        face = faces[i]
        if face < 0:
            continue
        a, b, c = triangles.corners[face, 0], triangles.corners[face, 1], triangles.corners[face, 2]
        e0, e1, e2 = float(b[0]) - float(a[0]), float(b[1]) - float(a[1]), float(b[2]) - float(a[2])
        g0, g1, g2 = float(c[0]) - float(a[0]), float(c[1]) - float(a[1]), float(c[2]) - float(a[2])
        nx, ny, nz = e1 * g2 - e2 * g1, e2 * g0 - e0 * g2, e0 * g1 - e1 * g0
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        slope = nx * dx + ny * dy + nz * dz
        above = nx * (a[0] - origin[0]) + ny * (a[1] - origin[1]) + nz * (a[2] - origin[2])
        # A ray along the plane: what Embree measured has to do.
        t = above / slope if slope != 0.0 else float(distances[i])
        depth[i] = t
        positions[i, 0] = origin[0] + t * dx
        positions[i, 1] = origin[1] + t * dy
        positions[i, 2] = origin[2] + t * dz
        sign = -1.0 if slope > 0 else 1.0
        length = sign / np.sqrt(nx * nx + ny * ny + nz * nz)
        flat[i, 0], flat[i, 1], flat[i, 2] = nx * length, ny * length, nz * length
        u, v = us[i], vs[i]
        w = 1.0 - u - v
        corner = triangles.normals[face]
        sx = w * corner[0, 0] + u * corner[1, 0] + v * corner[2, 0]
        sy = w * corner[0, 1] + u * corner[1, 1] + v * corner[2, 1]
        sz = w * corner[0, 2] + u * corner[1, 2] + v * corner[2, 2]
        length = sign / max(np.sqrt(sx * sx + sy * sy + sz * sz), 1e-20)
        sx, sy, sz = sx * length, sy * length, sz * length
        # A rounded normal that looks away from the eye belongs to the outline of a coarse mesh.
        if sx * dx + sy * dy + sz * dz > 0:
            sx, sy, sz = flat[i, 0], flat[i, 1], flat[i, 2]
        normals[i, 0], normals[i, 1], normals[i, 2] = sx, sy, sz
    return Surface(faces, depth, positions, normals, flat)


def repeats_a_metre(corners: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """How often paint repeats along a metre of each triangle: float32 F."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    painted = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    density: np.ndarray = np.sqrt(painted / np.maximum(np.linalg.norm(across, axis=1), 1e-20))
    return density.astype(np.float32)


def box_uv(corners: np.ndarray) -> np.ndarray:
    """Paint coordinates in metres along the axes that a triangle faces least: float32 F×3×2.

    Args:
        corners: float32 F×3×3 in the thing's own coordinates.
    """
    across = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    facing = across.argmax(axis=1)
    # Seen from the side: (y, z); from the front: (x, z); from above: (x, y).
    first, second = np.array([1, 0, 0])[facing], np.array([2, 2, 1])[facing]
    rows = np.arange(len(corners))[:, None]
    corner = np.arange(3)[None]
    return np.stack([corners[rows, corner, first[:, None]], corners[rows, corner, second[:, None]]], axis=-1)
