"""Toys put together from merged bodies: animals, robots, bricks, figures, trains, balls, dice."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate, draw_blob, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

SOFT = ("fabric", "fabric", "plastic", "wood", "paint", "leather")


@register("surface", "floor", "air", share=3.0)
def build_toy_animal(kit: Kit) -> None:
    """A plush or wooden animal on four legs or sitting: ears, snout, tail, horns by chance; 8-40 cm."""
    rng = kit.rng
    skin, dark = kit.pick(*SOFT), kit.pick("plastic", "rubber")
    other = skin if rng.random() < 0.5 else kit.pick(*SOFT)
    size = np.exp(rng.uniform(np.log(0.08), np.log(0.35)))
    long, thick = size * rng.uniform(0.35, 0.55), size * rng.uniform(0.18, 0.3)
    leg, leg_thick = size * rng.uniform(0.12, 0.4), size * rng.uniform(0.04, 0.1)
    sitting = rng.random() < 0.35
    body = np.array([0, 0, leg + thick * 0.8])
    if sitting:
        body = np.array([0, 0, long * 0.85])
        kit.add(skin, build_balls(body, [thick, thick * 0.9, long * 0.85], 3))
        for side in (-1, 1):
            kit.add(
                skin,
                build_rods(
                    [side * thick * 0.5, 0, thick * 0.45],
                    [side * thick * 0.8, -long * 0.9, leg_thick],
                    [[leg_thick * 1.4, leg_thick]],
                    12,
                ),
            )
            kit.add(other, build_balls([side * thick * 0.8, -long * 0.9, leg_thick * 1.2], leg_thick * 1.3, 2))
            kit.add(
                skin,
                build_rods(
                    [side * thick * 0.7, -thick * 0.3, long * 1.2],
                    [side * thick * 0.9, -thick * 1.2, long * 0.7],
                    [[leg_thick, leg_thick * 0.8]],
                    10,
                ),
            )
        neck = body + np.array([0, 0, long * 0.8])
    else:
        kit.add(skin, build_balls(body, [thick, long, thick * rng.uniform(0.8, 1.1)], 3))
        for x in (-1, 1):
            for y in (-0.62, 0.62):
                top = body + np.array([x * thick * 0.55, y * long, -thick * 0.2])
                kit.add(skin, build_rods(top * [1, 1, 0], top, [[leg_thick * 0.8, leg_thick]], 10))
        reach = size * rng.uniform(0.05, 0.35)
        neck = body + np.array([0, -long * 0.85, thick * 0.4 + reach])
        kit.add(skin, build_rods(body + np.array([0, -long * 0.6, 0]), neck, [[thick * 0.5, thick * 0.35]], 12))
        curl = smooth_points(
            np.array(
                [[0, long * 0.9, 0], [0, long * 1.2, thick * 0.2], [0, long * 1.35, thick * rng.uniform(-1, 1.2)]]
            ),
            8,
        )
        kit.add(other, build_tubes(body + curl, leg_thick * rng.uniform(0.25, 0.7), 8))
    _add_head(kit, skin, other, dark, neck, size * rng.uniform(0.13, 0.22))


def _add_head(kit: Kit, skin: int, other: int, dark: int, at: np.ndarray, size: float) -> None:
    rng = kit.rng
    middle = at + np.array([0, -size * 0.3, size * 0.6])
    kit.add(skin, build_balls(middle, [size, size * 1.05, size * 0.92], 3))
    snout = size * rng.uniform(0.25, 0.75)
    kit.add(other, build_balls(middle + np.array([0, -size * 0.85, -size * 0.25]), [size * 0.5, snout, size * 0.4], 2))
    kit.add(dark, build_balls(middle + np.array([0, -size * 0.85 - snout * 0.95, -size * 0.15]), size * 0.14, 1))
    for side in (-1, 1):
        kit.add(dark, build_balls(middle + np.array([side * size * 0.45, -size * 0.82, size * 0.25]), size * 0.12, 1))
    style = rng.choice(["round", "long", "pointed", "horns"])
    for side in (-1, 1):
        root = middle + np.array([side * size * 0.6, 0, size * 0.7])
        if style == "round":
            kit.add(other, build_balls(root, [size * 0.42, size * 0.16, size * 0.42], 2))
        elif style == "long":
            way = turn_about(1, side * rng.uniform(0.1, 2.2))
            kit.add(other, build_balls([0, 0, size * 0.8], [size * 0.26, size * 0.12, size * 0.9], 2), root, way)
        else:
            thick = size * (0.34 if style == "pointed" else 0.12)
            tall = size * (0.7 if style == "pointed" else 1.2)
            kit.add(
                other,
                build_cylinder(thick, tall, 12, top=thick * 0.06),
                root - np.array([0, 0, size * 0.1]),
                turn_about(1, side * 0.35),
            )


@register("surface", "floor", "air", share=2.0)
def build_robot(kit: Kit) -> None:
    """A robot of boxes, cylinders and balls with arms at any angle, 8-40 cm."""
    rng = kit.rng
    body, limb, eye = kit.pick("metal", "plastic", "paint"), kit.pick("metal", "plastic"), kit.pick("plastic", "screen")
    size = np.exp(rng.uniform(np.log(0.1), np.log(0.4)))
    wide, deep, tall = size * rng.uniform(0.3, 0.5), size * rng.uniform(0.2, 0.35), size * rng.uniform(0.28, 0.42)
    leg = size * rng.uniform(0.12, 0.35)
    if rng.random() < 0.6:
        for side in (-1, 1):
            x = side * wide * 0.27
            kit.add(limb, build_rods([x, 0, 0.03 * size], [x, 0, leg], size * 0.05, 10))
            kit.add(
                limb, build_boxes([x, -0.02 * size, 0.035 * size], [wide * 0.4, deep * 0.9, 0.07 * size], 0.01 * size)
            )
    else:
        turn = turn_about(1, np.pi / 2)
        leg = max(leg, 0.15 * size)
        kit.add(limb, build_boxes([0, 0, leg * 0.8], [wide, deep * 1.25, leg * 0.45], 0.01 * size))
        for x in (-wide * 0.55, wide * 0.45):
            for y in (-deep * 0.5, deep * 0.5):
                kit.add(limb, build_cylinder(leg * 0.5, wide * 0.12, 16, bevel=0.004), [x, y, leg * 0.5], turn)
    if rng.random() < 0.6:
        kit.add(body, build_boxes([0, 0, leg + tall / 2], [wide, deep, tall], 0.02 * size, taper=rng.uniform(0.8, 1.2)))
    else:
        kit.add(
            body,
            build_cylinder(wide / 2, tall, 24, top=wide / 2 * rng.uniform(0.7, 1.1), bevel=0.01 * size),
            [0, 0, leg],
        )
    for i in range(int(rng.integers(1, 5))):
        kit.add(
            eye,
            build_cylinder(0.02 * size, 0.02 * size, 12),
            [(i - 1.5) * wide * 0.2, -deep / 2 + 0.005 * size, leg + tall * 0.6],
            turn_about(0, np.pi / 2),
        )
    head, top = size * rng.uniform(0.18, 0.3), leg + tall
    kit.add(limb, build_cylinder(0.05 * size, 0.06 * size, 12), [0, 0, top - 0.005])
    middle = np.array([0, 0, top + 0.05 * size + head / 2])
    kit.add(
        body,
        build_boxes(middle, [head * 1.2, head, head], 0.02 * size)
        if rng.random() < 0.6
        else build_balls(middle, head * 0.6, 3),
    )
    for side in (-1, 1):
        kit.add(eye, build_balls(middle + np.array([side * head * 0.28, -head * 0.5, head * 0.1]), head * 0.14, 2))
        shoulder = np.array([side * wide * 0.52, 0, leg + tall * 0.85])
        a, b = rng.uniform(-1.4, 1.2), rng.uniform(-0.5, 1.8)
        elbow = shoulder + 0.2 * size * np.array([side * 0.45, -np.cos(a), np.sin(a)])
        hand = elbow + 0.17 * size * np.array([0, -np.cos(b), np.sin(b)])
        kit.add(limb, build_rods([shoulder, elbow], [elbow, hand], 0.028 * size, 8))
        kit.add(body, build_balls([shoulder, elbow, hand], 0.045 * size, 1))
    if rng.random() < 0.6:
        kit.add(limb, build_rods(middle, middle + np.array([0, 0, head]), 0.0015 + 0.005 * size, 6))
        kit.add(eye, build_balls(middle + np.array([0, 0, head]), 0.03 * size, 1))


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


@register("surface", "air", share=1.0)
def build_figure(kit: Kit) -> None:
    """A figure that stands: head, trunk, arms and legs at angles, a hat or hair; 8-35 cm; or a chess piece."""
    rng = kit.rng
    size = np.exp(rng.uniform(np.log(0.08), np.log(0.35)))
    if rng.random() < 0.3:
        knots = np.array(
            [
                [0.16, 0],
                [0.17, 0.05],
                [0.1, 0.12],
                [0.06, 0.4],
                [0.1, 0.55],
                [0.05, 0.6],
                *np.column_stack([rng.uniform(0.05, 0.13, 3), [0.7, 0.82, 0.93]]),
                [0.01, 1],
            ]
        )
        line = smooth_points(knots * size, 36).clip(0, None)
        line = line[np.concatenate([[True], np.diff(np.maximum.accumulate(line[:, 1])) > 0])]
        kit.add(
            kit.pick("wood", "stone", "metal", "plastic"),
            build_lathe(np.concatenate([[[0, 0]], line, [[0, size]]]), 28),
        )
        return
    cloth, skin, legs = (
        kit.pick("plastic", "fabric", "paint"),
        kit.pick("plastic", "wood"),
        kit.pick("fabric", "plastic"),
    )
    hip, neck, wide = size * 0.42, size * 0.78, size * rng.uniform(0.1, 0.15)
    line = smooth_points(
        np.array(
            [
                [wide * 0.9, hip],
                [wide * rng.uniform(0.65, 0.95), hip + 0.15 * size],
                [wide * 1.1, neck - 0.05 * size],
                [wide * 0.3, neck],
            ]
        ),
        12,
    )
    kit.add(cloth, build_lathe(np.concatenate([[[0, hip]], line, [[0, neck]]]), 20), scale=[1, 0.7, 1])
    if rng.random() < 0.4:
        kit.add(
            cloth,
            build_lathe(
                [[0, 0.25 * size], [wide * 1.9, 0.25 * size], [wide * 0.85, hip + 0.05 * size], [0, hip + 0.05 * size]],
                20,
            ),
        )
    kit.add(skin, build_balls([0, 0, neck + 0.1 * size], [0.085 * size, 0.09 * size, 0.11 * size], 2))
    hair = kit.pick("fabric", "plastic", "leather")
    if rng.random() < 0.5:
        kit.add(hair, build_balls([0, 0.02 * size, neck + 0.135 * size], [0.098 * size, 0.1 * size, 0.095 * size], 2))
    else:
        kit.add(
            hair,
            build_lathe(
                [
                    [0, 0],
                    [0.17 * size, 0],
                    [0.16 * size, 0.015 * size],
                    [0.095 * size, 0.02 * size],
                    [0.08 * size, 0.1 * size],
                    [0, 0.11 * size],
                ],
                20,
            ),
            [0, 0, neck + 0.15 * size],
        )
    for side in (-1, 1):
        a = rng.uniform(-0.4, 0.4)
        foot = np.array([side * wide * 0.6, -np.sin(a) * 0.3 * size, 0.03 * size])
        kit.add(legs, build_rods([side * wide * 0.5, 0, hip + 0.02 * size], foot, [[0.06 * size, 0.045 * size]], 10))
        kit.add(hair, build_balls(foot + np.array([0, -0.03 * size, 0]), [0.045 * size, 0.08 * size, 0.03 * size], 1))
        b = rng.uniform(-0.6, 2.6)
        hand = np.array(
            [side * (wide + 0.1 * size), -0.3 * size * np.sin(b) * 0.8, neck - 0.05 * size - 0.3 * size * np.cos(b)]
        )
        kit.add(cloth, build_rods([side * wide, 0, neck - 0.05 * size], hand, [[0.038 * size, 0.03 * size]], 8))
        kit.add(skin, build_balls(hand, 0.04 * size, 1))
    kit.add(kit.pick("wood", "plastic"), build_cylinder(wide * 2.2, 0.02 * size, 24), [0, 0, -0.01 * size])


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
