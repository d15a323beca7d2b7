"""Animals, robots and people of merged bodies: toys and statuettes."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
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
