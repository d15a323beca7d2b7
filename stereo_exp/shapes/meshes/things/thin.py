"""Thin and see-through: wheels, grilles, baskets, coils of wire, springs, cables, cages."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe, build_ring
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_circle, draw_helix


def add_spoked_wheel(kit: Kit, rim: int, wire: int, tire: int, radius: float, turn: np.ndarray, at: np.ndarray) -> None:
    """A wheel about its own z axis: tyre, rim, hub, crossed spokes of 2-3 mm.

    Args:
        kit: where it goes.
        rim: material of the rim.
        wire: material of spokes and hub.
        tire: material of the tyre.
        radius: to the outside of the tyre, metres.
        turn: 3×3.
        at: the hub's middle, metres.
    """
    rng = kit.rng
    fat = radius * rng.uniform(0.035, 0.085)
    inner = radius - 1.9 * fat
    kit.add(tire, build_ring(radius - fat, fat, 44, 8), at, turn)
    kit.add(
        rim,
        build_lathe(
            [[inner, -fat * 0.6], [inner + fat * 0.9, -fat * 0.7], [inner + fat * 0.9, fat * 0.7], [inner, fat * 0.6]],
            44,
            closed=True,
        ),
        at,
        turn,
    )
    wide = radius * 0.09
    half = np.array([[0.014, 0.7], [radius * 0.07, 0.8], [radius * 0.07, 1.0], [0.01, 1.0], [0.008, 1.3], [0, 1.3]]) * [
        1,
        wide,
    ]
    kit.add(wire, build_lathe(np.concatenate([half[::-1] * [1, -1], half]), 14), at, turn)
    count = int(rng.choice([16, 20, 28, 32, 36]))
    a = np.arange(count) * 2 * np.pi / count
    cross = rng.uniform(0.1, 0.75) * np.where(np.arange(count) // 2 % 2 == 0, 1, -1)
    side = np.where(np.arange(count) % 2 == 0, 1, -1) * wide * 0.9
    start = np.stack([0.065 * radius * np.cos(a + cross), 0.065 * radius * np.sin(a + cross), side], axis=1)
    end = np.stack([inner * np.cos(a), inner * np.sin(a), side * 0.06], axis=1)
    kit.add(wire, build_rods(start, end, rng.uniform(0.001, 0.0016), 4), at, turn)


@register("floor", "ground", "air", share=2.0)
def build_bicycle_wheel(kit: Kit) -> None:
    """A spoked wheel that stands or leans, 25-36 cm in radius."""
    rng = kit.rng
    rim, wire, tire = kit.pick("metal", "paint"), kit.pick("metal"), kit.pick("rubber")
    turn = turn_about(2, rng.uniform(-0.7, 0.7)) @ turn_about(0, np.pi / 2 - rng.uniform(0, 0.3))
    add_spoked_wheel(kit, rim, wire, tire, rng.uniform(0.22, 0.36), turn, np.zeros(3))


@register("surface", "floor", "air", share=1.5)
def build_wire_coil(kit: Kit) -> None:
    """Wire or cable wound up: lying in rings, with a loose end."""
    rng = kit.rng
    slot, radius = kit.pick("metal", "rubber", "plastic"), rng.uniform(0.05, 0.16)
    thick, turns = rng.uniform(0.001, 0.004), rng.uniform(3, 9)
    count = int(turns * 26)
    a = np.linspace(0, 2 * np.pi * turns, count)
    drift = np.cumsum(rng.normal(0, 0.004, count))
    wide = radius * (1 + 0.15 * np.sin(a / turns * 1.3 + rng.uniform(0, 6)) + 0.25 * (drift - drift.mean()))
    shift = radius * 0.08 * np.column_stack([np.sin(a * 0.29), np.cos(a * 0.23)])
    z = thick + 2 * thick * np.abs(np.sin(a * 0.37)) * turns * 0.3
    path = np.column_stack([wide * np.cos(a) + shift[:, 0], wide * np.sin(a) + shift[:, 1], z])
    tail = path[-1] + np.cumsum(rng.normal([0.012, 0.012, 0], [0.01, 0.01, 0], (8, 3)), axis=0) * [1, 1, 0]
    tail[:, 2] = thick
    kit.add(slot, build_tubes(np.concatenate([path, smooth_points(tail, 16)]), thick, 5))
    if rng.random() < 0.4:
        kit.add(kit.pick("plastic", "metal"), build_boxes(tail[-1] + [0.012, 0, thick], [0.04, 0.015, 0.01], 0.002))


@register("surface", "air", share=1.0)
def build_spring(kit: Kit) -> None:
    """A spring, standing, bent to a bow or lying: wire of 1-4 mm with air between its turns."""
    rng = kit.rng
    radius, thick = rng.uniform(0.02, 0.06), rng.uniform(0.001, 0.004)
    turns, rise = rng.uniform(8, 22), thick * rng.uniform(2.5, 5)
    path = draw_helix([radius, radius * rng.uniform(0.5, 1)], rise, turns, 16)
    if rng.random() < 0.4:
        long = max(float(path[-1, 2]), 0.02)
        angle, bow = path[:, 2] / long * np.pi, long / np.pi + radius
        out = bow + path[:, 0]
        path = np.column_stack([-out * np.cos(angle), path[:, 1], out * np.sin(angle)])
    turn = turn_about(1, np.pi / 2) if rng.random() < 0.3 else None
    kit.add(kit.pick("metal", "plastic"), build_tubes(path, thick, 5), turn=turn)


@register("floor", "surface", "air", share=1.5)
def build_cable(kit: Kit) -> None:
    """A cable that lies in loops, with a plug; or a power strip."""
    rng = kit.rng
    slot, plug = kit.pick("rubber", "plastic"), kit.pick("plastic", "rubber")
    count, size = int(rng.integers(6, 14)), rng.uniform(0.06, 0.17)
    knots = np.column_stack([size * rng.normal(0, 1, (count, 2)).clip(-2, 2), rng.uniform(0.004, 0.012, count)])
    path = smooth_points(knots, count * 9)
    thick = rng.uniform(0.0018, 0.004)
    path[:, 2] = np.maximum(path[:, 2], thick)
    kit.add(slot, build_tubes(path, thick, 6))
    way = path[-1] - path[-2]
    angle = np.arctan2(way[1], way[0])
    kit.add(
        plug, build_boxes([0.02, 0, 0], [0.04, 0.025, 0.018], 0.004), path[-1] + [0, 0, 0.006], turn_about(2, angle)
    )
    if rng.random() < 0.35:
        kit.add(plug, build_boxes([0, 0, 0.02], [0.3, 0.055, 0.04], 0.006), path[0], turn_about(2, rng.uniform(0, 3)))


@register("surface", "floor", "air", share=2.0)
def build_basket(kit: Kit) -> None:
    """A basket: woven strands round stakes, or wires; see-through, with or without a handle."""
    rng = kit.rng
    slot = kit.pick("wicker", "wicker", "metal", "wood")
    radius, height = rng.uniform(0.07, 0.24), rng.uniform(0.08, 0.4)
    flare, oval = rng.uniform(-0.15, 0.5), rng.choice([1.0, rng.uniform(0.55, 0.9)])
    stakes, rounds = int(rng.integers(12, 28)) // 2 * 2 + 1, int(np.clip(height / rng.uniform(0.012, 0.04), 4, 16))
    z = np.linspace(0, 1, 7)
    out = radius * (1 + flare * z + 0.12 * np.sin(np.pi * z))
    a = np.arange(stakes) * 2 * np.pi / stakes
    paths = np.stack(
        [out * np.cos(a[:, None]), oval * out * np.sin(a[:, None]), np.broadcast_to(z * height, (stakes, 7))], axis=2
    )
    thick = rng.uniform(0.001, 0.003)
    kit.add(slot, build_tubes(paths, thick * 1.2, 4))
    woven, steps = rng.random() < 0.7, stakes * 2
    b = np.arange(steps) * 2 * np.pi / steps
    rows = []
    for i in range(rounds):
        share = (i + 0.5) / rounds
        wide = radius * (1 + flare * share + 0.12 * np.sin(np.pi * share))
        # In front of one stake, behind the next; half a step on for every row.
        weave = 2.2 * thick * np.cos(b * stakes / 2 + np.pi * i) if woven else 0 * b
        rows.append(
            np.stack([(wide + weave) * np.cos(b), oval * (wide + weave) * np.sin(b), 0 * b + share * height], axis=1)
        )
    kit.add(slot, build_tubes(np.stack(rows), thick, 4, closed=True))
    top = radius * (1 + flare)
    for at, wide in ((height, top), (0.0, radius)):
        kit.add(slot, build_tubes(draw_circle(wide, 32, at) * [1, oval, 1], thick * 2.5, 6, closed=True))
    grid = np.linspace(-0.85, 0.85, 9) * radius
    half = np.sqrt(radius**2 - grid**2)
    kit.add(
        slot,
        build_rods(
            np.column_stack([grid, -half * oval, 0 * grid]), np.column_stack([grid, half * oval, 0 * grid]), thick, 4
        ),
    )
    kit.add(
        slot,
        build_rods(
            np.column_stack([-half, grid * oval, 0 * grid]), np.column_stack([half, grid * oval, 0 * grid]), thick, 4
        ),
    )
    if rng.random() < 0.5:
        turn = np.linspace(0, np.pi, 16)
        arch = np.column_stack([top * np.cos(turn), 0 * turn, height + top * rng.uniform(0.7, 1.3) * np.sin(turn)])
        kit.add(slot, build_tubes(arch, thick * 2.2, 6))


@register("floor", "ground", "air", share=1.5)
def build_grille(kit: Kit) -> None:
    """A grid of rods in a frame, standing on feet or leaning: squares, lozenges or bars alone."""
    rng = kit.rng
    slot = kit.pick("metal", "metal", "wood", "paint")
    wide, high = rng.uniform(0.2, 1.0), rng.uniform(0.2, 1.0)
    pitch, thick = rng.uniform(0.02, 0.1), rng.uniform(0.001, 0.004)
    style = rng.choice(["squares", "lozenges", "bars"])
    starts, ends = [], []
    if style != "lozenges":
        x = np.arange(-wide / 2, wide / 2, pitch)
        starts.append(np.column_stack([x, 0 * x, 0 * x]))
        ends.append(np.column_stack([x, 0 * x, 0 * x + high]))
        z = np.arange(0, high, pitch) if style == "squares" else np.array([0.15, 0.85]) * high
        starts.append(np.column_stack([0 * z - wide / 2, 0 * z + thick, z]))
        ends.append(np.column_stack([0 * z + wide / 2, 0 * z + thick, z]))
    else:
        for side in (-1, 1):
            at = np.arange(-wide / 2 - high, wide / 2 + high, pitch * 1.5)
            low = np.clip((side * -wide / 2 - at) * side, 0, high)
            top = np.clip((side * wide / 2 - at) * side, 0, high)
            kept = top - low > pitch * 0.3
            y = np.full(kept.sum(), side * thick)
            starts.append(np.column_stack([at[kept] + side * low[kept], y, low[kept]]))
            ends.append(np.column_stack([at[kept] + side * top[kept], y, top[kept]]))
    lean = turn_about(0, -rng.choice([0.0, 0.0, rng.uniform(0.1, 0.4)]))
    with kit.move([0, 0, 0.02], lean):
        kit.add(slot, build_rods(np.concatenate(starts), np.concatenate(ends), thick, 4))
        corner = np.array([[-wide / 2, 0, 0], [wide / 2, 0, 0], [wide / 2, 0, high], [-wide / 2, 0, high]])
        kit.add(slot, build_rods(corner, np.roll(corner, -1, axis=0), thick * 2.5, 6))
    feet = np.array([[-wide * 0.4, -0.1 * high, 0.006], [wide * 0.4, -0.1 * high, 0.006]])
    kit.add(slot, build_rods(feet, feet + np.array([0, 0.3 * high, 0]), 0.006, 6))


@register("ceiling", "surface", "air", share=0.8)
def build_cage(kit: Kit) -> None:
    """A cage of thin bars with a domed or flat roof, a perch and a swing; hung or standing."""
    rng = kit.rng
    wire, floor = kit.pick("metal", "paint"), kit.pick("plastic", "wood")
    radius, height, bars = rng.uniform(0.12, 0.22), rng.uniform(0.25, 0.4), int(rng.integers(20, 44))
    a = np.arange(bars) * 2 * np.pi / bars
    t = np.linspace(0, np.pi / 2 * 0.97, 6)
    share = np.concatenate([[1, 1], np.cos(t[1:])])
    up = np.concatenate([[0, height], height + radius * rng.uniform(0.4, 1.0) * np.sin(t[1:])])
    paths = np.stack(
        [radius * share * np.cos(a[:, None]), radius * share * np.sin(a[:, None]), np.broadcast_to(up, (bars, 7))],
        axis=2,
    )
    kit.add(wire, build_tubes(paths, 0.0012, 4))
    for z in np.linspace(0, height, 4):
        kit.add(wire, build_tubes(draw_circle(radius, 32, float(z)), 0.0018, 4, closed=True))
    kit.add(
        floor,
        build_lathe(
            [
                [0, -0.03],
                [radius, -0.03],
                [radius * 1.05, 0.02],
                [radius * 1.02, 0.022],
                [radius * 0.97, -0.024],
                [0, -0.024],
            ],
            32,
        ),
    )
    kit.add(floor, build_rods([-radius, 0, height * 0.4], [radius, 0, height * 0.4], 0.005, 6))
    top = float(up[-1])
    kit.add(wire, build_ring(0.025, 0.0022, 20, 5), [0, 0, top + 0.025], stand_upright())
    kit.add(wire, build_balls([0, 0, top], 0.012, 1))
