"""Odd bodies that test an eye for shape: knots, twisted columns, bands, blobs, gears, busts, mobiles."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.outlines import build_plate, draw_blob, draw_ellipse
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes, shade_flat
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.stones import build_lump
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

HARD = ("stone", "metal", "wood", "ceramic", "plastic", "paint")


@register("surface", "floor", "air", share=1.5)
def build_knot(kit: Kit) -> None:
    """A closed tube in a knot, or an open one that wanders; on a base or without."""
    rng = kit.rng
    size, thick = rng.uniform(0.05, 0.2), rng.uniform(0.06, 0.28)
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    if rng.random() < 0.6:
        p, q = [(2, 3), (3, 2), (2, 5), (3, 4), (1, 4)][int(rng.integers(5))]
        wide = 1 + 0.45 * np.cos(q * t)
        path = np.stack([wide * np.cos(p * t), wide * np.sin(p * t), 0.5 * np.sin(q * t)], axis=1)
        thick = min(thick, 0.3 / p)
    else:
        path = smooth_points(rng.normal(0, 0.6, (int(rng.integers(5, 9)), 3)), 120, closed=True)
        thick *= 0.5
    turn = turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 3))
    kit.add(
        kit.pick(*HARD), build_tubes(path * size, thick * size, 10, flat=rng.uniform(0.4, 1), closed=True), turn=turn
    )


@register("surface", "floor", "air", share=1.0)
def build_twisted_column(kit: Kit) -> None:
    """A prism that twists as it rises, swells and narrows."""
    rng = kit.rng
    height, radius = rng.uniform(0.1, 0.5), rng.uniform(0.03, 0.1)
    corners, rows = int(rng.integers(3, 8)), 28
    a = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    section = 1 + rng.uniform(0.1, 0.35) * np.cos(corners * a)
    z = np.linspace(0, 1, rows)[:, None]
    swell = np.interp(z, np.linspace(0, 1, 5), rng.uniform(0.5, 1.0, 5))
    turn = a + rng.uniform(-4, 4) * z
    grid = np.stack(
        [radius * swell * section * np.cos(turn), radius * swell * section * np.sin(turn), height * z + 0 * turn],
        axis=2,
    )
    slot = kit.pick(*HARD)
    kit.add(slot, build_sheet(grid, 0.3 * radius * float(swell.min()), closed=True, sink=True))
    if rng.random() < 0.6:
        kit.add(kit.pick("stone", "wood"), build_boxes([0, 0, -0.015], [2.4 * radius, 2.4 * radius, 0.03], 0.003))


@register("surface", "air", share=0.8)
def build_band(kit: Kit) -> None:
    """A ribbon that runs round and turns over on its way, or a spiral of it."""
    rng = kit.rng
    size, wide, halves = rng.uniform(0.05, 0.18), rng.uniform(0.15, 0.5), int(rng.integers(1, 5))
    t = np.linspace(0, 2 * np.pi, 80)
    v = np.linspace(-wide, wide, 6)[:, None]
    twist = t * halves / 2
    if rng.random() < 0.6:
        out = 1 + v * np.cos(twist)
        grid = np.stack([out * np.cos(t), out * np.sin(t), v * np.sin(twist)], axis=2)
    else:
        t = t * rng.uniform(1.2, 2.5)
        out = (0.35 + 0.1 * t) + 0 * v
        grid = np.stack([out * np.cos(t), out * np.sin(t), v + 0 * t], axis=2)
    turn = turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 2))
    kit.add(
        kit.pick("paper", "metal", "plastic", "leather", "print"),
        build_sheet(grid * size, 0.004 * rng.uniform(0.3, 1)),
        turn=turn,
    )


@register("surface", "floor", "air", share=1.5)
def build_blob(kit: Kit) -> None:
    """A lump of clay: dented, faceted, spiked or of merged balls."""
    rng = kit.rng
    slot, size = kit.pick(*HARD, "fabric"), rng.uniform(0.03, 0.2)
    style = rng.choice(["dented", "facets", "balls", "spiked"])
    if style == "balls":
        count = int(rng.integers(3, 9))
        at = rng.normal(0, 0.5, (count, 3)) * size
        kit.add(slot, build_balls(at, size * rng.uniform(0.3, 0.7, (count, 1)) * np.ones(3), 2))
    elif style == "spiked":
        kit.add(slot, build_balls([0, 0, 0], size * 0.6, 3))
        way = rng.normal(0, 1, (40, 3))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        kit.add(slot, build_rods(way * size * 0.5, way * size, [[size * 0.1, size * 0.01]], 6))
    else:
        lump = build_lump(
            rng,
            size * rng.uniform(0.5, 1, 3),
            3 if style == "dented" else 2,
            rng.uniform(0.1, 0.35),
            3,
            0.9,
            rng.uniform(1.6, 3),
        )
        kit.add(slot, shade_flat(lump) if style == "facets" else lump)


@register("surface", "floor", "air", share=1.0)
def build_gear(kit: Kit) -> None:
    """Toothed wheels: one lying, several on a shaft, or standing."""
    rng = kit.rng
    z = 0.0
    turn = turn_about(2, rng.uniform(-1, 1)) @ stand_upright() if rng.random() < 0.4 else None
    for _ in range(int(rng.integers(1, 4))):
        radius, teeth = rng.uniform(0.02, 0.12), int(rng.integers(8, 26))
        share = np.array([0.0, 0.22, 0.34, 0.58, 0.7])[None] + np.arange(teeth)[:, None]
        high = np.tile([1.0, 1.0, 0.86, 0.86, 1.0], teeth)[: 5 * teeth]
        share, high = share[:, :4].ravel(), np.tile([1.0, 1.0, 0.86, 0.86], teeth)
        a = share * 2 * np.pi / teeth
        outline = radius * high[:, None] * np.column_stack([np.cos(a), np.sin(a)])
        thick = radius * rng.uniform(0.15, 0.4)
        holes = [draw_ellipse(radius * 0.3, radius * 0.3, 16)]
        if rng.random() < 0.5:
            count = int(rng.integers(3, 6))
            b = np.arange(count) * 2 * np.pi / count + 0.4
            holes += [
                draw_ellipse(radius * 0.38, radius * 0.38, 14) + radius * 0.5 * np.array([np.cos(c), np.sin(c)])
                for c in b
            ]
        mesh = build_plate(outline, thick, holes)
        kit.add(kit.pick("metal", "plastic", "wood"), mesh, (turn if turn is not None else np.eye(3)) @ [0, 0, z], turn)
        z += thick * 1.1


@register("surface", "floor", "air", share=1.0)
def build_bust(kit: Kit) -> None:
    """A head on a neck and a foot: ears, nose, brow; a cap or curls."""
    rng = kit.rng
    stone, size = kit.pick("stone", "ceramic", "wood", "metal"), rng.uniform(0.08, 0.3)
    foot = smooth_points(np.array([[0.34, 0], [0.36, 0.06], [0.2, 0.14], [0.17, 0.3]]) * size, 10)
    kit.add(stone, build_lathe(np.concatenate([[[0, 0]], foot, [[0, 0.3 * size]]]), 24))
    kit.add(stone, build_balls([0, 0.02 * size, 0.42 * size], [0.5 * size, 0.24 * size, 0.18 * size], 3))
    kit.add(stone, build_rods([0, 0.02 * size, 0.45 * size], [0, 0, 0.75 * size], [[0.16 * size, 0.13 * size]], 16))
    head = np.array([0, 0, 0.95 * size])
    kit.add(stone, build_balls(head, [0.21 * size, 0.25 * size, 0.29 * size], 3))
    kit.add(
        stone, build_balls(head + np.array([0, -0.11 * size, -0.15 * size]), [0.14 * size, 0.13 * size, 0.13 * size], 2)
    )
    nose = np.array([[0, -0.24, 0.08], [0, -0.3, -0.03], [0, -0.27, -0.06]]) * size
    kit.add(stone, build_tubes(head + nose, size * np.array([0.025, 0.045, 0.03]), 8))
    for side in (-1, 1):
        kit.add(
            stone,
            build_balls(head + np.array([side * 0.21, 0.02, -0.02]) * size, [0.03 * size, 0.06 * size, 0.08 * size], 1),
        )
        kit.add(
            stone,
            build_balls(
                head + np.array([side * 0.09, -0.21, 0.07]) * size, [0.055 * size, 0.04 * size, 0.025 * size], 1
            ),
        )
    hair = stone if rng.random() < 0.5 else kit.pick("stone", "fabric", "metal")
    if rng.random() < 0.6:
        way = rng.normal(0, 1, (60, 3))
        way[:, 2] = np.abs(way[:, 2]) + 0.2
        way[:, 1] = np.where(way[:, 1] < -0.6 * way[:, 2], -way[:, 1], way[:, 1])
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        curls = head + way * np.array([0.21, 0.25, 0.29]) * size
        kit.add(hair, build_balls(curls, size * rng.uniform(0.035, 0.07), 1))
    else:
        kit.add(hair, build_balls(head + np.array([0, 0.03, 0.06]) * size, [0.225 * size, 0.26 * size, 0.27 * size], 2))


@register("ceiling", share=0.8)
def build_mobile(kit: Kit) -> None:
    """Shapes on threads from bars that hang from bars."""
    rng = kit.rng
    wire = kit.pick("metal")
    kit.add(wire, build_rods([0, 0, -0.3], [0, 0, 0], 0.0012, 4))
    _hang_bar(kit, wire, np.array([0, 0, -0.3]), rng.uniform(0.2, 0.4), int(rng.integers(1, 4)))


def _hang_bar(kit: Kit, wire: int, at: np.ndarray, reach: float, depth: int) -> None:
    rng = kit.rng
    a = rng.uniform(0, np.pi)
    way = np.array([np.cos(a), np.sin(a), 0])
    bow = smooth_points(np.array([at - way * reach - [0, 0, 0.04], at, at + way * reach - np.array([0, 0, 0.04])]), 10)
    kit.add(wire, build_tubes(bow, 0.0015, 5))
    for end in (bow[0], bow[-1]):
        low = end - np.array([0, 0, rng.uniform(0.05, 0.25)])
        kit.add(wire, build_rods(low, end, 0.0007, 3))
        if depth > 1 and rng.random() < 0.6:
            _hang_bar(kit, wire, low, reach * 0.6, depth - 1)
            continue
        size, slot = rng.uniform(0.05, 0.14), kit.pick("paper", "plastic", "wood", "metal", "fabric")
        turn = turn_about(2, rng.uniform(0, 6)) @ stand_upright()
        style = rng.choice(["blob", "ball", "disc", "cone"])
        if style == "ball":
            kit.add(slot, build_balls(low - np.array([0, 0, size * 0.4]), size * 0.4, 2))
        elif style == "cone":
            kit.add(slot, build_cylinder(size * 0.4, size, 18, top=0.002), low - np.array([0, 0, size]))
        else:
            outline = draw_blob(rng, size) if style == "blob" else draw_ellipse(size, size, 22)
            kit.add(slot, build_plate(outline, 0.002), low - np.array([0, 0, size * 0.42]), turn)


@register("surface", "floor", "air", share=0.8)
def build_crystal(kit: Kit) -> None:
    """A cluster of pointed prisms."""
    rng = kit.rng
    slot, size = kit.pick("stone", "ceramic", "plastic"), rng.uniform(0.04, 0.15)
    sides = int(rng.integers(4, 7))
    for _ in range(int(rng.integers(3, 12))):
        radius, tall = size * rng.uniform(0.1, 0.3), size * rng.uniform(0.5, 1.6)
        prism = build_lathe([[0, 0], [radius, 0], [radius, tall * 0.75], [0, tall]], sides)
        turn = turn_about(2, rng.uniform(0, 6)) @ turn_about(0, rng.normal(0, 0.45))
        kit.add(slot, shade_flat(prism), [*rng.normal(0, 0.3 * size, 2), 0], turn)
    kit.add(slot, build_lump(rng, [size * 0.8, size * 0.7, size * 0.3], 2, 0.1, 4, 0.4))


@register("surface", "floor", "air", share=1.0)
def build_solid(kit: Kit) -> None:
    """A cone, a pyramid, a cylinder, a prism, a half ball or a stack of such, as in a drawing class."""
    rng = kit.rng
    height = 0.0
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        size, tall, slot = rng.uniform(0.03, 0.12), rng.uniform(0.04, 0.2), kit.pick(*HARD)
        style = rng.choice(["cone", "pyramid", "cylinder", "prism", "dome", "cube"])
        sides = int(rng.integers(3, 9))
        turn = turn_about(2, rng.uniform(0, 3))
        if style == "cone":
            mesh = build_cylinder(size, tall, 30, top=size * rng.choice([0.02, 0.5]))
        elif style == "pyramid":
            mesh = shade_flat(build_cylinder(size, tall, sides, top=size * rng.choice([0.02, 0.6])))
        elif style == "cylinder":
            mesh = build_cylinder(size, tall, 30, bevel=rng.choice([0.0, 0.004]))
        elif style == "prism":
            mesh = shade_flat(build_cylinder(size, tall, sides))
        elif style == "dome":
            t = np.linspace(0, np.pi / 2, 10)
            tall = size
            mesh = build_lathe(
                np.concatenate([[[0, 0]], size * np.column_stack([np.cos(t), np.sin(t)])]).clip(0, None), 30
            )
        else:
            mesh = build_boxes([0, 0, tall / 2], [size * 1.5, size * 1.5, tall], 0.002)
        kit.add(slot, mesh, [0, 0, height], turn)
        height += tall
        if style in ("cone", "pyramid", "dome"):
            break
