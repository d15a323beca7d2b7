"""Closed bodies of one piece: boxes with bevelled edges, balls, rings.

Every body of this folder keeps four habits. Triangles turn counter-clockwise when seen from without. Paint
coordinates are metres along the surface; v points up on what stands upright. Vertices are shared where the surface is
smooth and doubled where it has a crease, so that normals averaged at vertices are the normals to shade with. Many
bodies of one kind are made by one call, vectorised.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers
from stereo_exp.shapes.meshes.mesh import Mesh

_RIGHT = np.array([[[0, -1, 0], [0, 1, 0]], [[1, 0, 0], [-1, 0, 0]], [[-1, 0, 0], [1, 0, 0]]], np.float64)
"""Which way u runs on the side of a box that looks along −x, +x, −y, +y, −z, +z: to the right of who looks at it."""
_UP = np.array([[[0, 0, 1]] * 2, [[0, 0, 1]] * 2, [[0, 1, 0]] * 2], np.float64)


def make_mesh(vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> Mesh:
    """A mesh of one material from arrays of any number type."""
    faces = np.ascontiguousarray(faces, np.int32)
    return Mesh(
        np.ascontiguousarray(vertices, np.float32),
        faces,
        np.ascontiguousarray(uv, np.float32),
        np.zeros(len(faces), np.int32),
    )


def shade_flat(mesh: Mesh) -> Mesh:
    """The same with no vertex shared, so that every triangle has its own normal: facets of a stone, a crystal."""
    count = len(mesh.faces)
    faces = np.arange(3 * count, dtype=np.int32).reshape(count, 3)
    return Mesh(mesh.vertices[mesh.faces.ravel()], faces, mesh.uv, mesh.slots)


def map_box(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Paint coordinates from the side of a box that each triangle looks to most: F×3×2, metres."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(normals).argmax(axis=1)
    sign = (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0).astype(int)
    frame = np.stack([_RIGHT[axis, sign], _UP[axis, sign]], axis=2)
    return np.asarray(corners @ frame)


def remap_box(mesh: Mesh) -> Mesh:
    """The same with the paint of `map_box`, where what it had is sheared."""
    return make_mesh(mesh.vertices, mesh.faces, map_box(mesh.vertices, mesh.faces))


@lru_cache
def _box_template() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """(signs 24×3, axis of each vertex 24, faces 44×3, (axis, sign) of each face 44×2, how many are of the six sides).

    Vertex 3·corner + axis lies on the side across that axis, a bevel's width away from the two other sides.
    """
    corners = np.array(list(product((-1, 1), repeat=3)))
    signs, axes = np.repeat(corners, 3, axis=0), np.tile(np.arange(3), 8)
    place = signs * np.where(axes[:, None] == np.arange(3), 1.0, 0.9)
    number = {tuple(corner): 3 * i for i, corner in enumerate(corners.tolist())}

    def corner_at(a: int, s: int, b: int, t: int, c: int, w: int) -> int:
        found = [0, 0, 0]
        found[a], found[b], found[c] = s, t, w
        return number[tuple(found)]

    polygons: list[tuple[list[int], int, int]] = []
    for a, s in product(range(3), (-1, 1)):
        b, c = (a + 1) % 3, (a + 2) % 3
        around = [corner_at(a, s, b, t, c, w) + a for t, w in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        polygons.append((around, a, s))
    for (a, b), s, t in product(((0, 1), (1, 2), (2, 0)), (-1, 1), (-1, 1)):
        c = 3 - a - b
        low, high = corner_at(a, s, b, t, c, -1), corner_at(a, s, b, t, c, 1)
        polygons.append(([low + a, high + a, high + b, low + b], a, s))
    polygons += [([3 * i, 3 * i + 1, 3 * i + 2], 0, int(corner[0])) for i, corner in enumerate(corners)]
    faces, sides = [], []
    for around, a, s in polygons:
        x, y, z = place[around[:3]]
        outward = np.cross(y - x, z - x) @ place[around].mean(axis=0) > 0
        ring = around if outward else around[::-1]
        for k in range(1, len(ring) - 1):
            faces.append([ring[0], ring[k], ring[k + 1]])
            sides.append([a, s])
    return signs.astype(np.float64), axes, np.array(faces), np.array(sides), 12


def build_boxes(
    centers: Numbers,
    sizes: Numbers,
    bevel: float = 0.0,
    turns: np.ndarray | None = None,
    grain: bool = False,
    taper: Numbers = 1.0,
) -> Mesh:
    """Boxes, 12 triangles each, or 44 with bevelled edges.

    Args:
        centers: n×3 or 3, metres.
        sizes: n×3 or 3, metres.
        bevel: how wide the edges are cut, metres; at most a quarter of a box's least side is taken.
        turns: n×3×3 or 3×3, turns each box about its centre.
        grain: u runs along the longer way of every side, as wood is sawn. Else it runs to the right.
        taper: n or one number, how wide the top is over the bottom.
    """
    middle, size = np.broadcast_arrays(
        np.atleast_2d(np.asarray(centers, float)), np.atleast_2d(np.asarray(sizes, float))
    )
    if size.shape[1:] != (3,) or (size <= 0).any():
        raise ArgumentError("sizes", size.shape, "n×3, all above nothing", "give width, depth and height")
    signs, axes, faces, sides, flat = _box_template()
    if bevel <= 0:
        faces, sides = faces[:flat], sides[:flat]
    cut = np.minimum(bevel, size.min(axis=1) / 4)[:, None, None] * (axes[:, None] != np.arange(3))
    local = signs * (size[:, None] / 2 - cut)
    height = local[..., 2] / size[:, None, 2] + 0.5
    narrow = 1 + (np.broadcast_to(np.asarray(taper, float), len(size))[:, None] - 1) * height
    local[..., :2] *= narrow[..., None]
    right, up = _RIGHT[sides[:, 0], (sides[:, 1] + 1) // 2], _UP[sides[:, 0], (sides[:, 1] + 1) // 2]
    corners = local[:, faces]
    uv = np.stack([(corners * right[:, None]).sum(-1), (corners * up[:, None]).sum(-1)], axis=-1)
    if grain:
        wide, high = np.abs(size @ right.T), np.abs(size @ up.T)
        turned = np.stack([uv[..., 1], -uv[..., 0]], axis=-1)
        uv = np.where((high > wide)[..., None, None], turned, uv)
    if turns is not None:
        local = local @ np.swapaxes(np.broadcast_to(turns, (len(size), 3, 3)), 1, 2)
    count = len(size)
    vertices = (local + middle[:, None]).reshape(-1, 3)
    indices = (faces[None] + 24 * np.arange(count)[:, None, None]).reshape(-1, 3)
    return make_mesh(vertices, indices, uv.reshape(-1, 3, 2))


@lru_cache
def _icosphere(level: int) -> tuple[np.ndarray, np.ndarray]:
    golden = (1 + 5**0.5) / 2
    points = np.array([[s, t * golden, 0] for s in (-1, 1) for t in (-1, 1)], float)
    vertices = np.concatenate([points, np.roll(points, 1, axis=1), np.roll(points, 2, axis=1)])
    apart = np.linalg.norm(vertices[:, None] - vertices[None], axis=2)
    near = np.abs(apart - 2) < 1e-6
    triples = [
        (i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]
    ]
    faces = np.array(triples)
    corners = vertices[faces]
    outward = np.einsum("fi,fi->f", np.cross(corners[:, 1], corners[:, 2]), corners[:, 0]) > 0
    faces = np.where(outward[:, None], faces, faces[:, ::-1])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    for _ in range(level):
        edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        known, index = np.unique(edges, axis=0, return_inverse=True)
        middle = vertices[known].mean(axis=1)
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        ab, bc, ca = (index.reshape(-1, 3) + len(vertices)).T
        a, b, c = faces.T
        faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        vertices = np.concatenate([vertices, middle])
    return vertices, faces


def build_balls(centers: Numbers, radii: Numbers, level: int = 2, turns: np.ndarray | None = None) -> Mesh:
    """Ellipsoids of 20·4^level triangles each.

    Args:
        centers: n×3 or 3, metres.
        radii: n×3, 3 or one number, metres.
        level: how often each triangle of an icosahedron is cut into four.
        turns: n×3×3 or 3×3, turns each about its centre.
    """
    middle = np.atleast_2d(np.asarray(centers, float))
    radius = np.atleast_1d(np.asarray(radii, float))
    middle, radius = np.broadcast_arrays(middle, radius if radius.ndim == 2 else radius[None])
    if (radius <= 0).any():
        raise ArgumentError("radii", float(radius.min()), "all are above nothing", "give them in metres")
    unit, faces = _icosphere(level)
    local = unit * radius[:, None]
    uv = np.stack([map_box(each, faces) for each in local])
    if turns is not None:
        local = local @ np.swapaxes(np.broadcast_to(turns, (len(radius), 3, 3)), 1, 2)
    indices = (faces[None] + len(unit) * np.arange(len(radius))[:, None, None]).reshape(-1, 3)
    return make_mesh((local + middle[:, None]).reshape(-1, 3), indices, uv.reshape(-1, 3, 2))
