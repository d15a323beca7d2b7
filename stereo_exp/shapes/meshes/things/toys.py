"""Toys put together from merged bodies: bricks, balls, rings, trains, pieces of puzzles."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate, draw_blob, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods


@register("surface", "floor", "air", share=2.0)
def build_toy_bricks(kit: Kit) -> None:
    """Wooden blocks or studded bricks built up to a tower, a wall, a bridge, or lying about."""
    rng = kit.rng
    slots = [kit.pick("wood", "plastic", "paint") for _ in range(4)]
    if rng.random() < 0.45:
        _add_studded(kit, slots)
        return
    unit = rng.uniform(0.025, 0.06)
    height, reach = 0.0, 3
    for _ in range(int(rng.integers(2, 6))):
        high = unit * rng.choice([0.5, 1, 1, 2])
        for i in range(reach):
            at = [(i - (reach - 1) / 2) * unit * 1.6 + rng.normal(0, 0.04) * unit, rng.normal(0, 0.08) * unit, height]
            slot, turn = slots[int(rng.integers(4))], turn_about(2, rng.normal(0, 0.12))
            shape = rng.choice(["box", "box", "cylinder", "arch"])
            if shape == "box":
                kit.add(
                    slot,
                    build_boxes([0, 0, high / 2], [unit * rng.choice([1, 1.5]), unit, high], 0.0015, grain=True),
                    at,
                    turn,
                )
            elif shape == "cylinder":
                kit.add(slot, build_cylinder(unit / 2, high, 20, bevel=0.001), at, turn)
            else:
                arc = draw_ellipse(unit, min(unit, high * 1.6), 24)
                arc = arc[arc[:, 1] >= -1e-9]
                line = np.concatenate(
                    [[[unit * 0.8, 0], [unit * 0.8, high], [-unit * 0.8, high], [-unit * 0.8, 0]], arc[::-1] * [1, 1]]
                )
                kit.add(slot, build_plate(line, unit), np.add(at, [0, unit / 2, 0]), stand_upright())
        height += high
        reach = max(1, reach - int(rng.integers(0, 2)))
    if rng.random() < 0.5:
        kit.add(slots[0], build_cylinder(unit * 0.6, unit, 4 if rng.random() < 0.5 else 20, top=0.001), [0, 0, height])


def _add_studded(kit: Kit, slots: list[int]) -> None:
    rng = kit.rng
    unit, high = 0.008 * rng.uniform(1, 4), 0.0
    height = unit * 1.2
    stud = build_cylinder(unit * 0.3, unit * 0.22, 10)
    for _ in range(int(rng.integers(1, 7))):
        n, m = int(rng.integers(1, 5)), int(rng.choice([1, 2, 2]))
        shift = np.array([*(rng.integers(-1, 2, 2) * unit), high])
        slot = slots[int(rng.integers(4))]
        kit.add(slot, build_boxes([0, 0, height / 2], [n * unit * 0.99, m * unit * 0.99, height], unit * 0.03), shift)
        for i in range(n):
            for k in range(m):
                kit.add(slot, stud, shift + np.array([(i - (n - 1) / 2) * unit, (k - (m - 1) / 2) * unit, height]))
        high += height


@register("surface", "floor", "ground", "air", share=2.0)
def build_ball(kit: Kit) -> None:
    """A ball, plain, with seams or ribs, or of wires; 3-30 cm."""
    rng = kit.rng
    slot, radius = (
        kit.pick("rubber", "leather", "plastic", "fabric", "print"),
        np.exp(rng.uniform(np.log(0.02), np.log(0.15))),
    )
    style = rng.choice(["plain", "seams", "wires", "halves"], p=[0.45, 0.3, 0.1, 0.15])
    turn = turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 3))
    if style == "wires":
        for _ in range(int(rng.integers(5, 12))):
            kit.add(
                slot,
                build_ring(radius, radius * 0.03, 36, 5),
                turn=turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 3)),
            )
        return
    if style == "halves":
        t = np.linspace(0, np.pi / 2, 10)
        half = np.column_stack([radius * np.sin(t), -radius * np.cos(t)])
        kit.add(slot, build_lathe(np.concatenate([half, [[0, 0]]]), 32), turn=turn)
        kit.add(
            kit.pick("plastic", "paint"), build_lathe(np.concatenate([[[0, 0]], half[::-1] * [1, -1]]), 32), turn=turn
        )
        return
    kit.add(slot, build_balls([0, 0, 0], radius, 3))
    if style == "seams":
        seam = kit.pick("paint", "rubber")
        for axis in range(3):
            kit.add(seam, build_ring(radius, radius * 0.02, 40, 5), turn=turn @ turn_about(axis, np.pi / 2))


@register("surface", "floor", "air", share=1.0)
def build_stacking_rings(kit: Kit) -> None:
    """Rings of falling size on a stick, a spinning top, or a skittle."""
    rng = kit.rng
    size, style = rng.uniform(0.04, 0.1), rng.choice(["rings", "top", "skittles"])
    if style == "rings":
        wood = kit.pick("wood")
        count = int(rng.integers(3, 8))
        thick, z = size * 0.2, 0.02
        kit.add(wood, build_cylinder(size * 1.1, 0.02, 28, bevel=0.003))
        for i in range(count):
            wide = size * (1 - 0.5 * i / count)
            kit.add(kit.pick("plastic", "wood", "paint"), build_ring(wide - thick, thick, 28, 12), [0, 0, z + thick])
            z += 2 * thick
        kit.add(wood, build_cylinder(size * 0.25, z + thick - 0.02, 16), [0, 0, 0.02])
        kit.add(wood, build_balls([0, 0, z + thick], size * 0.4, 2))
    elif style == "top":
        line = np.array(
            [
                [0, 0],
                [0.006, 0.002],
                [size * 0.5, size * 0.4],
                [size, size * 0.8],
                [size * 0.9, size],
                [0.012, size * 1.1],
                [0.006, size * 1.6],
                [0, size * 1.62],
            ]
        )
        kit.add(
            kit.pick("wood", "metal", "paint"),
            build_lathe(smooth_points(line, 24).clip(0, None) * [[1.0, 1.0]], 30),
            turn=turn_about(0, 0.5),
        )
    else:
        line = (
            np.array(
                [
                    [0.3, 0],
                    [0.45, 0.5],
                    [0.6, 1.0],
                    [0.5, 1.6],
                    [0.22, 2.2],
                    [0.2, 2.5],
                    [0.33, 2.85],
                    [0.2, 3.15],
                    [0.02, 3.2],
                ]
            )
            * size
            * 0.7
        )
        mesh = build_lathe(np.concatenate([[[0, 0]], smooth_points(line, 26), [[0, 3.2 * size * 0.7]]]), 22)
        for i in range(int(rng.choice([1, 3, 6]))):
            row = int((np.sqrt(8 * i + 1) - 1) / 2)
            kit.add(
                kit.pick("wood", "paint"), mesh, [(i - row * (row + 1) / 2 - row / 2) * size * 1.6, row * size * 1.4, 0]
            )


@register("surface", "floor", "air", share=1.0)
def build_toy_train(kit: Kit) -> None:
    """An engine with two or three wagons, of blocks and cylinders."""
    rng = kit.rng
    unit, wheel = rng.uniform(0.03, 0.06), kit.pick("wood", "rubber", "metal")
    x, across = 0.0, turn_about(0, np.pi / 2)
    for i in range(int(rng.integers(1, 5))):
        long, slot = unit * rng.uniform(1.6, 2.6), kit.pick("wood", "paint", "plastic")
        kit.add(slot, build_boxes([x + long / 2, 0, unit * 0.5], [long, unit, unit * 0.25], 0.002, grain=True))
        if i == 0:
            kit.add(
                slot,
                build_cylinder(unit * 0.42, long * 0.6, 20, bevel=0.002),
                [x, 0, unit * 1.05],
                turn_about(1, np.pi / 2),
            )
            kit.add(
                kit.pick("paint", "wood"),
                build_boxes([x + long * 0.8, 0, unit * 1.2], [long * 0.36, unit, unit * 1.3], 0.002),
            )
            kit.add(slot, build_cylinder(unit * 0.12, unit * 0.6, 12, top=unit * 0.2), [x + long * 0.15, 0, unit * 1.4])
        else:
            for _ in range(int(rng.integers(1, 4))):
                size = unit * rng.uniform(0.3, 0.6, 3)
                kit.add(
                    kit.pick("wood", "plastic"),
                    build_boxes([0, 0, size[2] / 2], size, 0.002),
                    [x + long * rng.uniform(0.25, 0.75), rng.normal(0, 0.1) * unit, unit * 0.62],
                )
        for share in (0.22, 0.78):
            for side in (-0.5, 0.5):
                kit.add(
                    wheel,
                    build_cylinder(unit * 0.3, unit * 0.14, 18, bevel=0.001),
                    [x + long * share, side * unit + 0.07 * unit, unit * 0.3],
                    across,
                )
        kit.add(wheel, build_rods([x + long - 0.01, 0, unit * 0.5], [x + long + unit * 0.5, 0, unit * 0.5], 0.002, 5))
        x += long + unit * 0.4


@register("surface", "air", share=0.8)
def build_puzzle_piece(kit: Kit) -> None:
    """Flat pieces with odd outlines, standing or lying, and dice."""
    rng = kit.rng
    for i in range(int(rng.integers(1, 6))):
        size = rng.uniform(0.03, 0.12)
        slot, at = kit.pick("wood", "paper", "plastic", "print"), [i * 0.09, rng.normal(0, 0.03), 0]
        if rng.random() < 0.35:
            kit.add(
                slot, build_boxes([0, 0, size / 4], [size / 2] * 3, size * 0.05), at, turn_about(2, rng.uniform(0, 2))
            )
        else:
            hole = [draw_ellipse(size * 0.25, size * 0.25, 14)] if rng.random() < 0.3 else []
            outline = draw_blob(rng, size, 0.45) if rng.random() < 0.6 else draw_rectangle(size, size * 0.8, size * 0.1)
            turn = turn_about(2, rng.uniform(0, 6)) @ (stand_upright() if rng.random() < 0.3 else np.eye(3))
            low = size * 0.45 if turn[2, 2] < 0.5 else 0.0
            kit.add(slot, build_plate(outline, rng.uniform(0.002, 0.015), hole), [at[0], at[1], low], turn)
