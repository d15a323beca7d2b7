"""Sheets: cloth, paper, bent boards, shells; and single leaves. All of them have two sides."""

from __future__ import annotations

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers, join_rows, measure_along, number_copies
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.solids import make_mesh


def find_normals(points: np.ndarray, closed: bool = False) -> np.ndarray:
    """Unit normals of a grid a×b×3: (along a row) × (to the next row)."""
    if closed:
        longer = np.concatenate([points[:, -1:], points, points[:, :1]], axis=1)
        along = longer[:, 2:] - longer[:, :-2]
    else:
        along = np.gradient(points, axis=1)
    normals = np.cross(along, np.gradient(points, axis=0))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12))


def build_sheet(points: Numbers, thick: float, closed: bool = False, sink: bool = False) -> Mesh:
    """A sheet of some thickness; u runs along the rows, v from row to row.

    Args:
        points: a×b×3, metres, a and b > 1. Its front looks along (along a row) × (to the next row).
        thick: metres, above nothing.
        closed: the end of each row is joined to its start, as in a lamp's shade.
        sink: the points are the front, and the thickness lies behind. Else they are in the middle.
    """
    grid = np.asarray(points, float)
    if grid.ndim != 3 or grid.shape[2] != 3 or min(grid.shape[:2]) < 2 or thick <= 0:
        raise ArgumentError("points", grid.shape, "a×b×3, a and b > 1, and a thickness", "give rows of points")
    rows, columns = grid.shape[:2]
    normals = find_normals(grid, closed)
    front = grid if sink else grid + thick / 2 * normals
    back = front - thick * normals
    round_trip = np.concatenate([grid, grid[:, :1]], axis=1) if closed else grid
    plane = np.stack([measure_along(round_trip, 1), measure_along(round_trip, 0)], axis=-1)
    faces = join_rows(rows, columns, closed)
    if closed:
        row, column = np.divmod(faces, columns)
        last = (column.max(axis=1, keepdims=True) == columns - 1) & (column.min(axis=1, keepdims=True) == 0)
        last &= columns > 2
        uv = plane[row, np.where(last & (column == 0), columns, column)]
    else:
        uv = plane.reshape(-1, 2)[faces]
    edges = [np.arange(columns), np.arange(columns)[::-1] + (rows - 1) * columns]
    if not closed:
        edges += [np.arange(rows)[::-1] * columns, np.arange(rows) * columns + columns - 1]
    rim_points, rim_faces, rim_uv = [], [], []
    start = 2 * rows * columns
    for edge in edges:
        strip = np.stack([back.reshape(-1, 3)[edge], front.reshape(-1, 3)[edge]])
        joined = join_rows(2, len(edge), closed)
        round_strip = np.concatenate([strip, strip[:, :1]], axis=1) if closed else strip
        along, up = measure_along(round_strip, 1), np.array([[0.0], [thick]])
        place = np.stack(np.broadcast_arrays(along[:1], up), axis=-1)
        row, column = np.divmod(joined, len(edge))
        if closed:
            last = (column.max(axis=1, keepdims=True) == len(edge) - 1) & (column.min(axis=1, keepdims=True) == 0)
            column = np.where(last & (column == 0), len(edge), column)
        rim_points.append(strip.reshape(-1, 3))
        rim_faces.append(joined + start)
        rim_uv.append(place[row, column])
        start += 2 * len(edge)
    vertices = np.concatenate([front.reshape(-1, 3), back.reshape(-1, 3), *rim_points])
    mirrored = uv[:, ::-1] * [-1, 1]
    return make_mesh(
        vertices,
        np.concatenate([faces, faces[:, ::-1] + rows * columns, *rim_faces]),
        np.concatenate([uv, mirrored, *rim_uv]),
    )


