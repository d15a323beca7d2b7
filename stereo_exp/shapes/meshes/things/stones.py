"""Stones: lumps, boulders, piles."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import Numbers
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.solids import build_balls, make_mesh, map_box, shade_flat
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register


def build_lump(
    rng: np.random.Generator,
    radii: Numbers,
    level: int = 3,
    rough: float = 0.12,
    cuts: int = 0,
    flat_base: float = 1.0,
    boxy: float = 2.0,
) -> Mesh:
    """A lump on z = 0: a ball with dents by waves, cut by planes.

    Args:
        rng: draws it.
        radii: 3, metres.
        level: of the ball, see `build_balls`.
        rough: depth of the dents, share of the radius.
        cuts: planes that take a slice off.
        boxy: 2 for an ellipsoid, 6 for a box with round edges.
        flat_base: where it is cut below its middle, share of the lower half; 1 leaves it.
    """
    unit = build_balls([0, 0, 0], 1.0, level)
    ball = unit.vertices.astype(float)
    points = ball / (np.abs(ball) ** boxy).sum(axis=1, keepdims=True) ** (1 / boxy)
    scale = 2.0 ** np.arange(4)
    waves = rng.normal(0, 1, (4, 5, 3)) * 1.3 * scale[:, None, None]
    phase = rng.uniform(0, 2 * np.pi, (4, 5))
    dents = (np.sin(np.einsum("vi,owi->vow", ball, waves) + phase) / scale[:, None]).sum(axis=(1, 2)) / 3
    shaped = points * (1 + rough * dents)[:, None]
    for normal in rng.normal(0, 1, (cuts, 3)):
        normal /= np.linalg.norm(normal)
        beyond = np.maximum(shaped @ normal - rng.uniform(0.6, 0.9), 0)
        shaped -= 0.97 * beyond[:, None] * normal
    base = -flat_base * np.abs(shaped[:, 2].min())
    shaped[:, 2] = np.maximum(shaped[:, 2], base + 0.03 * (shaped[:, 2] - base)) - base
    vertices = shaped * np.asarray(radii, float)
    return make_mesh(vertices, unit.faces, map_box(vertices, unit.faces))


@register("ground", "air", share=2.0)
def build_rock(kit: Kit) -> None:
    """One rock, smooth, rough or faceted, 15 cm to 1.2 m."""
    rng = kit.rng
    size = np.exp(rng.uniform(np.log(0.08), np.log(0.6)))
    radii = size * rng.uniform(0.6, 1.0, 3) * [1, 1, rng.uniform(0.5, 1)]
    facets = rng.random() < 0.4
    lump = build_lump(rng, radii, 3, rng.uniform(0.03, 0.22), int(rng.integers(0, 12)), rng.uniform(0.5, 0.9))
    kit.add(kit.pick("stone"), shade_flat(lump) if facets else lump)


@register("ground", "surface", "air", share=1.0)
def build_pebble(kit: Kit) -> None:
    """A handful of pebbles or a crystal-like stone, 2-12 cm each."""
    rng = kit.rng
    for _ in range(int(rng.integers(1, 8))):
        size = rng.uniform(0.01, 0.06)
        lump = build_lump(rng, size * rng.uniform(0.5, 1, 3), 2, 0.08, int(rng.integers(0, 6)), 0.9)
        kit.add(kit.pick("stone"), lump, [*rng.normal(0, 0.05, 2), 0])


@register("ground", share=1.0)
def build_stone_pile(kit: Kit) -> None:
    """Ten to forty stones heaped up."""
    rng = kit.rng
    slots = [kit.pick("stone") for _ in range(3)]
    count, size = int(rng.integers(10, 40)), rng.uniform(0.05, 0.16)
    reach = size * np.sqrt(count) * 0.62
    for i in range(count):
        out, angle = reach * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        height = max(0.0, (reach - out) * 0.75 * rng.uniform(0.2, 1) - size / 2)
        lump = build_lump(rng, size * rng.uniform(0.4, 0.8, 3), 2, 0.1, 5, 0.9)
        turn = turn_about(rng.normal(size=3), rng.uniform(0, 3)) if height > 0 else None
        kit.add(slots[i % 3], lump, [out * np.cos(angle), out * np.sin(angle), height], turn)


@register("ground", share=0.7)
def build_stone_wall(kit: Kit) -> None:
    """A length of dry wall: courses of stones, no two alike."""
    rng = kit.rng
    slots = [kit.pick("stone") for _ in range(3)]
    long, courses, high = rng.uniform(0.8, 2.0), int(rng.integers(2, 5)), rng.uniform(0.12, 0.2)
    for row in range(courses):
        x = -long / 2 + rng.uniform(-0.1, 0.1)
        while x < long / 2:
            wide = rng.uniform(0.15, 0.4)
            lump = build_lump(rng, [wide * 0.54, rng.uniform(0.13, 0.18), high * 0.56], 2, 0.06, 6, 1.0, 3.5)
            kit.add(
                slots[int(rng.integers(3))],
                lump,
                [x + wide / 2, rng.normal(0, 0.012), row * high],
                turn_about(0, rng.normal(0, 0.04)),
            )
            x += wide * 0.97
