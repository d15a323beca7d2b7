"""Of the household, with thin parts: racks for dishes and washing, hangers, pens in a cup, umbrellas."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import remap_box
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


@register("floor", "ground", share=1.0)
def build_drying_rack(kit: Kit) -> None:
    """A folding rack of rods with a few cloths over it."""
    rng = kit.rng
    slot = kit.pick("metal", "plastic")
    wide, deep, high = rng.uniform(0.8, 1.4), rng.uniform(0.45, 0.6), rng.uniform(0.75, 1.0)
    count = int(rng.integers(6, 14))
    y = np.linspace(-deep / 2, deep / 2, count)
    kit.add(
        slot,
        build_rods(
            np.column_stack([0 * y - wide / 2, y, 0 * y + high]),
            np.column_stack([0 * y + wide / 2, y, 0 * y + high]),
            0.002,
            5,
        ),
    )
    for x in (-wide / 2, wide / 2):
        kit.add(slot, build_rods([x, -deep / 2, high], [x, deep / 2, high], 0.007, 6))
        kit.add(
            slot,
            build_rods([[x, -deep / 2, 0], [x, deep / 2, 0]], [[x, deep / 2, high], [x, -deep / 2, high]], 0.008, 6),
        )
    for side in (-1, 1):
        kit.add(slot, build_rods([-wide / 2, side * deep / 2, 0.008], [wide / 2, side * deep / 2, 0.008], 0.008, 6))
    for _ in range(int(rng.integers(0, 5))):
        w, drop = rng.uniform(0.15, 0.45), rng.uniform(0.15, 0.45)
        x = rng.uniform(-0.5, 0.5) * (wide - w)
        _hang_cloth(kit, x, float(y[rng.integers(count)]), high + 0.003, w, drop)


def _hang_cloth(kit: Kit, x: float, y: float, z: float, wide: float, drop: float) -> None:
    turn = np.linspace(0, np.pi, 5)
    line = np.concatenate(
        [
            [[-0.006, -drop]],
            np.column_stack([-0.006 * np.cos(turn), 0.006 * np.sin(turn)]),
            [[0.006, -drop * kit.rng.uniform(0.4, 1)]],
        ]
    )
    line = smooth_points(line, 20)
    u = np.linspace(-0.5, 0.5, 12)
    sway = 0.012 * np.sin(2 * np.pi * u * kit.rng.uniform(1, 3)) * np.clip(-line[:, 1:] * 6, 0, 1)
    grid = np.stack(
        [np.broadcast_to(u * wide, sway.shape), line[:, :1] + sway, np.broadcast_to(line[:, 1:], sway.shape)], axis=2
    )
    kit.add(kit.pick("fabric"), build_sheet(grid, 0.002), [x, y, z])


@register("surface", "air", share=1.0)
def build_dish_rack(kit: Kit) -> None:
    """A rack of wires with upright loops, plates between them."""
    rng = kit.rng
    wire, count = kit.pick("metal"), int(rng.integers(6, 14))
    wide, deep, pitch = 0.035 * count, rng.uniform(0.2, 0.3), 0.035
    x = pitch * (np.arange(count) - (count - 1) / 2)
    loop = np.array(
        [
            [0, -deep * 0.3, 0.02],
            [0, -deep * 0.28, 0.1],
            [0, -deep * 0.2, 0.12],
            [0, -deep * 0.12, 0.1],
            [0, -deep * 0.1, 0.02],
        ]
    )
    paths = np.concatenate(
        [loop[None] + x[:, None, None] * [1, 0, 0], loop[None] * [1, -1, 1] + x[:, None, None] * [1, 0, 0]]
    )
    kit.add(wire, build_tubes(paths, 0.0014, 4))
    low = np.column_stack([x, 0 * x - deep / 2, 0 * x + 0.02])
    kit.add(wire, build_rods(low, low * [1, -1, 1], 0.0014, 4))
    for z in (0.02, 0.07):
        ring = np.array(
            [[-wide / 2, -deep / 2, z], [wide / 2, -deep / 2, z], [wide / 2, deep / 2, z], [-wide / 2, deep / 2, z]]
        )
        kit.add(wire, build_rods(ring, np.roll(ring, -1, axis=0), 0.0025, 5))
    corner = ring * [1, 1, 0]
    kit.add(wire, build_rods(corner, corner + np.array([0, 0, 0.07]), 0.0025, 5))
    dish = kit.pick("ceramic")
    for at in x[:-1]:
        if rng.random() < 0.5:
            radius = rng.uniform(0.08, 0.12)
            plate = build_lathe(
                [[0, 0], [radius * 0.6, 0], [radius, 0.014], [radius, 0.017], [radius * 0.6, 0.004], [0, 0.004]], 24
            )
            kit.add(dish, plate, [at + pitch / 2, 0, radius + 0.022], turn_about(1, np.pi / 2 - 0.12))


@register("wall", "air", share=0.6, elevation=(1.2, 1.7))
def build_coat_hanger(kit: Kit) -> None:
    """A bow of wire or wood under a hook; one or several on a peg."""
    rng = kit.rng
    slot, wide = kit.pick("metal", "wood", "plastic"), rng.uniform(0.36, 0.45)
    thick, dip = rng.uniform(0.0015, 0.006), rng.uniform(0.06, 0.11)
    for i in range(int(rng.choice([1, 1, 2, 3]))):
        bow = np.array(
            [
                [0, 0, 0],
                [wide * 0.25, 0, -dip * 0.45],
                [wide / 2, 0, -dip],
                [wide / 2 - 0.01, 0, -dip - 0.012],
                [0, 0, -dip - 0.012],
            ]
        )
        line = np.concatenate([bow, (bow * [-1, 1, 1])[::-1][1:-1]])
        turn = turn_about(2, rng.normal(0, 0.15))
        at = [0, -0.04 - 0.03 * i, 0]
        kit.add(slot, build_tubes(line, thick, 6, closed=True), at, turn)
        a = np.linspace(-0.5, 1.25 * np.pi, 12)
        hook = np.column_stack([0.02 * np.cos(a), 0 * a, 0.045 + 0.02 * np.sin(a)])
        hook = np.concatenate([[[0, 0, -0.005], [0, 0, 0.015]], hook])
        kit.add(kit.pick("metal"), build_tubes(hook, 0.0014, 5), at, turn)
    kit.add(kit.pick("wood", "metal"), build_rods([0, -0.13, 0.063], [0, 0, 0.058], 0.007, 8))


@register("surface", "air", share=1.0)
def build_pen_cup(kit: Kit) -> None:
    """Pens, brushes and a ruler in a cup or a wire mesh."""
    rng = kit.rng
    radius, height = rng.uniform(0.03, 0.045), rng.uniform(0.08, 0.11)
    if rng.random() < 0.5:
        wire = kit.pick("metal")
        a = np.arange(24) * 2 * np.pi / 24
        low = np.column_stack([radius * np.cos(a), radius * np.sin(a), 0 * a])
        kit.add(wire, build_rods(low, np.roll(low, 5, axis=0) + np.array([0, 0, height]), 0.0007, 3))
        kit.add(wire, build_rods(low, np.roll(low, -5, axis=0) + np.array([0, 0, height]), 0.0007, 3))
        for z in (0.001, height):
            kit.add(wire, build_ring(radius, 0.0018, 24, 5), [0, 0, z])
        kit.add(wire, build_cylinder(radius, 0.001, 24))
    else:
        cup = kit.pick("ceramic", "metal", "plastic", "wood")
        kit.add(
            cup,
            build_lathe(
                [[0, 0], [radius, 0], [radius, height], [radius - 0.003, height], [radius - 0.003, 0.004], [0, 0.004]],
                24,
            ),
        )
    for _ in range(int(rng.integers(3, 12))):
        slot = kit.pick("plastic", "wood", "paint", "metal")
        a, b = rng.uniform(0, 2 * np.pi, 2)
        foot = np.array([0.5 * radius * np.cos(a), 0.5 * radius * np.sin(a), 0.006])
        lip = np.array([0.8 * radius * np.cos(b), 0.8 * radius * np.sin(b), height])
        way = (lip - foot) / np.linalg.norm(lip - foot)
        long, thick = rng.uniform(0.13, 0.2), rng.uniform(0.003, 0.005)
        points = foot + way * np.array([0, 0.012, long - 0.02, long])[:, None]
        kit.add(slot, build_tubes(points, thick * np.array([0.2, 1, 1, rng.choice([0.3, 1])]), 6))


@register("floor", "ground", "air", share=0.7)
def build_umbrella(kit: Kit) -> None:
    """Open: ribs under a cloth of eight gores; or closed and leaning."""
    rng = kit.rng
    cloth, metal, grip = kit.pick("fabric"), kit.pick("metal"), kit.pick("wood", "plastic")
    radius, gores = rng.uniform(0.42, 0.6), int(rng.choice([6, 8, 10]))
    a = np.linspace(0, 2 * np.pi, gores * 6, endpoint=False)
    t = np.linspace(0.03, 1, 8)[:, None]
    between = 1 - 0.09 * (1 - np.abs(np.cos(a * gores / 2))) * t
    rise = 0.32 * radius * (1 - t**2) + 0 * a
    grid = np.stack([radius * t * between * np.cos(a), radius * t * between * np.sin(a), rise], axis=2)
    with kit.move([0, 0, 0], turn_about(1, rng.uniform(0, 2.2)) @ turn_about(2, rng.uniform(0, 1))):
        kit.add(cloth, remap_box(build_sheet(grid[::-1], 0.0015, closed=True)), [0, 0, 0.6])
        ends = np.arange(gores) * 2 * np.pi / gores
        s = np.linspace(0.02, 1, 6)
        ribs = np.stack(
            [
                radius * s * np.cos(ends[:, None]),
                radius * s * np.sin(ends[:, None]),
                np.broadcast_to(0.32 * radius * (1 - s**2), (gores, 6)),
            ],
            axis=2,
        )
        kit.add(metal, build_tubes(ribs - np.array([0, 0, 0.004]), 0.0013, 4), [0, 0, 0.6])
        kit.add(metal, build_rods(ribs[:, 2] - np.array([0, 0, 0.004]), [0, 0, -0.18 * radius], 0.0013, 4), [0, 0, 0.6])
        kit.add(metal, build_rods([0, 0, 0.0], [0, 0, 0.6 + 0.42 * radius], 0.005, 8))
        hook = smooth_points(
            np.array([[0, 0, 0.06], [0, 0, 0], [0.02, 0, -0.03], [0.05, 0, -0.03], [0.065, 0, 0.0]]), 12
        )
        kit.add(grip, build_tubes(hook, 0.009, 8))
