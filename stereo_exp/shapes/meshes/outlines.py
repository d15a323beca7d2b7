"""Boards cut out along an outline: brackets, tools, letters, frames; and the outlines themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers, smooth_points
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.solids import make_mesh

CREASE = np.cos(np.radians(35))


def measure_area(outline: np.ndarray) -> float:
    """The area within an outline k×2, above nothing where it turns counter-clockwise."""
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def cut_ears(outline: Numbers) -> np.ndarray:
    """Triangles of a simple polygon that turns counter-clockwise: (k − 2)×3 indices of its points.

    Raises:
        ArgumentError: it crosses itself, or turns clockwise.
    """
    points = np.asarray(outline, float)
    x: list[float] = points[:, 0].tolist()
    y: list[float] = points[:, 1].tolist()

    def side(i: int, j: int, k: int) -> float:
        return (x[j] - x[i]) * (y[k] - y[i]) - (y[j] - y[i]) * (x[k] - x[i])

    left = list(range(len(points)))
    tiny = 1e-12 * max(1e-12, float(np.ptp(points, axis=0).max())) ** 2
    faces: list[tuple[int, int, int]] = []
    at, idle = 0, 0
    while len(left) > 3:
        count = len(left)
        i, j, k = left[at - 1], left[at % count], left[(at + 1) % count]
        turn = side(i, j, k)
        # Corners on a straight line wait until nothing else is left: without them the lids would not meet the sides.
        ear = (turn > tiny or (idle > count and turn > -tiny)) and not any(
            side(i, j, p) >= -tiny and side(j, k, p) >= -tiny and side(k, i, p) >= -tiny
            for p in left
            if p not in (i, j, k) and (x[p], y[p]) not in ((x[i], y[i]), (x[j], y[j]), (x[k], y[k]))
        )
        if ear:
            faces.append((i, j, k))
            del left[at % count]
            # Over the next corner, so that fans do not all meet in one.
            at, idle = (at + 1) % (count - 1), 0
            continue
        at, idle = (at + 1) % count, idle + 1
        if idle > 2 * count:
            raise ArgumentError("outline", f"{len(points)} points", "does not cross itself", "turn it the other way")
    faces.append((left[0], left[1], left[2]))
    return np.array(faces)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _opens_to(ring: np.ndarray, i: int, way: np.ndarray) -> bool:
    """Whether a direction from corner i of a ring leads into what lies on its left."""
    ahead, behind = ring[(i + 1) % len(ring)] - ring[i], ring[i - 1] - ring[i]
    if _cross(ahead, behind) >= 0:
        return bool(_cross(ahead, way) > 0 and _cross(way, behind) > 0)
    return not (_cross(behind, way) >= 0 and _cross(way, ahead) >= 0)


def _bridge(outer: np.ndarray, hole: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """One outline around a polygon and back round a hole, by a cut from the hole's rightmost point that meets none of
    the other holes."""
    start = int(hole[:, 0].argmax())
    point = hole[start]
    rings = [outer, hole, *others]
    a = np.concatenate(rings) - point
    b = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]) - point
    for i in np.argsort(((outer - point) ** 2).sum(axis=1), kind="stable"):
        way = outer[i] - point
        if not (_opens_to(outer, int(i), -way) and _opens_to(hole, start, way)):
            continue
        tiny = 1e-9 * float(way @ way)
        # An edge is crossed where its ends lie on two sides of the cut, and the cut's on two sides of it.
        apart = _cross(way, a) * _cross(way, b) < -(tiny**2)
        edge = b - a
        crossed = apart & (_cross(edge, -a) * _cross(edge, way - a) < 0)
        share = a @ way / (way @ way)
        touched = (np.abs(_cross(way, a)) < tiny) & (share > 1e-9) & (share < 1 - 1e-9)
        if not (crossed | touched).any():
            ring = np.roll(hole, -start, axis=0)
            return np.concatenate([outer[: i + 1], ring, ring[:1], outer[i:]])
    raise ArgumentError("holes", len(hole), "lie within the outline, apart from one another", "move it inwards")


def build_plate(outline: Numbers, thick: float, holes: Sequence[Numbers] = ()) -> Mesh:
    """A board with an outline, lying on z = 0, seen from above.

    Args:
        outline: k×2, metres, either way round, not crossing itself.
        thick: metres.
        holes: outlines within, apart from one another.
    """
    rings = [np.asarray(each, float) for each in (outline, *holes)]
    rings = [ring if (measure_area(ring) > 0) == (i == 0) else ring[::-1] for i, ring in enumerate(rings)]
    around = rings[0]
    waiting = sorted(rings[1:], key=lambda ring: -float(ring[:, 0].max()))
    for i, hole in enumerate(waiting):
        around = _bridge(around, hole, waiting[i + 1 :])
    faces = cut_ears(around)
    top = np.column_stack([around, np.full(len(around), thick)])
    bottom = np.column_stack([around, np.zeros(len(around))])
    plane = around[faces]
    lids = make_mesh(
        np.concatenate([top, bottom]),
        np.concatenate([faces, faces[:, ::-1] + len(around)]),
        np.concatenate([plane, plane[:, ::-1] * [-1, 1]]),
    )
    return merge_meshes([lids, *(_build_wall(ring, thick) for ring in rings)])


def _build_wall(ring: np.ndarray, thick: float) -> Mesh:
    """The sides of a board along one outline; smooth where it bends little."""
    count = len(ring)
    steps = np.roll(ring, -1, axis=0) - ring
    lengths = np.linalg.norm(steps, axis=1)
    ways = steps / np.maximum(lengths, 1e-12)[:, None]
    smooth = (ways * np.roll(ways, 1, axis=0)).sum(axis=1) > CREASE
    # Point i has vertices for the side that ends in it and for the one that starts; one for both where smooth.
    starting = 2 * np.arange(count)
    ending = np.where(smooth, starting, starting + 1)
    pairs = np.repeat(ring, 2, axis=0)
    vertices = np.concatenate([np.column_stack([pairs, np.full(2 * count, z)]) for z in (0.0, thick)])
    a, b = starting, np.roll(ending, -1)
    c, d = b + 2 * count, a + 2 * count
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    u0, u1, low, high = along[:-1], along[1:], np.zeros(count), np.full(count, thick)
    corner = [np.stack(each, axis=1) for each in ((u0, low), (u1, low), (u1, high), (u0, high))]
    uv = np.concatenate(
        [np.stack([corner[0], corner[1], corner[2]], 1), np.stack([corner[0], corner[2], corner[3]], 1)]
    )
    used, index = np.unique(faces, return_inverse=True)
    return make_mesh(vertices[used], index.reshape(-1, 3), uv)


def draw_rectangle(width: float, height: float, radius: float = 0.0, steps: int = 4) -> np.ndarray:
    """A rectangle about the origin with rounded corners: k×2, counter-clockwise."""
    x, y = width / 2, height / 2
    radius = min(radius, x, y)
    if radius <= 0:
        return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    turn = np.linspace(-np.pi / 2, 0, steps + 1)
    arc = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corners = []
    for i, (sx, sy) in enumerate(((1, -1), (1, 1), (-1, 1), (-1, -1))):
        c, s = np.cos(i * np.pi / 2), np.sin(i * np.pi / 2)
        corners.append(arc @ np.array([[c, s], [-s, c]]) + [sx * (x - radius), sy * (y - radius)])
    ring = np.concatenate(corners)
    apart = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1) > 1e-9
    return np.asarray(ring[apart])


def draw_ellipse(width: float, height: float, steps: int = 24) -> np.ndarray:
    """An ellipse about the origin: k×2, counter-clockwise."""
    turn = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([width / 2 * np.cos(turn), height / 2 * np.sin(turn)], axis=1)


def draw_blob(rng: np.random.Generator, size: float, wild: float = 0.3, knots: int = 7, steps: int = 40) -> np.ndarray:
    """A smooth star-shaped outline of about `size` across: k×2, counter-clockwise."""
    turn = np.linspace(0, 2 * np.pi, knots, endpoint=False)
    radius = size / 2 * (1 - wild * rng.random(knots))
    return smooth_points(np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1), steps, closed=True)
