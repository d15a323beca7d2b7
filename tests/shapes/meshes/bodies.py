"""What the tests of meshes measure: areas, volumes, open edges, the scale of the paint."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stereo_exp.shapes.meshes.mesh import Mesh


def measure_areas(mesh: Mesh) -> np.ndarray:
    """The area of each triangle, m²."""
    a, b, c = np.swapaxes(mesh.vertices[mesh.faces].astype(np.float64), 0, 1)
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def measure_paint(mesh: Mesh) -> np.ndarray:
    """The area of each triangle on the paint, m²."""
    a, b, c = np.swapaxes(mesh.uv.astype(np.float64), 0, 1)
    one, two = b - a, c - a
    return np.asarray(np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2)


def measure_scale(mesh: Mesh) -> float:
    """The paint's area over the mesh's own: 1 where a metre of paint is a metre of surface."""
    return float(measure_paint(mesh).sum() / measure_areas(mesh).sum())


def weld(mesh: Mesh) -> np.ndarray:
    """The faces with one number for all vertices at one point: F×3."""
    _, number = np.unique(mesh.vertices, axis=0, return_inverse=True)
    return np.asarray(number.ravel()[mesh.faces])


def count_open_edges(mesh: Mesh) -> int:
    """Edges of triangles that no neighbour has the other way round: none in closed bodies that turn one way."""
    faces = weld(mesh).astype(np.int64)
    ahead = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, back = ahead[:, 0] << 32 | ahead[:, 1], ahead[:, 1] << 32 | ahead[:, 0]
    return int((~np.isin(key, back)).sum())


def measure_volumes(mesh: Mesh) -> np.ndarray:
    """The volume of each connected body, m³, in no order; above nothing where its triangles look outwards."""
    faces = weld(mesh)
    count = int(faces.max()) + 1
    edges = coo_matrix(
        (np.ones(2 * len(faces)), (faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel())), (count, count)
    )
    body = connected_components(edges, directed=False)[1][faces[:, 0]]
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    number = np.bincount(body)
    middle = np.stack([np.bincount(body, corners.mean(axis=1)[:, i]) for i in range(3)], axis=1)
    corners -= (middle / np.maximum(number, 1)[:, None])[body][:, None]
    six = np.einsum("fi,fi->f", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2])
    return np.asarray((np.bincount(body, six) / 6)[number > 0])


def check_closed(mesh: Mesh) -> None:
    """Finite, every triangle with an area, closed, turned outwards."""
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
    assert int(mesh.faces.min()) >= 0 and int(mesh.faces.max()) < len(mesh.vertices)
    assert count_open_edges(mesh) == 0
    assert (measure_volumes(mesh) > 0).all()