def build_leaves(
    outline: Numbers, frames: np.ndarray, fold: float = 0.15, curl: float = 0.0, thick: float = 0.0004
) -> Mesh:
    """Leaves with a midrib: closed bodies that are sharp at the rim.

    Args:
        outline: k×2, (how far along the midrib, half the width there), as shares of the length; from (0, 0) to (1, 0).
            One point between makes leaves of four triangles: for bushes.
        frames: n×3×4, the columns are the vectors from stem to tip, to the left side and up, and the stem's end. Their
            lengths are those of the leaf, metres.
        fold: how much higher the rims lie than the midrib, share of the half width.
        curl: how far the tip hangs down, share of the length.
        thick: metres at the midrib; four-sided leaves take their fold for it.
    """
    line = np.asarray(outline, float)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < 3:
        raise ArgumentError("outline", line.shape, "k×2, k > 2", "give (along, half width)")
    size = np.linalg.norm(frames[:, :, :3], axis=1)
    local, faces = _draw_leaf(line, fold, curl, thick / max(float(size[:, 2].mean()), 1e-9))
    vertices = np.einsum("nij,kj->nki", frames[:, :, :3], local) + frames[:, None, :, 3]
    uv = local[faces][..., :2] * size[:, None, None, :2]
    return make_mesh(vertices.reshape(-1, 3), number_copies(faces, len(frames), len(local)), uv.reshape(-1, 3, 2))


def _draw_leaf(line: np.ndarray, fold: float, curl: float, thick: float) -> tuple[np.ndarray, np.ndarray]:
    """Points k×3 and triangles of one leaf, along x, its left side to y."""
    along, wide = line.T
    sag = -curl * along**2
    if len(line) == 3:
        points = np.array([[0, 0, 0], [1, 0, sag[2]], [along[1], wide[1], 0], [along[1], -wide[1], 0]])
        points[2:, 2] = sag[1] + fold * wide[1]
        # Seen from above the folded rims stand higher: the ridge between them is the lid, the midrib the keel.
        return points, np.array([[2, 3, 1], [2, 0, 3], [0, 1, 3], [0, 2, 1]])
    inner = slice(1, -1)
    count = len(line) - 2
    left = np.stack([along, wide, sag + fold * wide], axis=1)[inner]
    right = left * [1, -1, 1]
    rib = np.stack([along, np.zeros_like(along), sag], axis=1)[inner]
    lift = np.array([0, 0, thick / 2])
    points = np.concatenate([[[0, 0, 0], [1, 0, sag[-1]]], left, right, rib + lift, rib - lift])
    lefts, rights, uppers, lowers = (2 + count * i + np.arange(count) for i in range(4))
    faces = []
    for rim, turned in ((lefts, False), (rights, True)):
        for ribs, below in ((uppers, False), (lowers, True)):
            strip = [[0, ribs[0], rim[0]], [1, rim[-1], ribs[-1]]]
            for i in range(count - 1):
                strip += [[ribs[i], ribs[i + 1], rim[i + 1]], [ribs[i], rim[i + 1], rim[i]]]
            part = np.array(strip)
            faces.append(part[:, ::-1] if turned != below else part)
    return points, np.concatenate(faces)


def ripple(shape: tuple[int, int], rng: np.random.Generator, waves: int = 5, finest: float = 3.0) -> np.ndarray:
    """A smooth random field over a grid: sums of waves, about −1 to 1.

    Args:
        shape: rows, columns.
        rng: draws the waves.
        waves: how many.
        finest: waves across the grid at most.
    """
    v, u = np.meshgrid(np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1]), indexing="ij")
    frequency = rng.uniform(-finest, finest, (waves, 2)) * 2 * np.pi
    phase, weight = rng.uniform(0, 2 * np.pi, waves), rng.uniform(0.3, 1, waves)
    field = (
        weight[:, None, None] * np.sin(frequency[:, :1, None] * u + frequency[:, 1:, None] * v + phase[:, None, None])
    ).sum(0)
    return np.asarray(field / np.sqrt((weight**2).sum() * 2))
