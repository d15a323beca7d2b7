"""Bodies turned on a lathe: a profile goes round the upright axis; cylinders, cones, discs, rings."""

from __future__ import annotations

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.solids import make_mesh

CREASE = np.cos(np.radians(38))
"""Where a profile turns by more, the body has an edge."""


def build_lathe(
    profile: Numbers,
    segments: int = 24,
    rim: np.ndarray | None = None,
    closed: bool = False,
) -> Mesh:
    """A profile turned about z.

    Args:
        profile: k×2, (radius, height) in metres. From the bottom outside to the top, and back down inside where it
            is hollow. A body is closed when it starts and ends at radius 0 or is itself closed.
        segments: corners around.
        rim: factor of the radius at each corner, for flutes and rounded squares; 1 where None.
        closed: the profile ends where it starts, as that of a ring.
    """
    line = np.asarray(profile, float)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2 or (line[:, 0] < 0).any():
        raise ArgumentError("profile", line.shape, "k×2, k > 1, no radius below nothing", "give (radius, height)")
    if rim is not None and len(rim) != segments:
        raise ArgumentError("rim", len(rim), f"one factor for each of {segments} corners", "draw it again")
    line = np.column_stack([np.where(line[:, 0] > 1e-7, line[:, 0], 0.0), line[:, 1]])
    if closed:
        line = np.concatenate([line, line[:1]])
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    kept = np.concatenate([[True], lengths > 1e-7])
    line, steps = line[kept], steps[kept[1:]]
    lengths = lengths[kept[1:]]
    ways = steps / lengths[:, None]
    turning = (ways[1:] * ways[:-1]).sum(axis=1)
    # One ring for each end of each band, two bands sharing a ring where the profile is smooth.
    fresh = np.concatenate([[True], turning < CREASE])
    upper = np.arange(1, len(steps) + 1) + np.cumsum(fresh) - 1
    lower = np.where(fresh, upper - 1, np.concatenate([[0], upper[:-1]]))
    ring_of = np.zeros(int(upper[-1]) + 1, int)
    ring_of[lower], ring_of[upper] = np.arange(len(steps)), np.arange(1, len(steps) + 1)
    if closed and (ways[0] @ ways[-1]) >= CREASE:
        upper[-1], ring_of = lower[0], ring_of[:-1]
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    factor = np.ones(segments) if rim is None else np.asarray(rim, float)
    # Facing −y at half the way round, so that the seam of the paint is at the back.
    circle = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * factor[:, None]
    rings = line[ring_of]
    vertices = np.concatenate(
        [rings[:, None, :1] * circle[None], np.broadcast_to(rings[:, None, 1:], (len(rings), segments, 1))], axis=2
    ).reshape(-1, 3)
    corner = np.arange(segments)
    a, b = lower[:, None] * segments + corner, lower[:, None] * segments + (corner + 1) % segments
    d, c = upper[:, None] * segments + corner, upper[:, None] * segments + (corner + 1) % segments
    faces = np.stack([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)], axis=2)
    uv = _unroll(line, ways, lengths, angle, circle)
    solid = np.stack([line[:-1, 0] > 0, line[1:, 0] > 0], axis=1)
    shown = np.broadcast_to(solid[:, None], (len(steps), segments, 2))
    return make_mesh(vertices, faces[shown], uv[shown])


def _unroll(
    line: np.ndarray, ways: np.ndarray, lengths: np.ndarray, angle: np.ndarray, circle: np.ndarray
) -> np.ndarray:
    """Paint coordinates of each band's quads: bands × segments × 2 triangles × 3 × 2.

    Steep bands are unrolled at one radius for all, so that the paint runs on from band to band; flat ones are seen
    from above or below.
    """
    segments = len(angle)
    steep = np.abs(ways[:, 1]) > 0.55
    mean = (line[:-1, 0] + line[1:, 0]) / 2
    weight = lengths[steep].sum()
    radius = (mean * lengths)[steep].sum() / weight if weight > 0 else 1.0
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    around = np.concatenate([angle, [2 * np.pi]]) * radius
    corner = np.arange(segments)
    u0, u1 = around[corner], around[corner + 1]
    uv = np.empty((len(ways), segments, 4, 2))
    uv[..., 0] = np.stack([u0, u1, u1, u0], axis=1)
    uv[..., 1] = np.stack([along[:-1], along[:-1], along[1:], along[1:]], axis=1)[:, None]
    following = np.roll(circle, -1, axis=0)
    ring = np.stack([circle, following, following, circle], axis=1)
    radii = np.stack([line[:-1, 0], line[:-1, 0], line[1:, 0], line[1:, 0]], axis=1)
    flat = ring[None] * radii[:, None, :, None]
    # A band that comes in while the profile goes on looks up.
    flat[..., 0] *= np.where(ways[:, 0] < 0, 1.0, -1.0)[:, None, None]
    uv = np.where(steep[:, None, None, None], uv, flat)
    return uv[:, :, [[0, 1, 2], [0, 2, 3]]]


def build_cylinder(
    radius: float, height: float, segments: int = 20, top: float | None = None, bevel: float = 0.0
) -> Mesh:
    """A cylinder on z = 0, or a cone where `top` is another radius; `bevel` breaks both edges, metres."""
    end = radius if top is None else top
    cut = min(bevel, height / 3, radius / 2, end / 2)
    if cut <= 0:
        return build_lathe([[0, 0], [radius, 0], [end, height], [0, height]], segments)
    lean = (end - radius) / height * cut
    return build_lathe(
        [[0, 0], [radius - cut, 0], [radius + lean, cut], [end - lean, height - cut], [end - cut, height], [0, height]],
        segments,
    )


def build_ring(radius: float, thick: float, segments: int = 32, sides: int = 10, flat: float = 1.0) -> Mesh:
    """A torus about z, its middle on z = 0; `thick` is the radius of its tube, `flat` its height over its width."""
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    profile = np.stack([radius + thick * np.cos(turn), flat * thick * np.sin(turn)], axis=1)
    return build_lathe(profile, segments, closed=True)


def round_rim(segments: int, squareness: float) -> np.ndarray:
    """Factors that make a circle a rounded square: 0 leaves it round, 1 squares it."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    power = 2 + 10 * squareness**2
    return np.asarray((np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power))


def hollow_profile(outer: np.ndarray, wall: float) -> np.ndarray:
    """A vessel's whole profile from its outer line: down again within at the wall's thickness.

    Args:
        outer: k×2 from the foot upwards, (radius, height), metres.
        wall: metres.
    """
    way = np.gradient(outer, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
    # To the left of the way up lies the inside.
    inner = (outer + wall * np.stack([-way[:, 1], way[:, 0]], axis=1))[::-1]
    floor = outer[0, 1] + wall
    inner = inner[np.minimum.accumulate(inner[:, 1]) >= inner[:, 1]]
    edge = float(np.interp(floor, inner[::-1, 1], inner[::-1, 0]))
    inner = inner[(inner[:, 1] > floor + 0.1 * wall) & (inner[:, 0] > 1e-3)]
    lip = (outer[-1:] + inner[:1]) / 2 + 0.3 * wall * way[-1:]
    bottom = np.array([[max(edge, 1e-3), floor], [0.0, floor]])
    return np.concatenate([[[0.0, outer[0, 1]]], outer, lip, inner, bottom])
