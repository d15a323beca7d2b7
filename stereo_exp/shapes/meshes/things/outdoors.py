"""Of streets and gardens: bins, signs, bollards, lamp posts, letter boxes, hydrants, troughs, well heads."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring, hollow_profile
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.plants import add_leafed_stems, draw_leaf, spread_ways
from stereo_exp.shapes.meshes.things.prints import build_letters
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_circle


@register("ground", "floor", share=2.0)
def build_bin(kit: Kit) -> None:
    """A bin: a drum, a wheeled box, slats or wires round a sack, a pedal bin."""
    rng = kit.rng
    body = kit.pick("plastic", "metal", "paint")
    style = rng.choice(["drum", "wheeled", "slats", "wires", "pedal"])
    high = rng.uniform(0.5, 0.9)
    radius = high * rng.uniform(0.22, 0.34)
    if style == "drum":
        line = np.array([[radius * 0.85, 0], [radius, high]])
        kit.add(body, build_lathe(hollow_profile(smooth_points(line, 8), 0.008), 28))
        for z in (0.3, 0.65, 0.98):
            kit.add(body, build_ring(radius * (0.85 + 0.15 * z), 0.008, 30, 6), [0, 0, z * high])
    elif style == "wheeled":
        wide, deep, tall = rng.uniform(0.45, 0.6), rng.uniform(0.5, 0.7), rng.uniform(0.9, 1.05)
        kit.add(body, build_boxes([0, 0, tall / 2 + 0.05], [wide * 0.85, deep * 0.8, tall], 0.02, taper=1.18))
        kit.add(
            body,
            build_boxes([0, -0.02, 0.03], [wide, deep + 0.03, 0.05], 0.02),
            [0, 0, tall + 0.05],
            turn_about(0, rng.choice([0.0, 0.0, 0.4])),
        )
        kit.add(
            body, build_rods([-wide * 0.4, deep * 0.55, tall + 0.02], [wide * 0.4, deep * 0.55, tall + 0.02], 0.014, 8)
        )
        for side in (-1, 1):
            kit.add(
                kit.pick("rubber"),
                build_cylinder(0.1, 0.05, 20, bevel=0.008),
                [side * wide * 0.42 - 0.025, deep * 0.36, 0.1],
                turn_about(1, np.pi / 2),
            )
    elif style in ("slats", "wires"):
        count = int(rng.integers(14, 26)) if style == "slats" else 36
        a = np.arange(count) * 2 * np.pi / count
        foot = np.column_stack([radius * 0.9 * np.cos(a), radius * 0.9 * np.sin(a), 0 * a + 0.05])
        top = np.column_stack([radius * np.cos(a), radius * np.sin(a), 0 * a + high])
        thick = radius * np.pi / count * 0.62 if style == "slats" else 0.002
        kit.add(kit.pick("wood", "metal"), build_rods(foot, top, thick, 4, flat=0.35 if style == "slats" else 1.0))
        for z, wide in ((0.05, 0.9), (0.5, 0.95), (1.0, 1.0)):
            kit.add(body, build_ring(radius * wide * 0.985, 0.007, 30, 6), [0, 0, z * high])
        if style == "slats" or rng.random() < 0.5:
            kit.add(
                kit.pick("plastic"),
                build_lathe(hollow_profile(np.array([[radius * 0.75, 0.06], [radius * 0.9, high * 0.9]]), 0.004), 20),
            )
        kit.add(body, build_cylinder(radius * 0.88, 0.03, 24), [0, 0, 0.03])
    else:
        kit.add(body, build_cylinder(radius, high * 0.8, 30, bevel=0.006))
        t = np.linspace(0, np.pi / 2, 8)
        lid = np.column_stack([radius * 1.02 * np.cos(t), 0.1 * high * np.sin(t)])
        kit.add(
            kit.pick("plastic", "metal"),
            build_lathe(np.concatenate([[[0, -0.01], [radius * 1.02, -0.01]], lid]).clip([0, -1], None), 30),
            [0, 0, high * 0.81],
        )
        kit.add(kit.pick("rubber"), build_boxes([0, -radius, 0.02], [0.08, 0.08, 0.012], 0.003))


@register("ground", share=2.0)
def build_sign_post(kit: Kit) -> None:
    """A post with one to three signs: round, three-cornered, octagonal, square, arrows with letters."""
    rng = kit.rng
    pole, high = kit.pick("metal", "wood", "paint"), rng.uniform(1.4, 2.6)
    kit.add(pole, build_cylinder(rng.uniform(0.02, 0.045), high, 12))
    z = high - 0.05
    for _ in range(int(rng.integers(1, 4))):
        size, style = rng.uniform(0.25, 0.6), rng.choice(["round", "triangle", "octagon", "square", "arrow"])
        face, rim = kit.pick("print", "paint", "metal"), kit.pick("paint", "metal")
        if style == "arrow":
            tall, side = rng.uniform(0.12, 0.2), rng.choice([-1, 1])
            outline = np.array(
                [[-0.1, -tall / 2], [size, -tall / 2], [size + tall / 2, 0], [size, tall / 2], [-0.1, tall / 2]]
            ) * [side, 1]
            turn = turn_about(2, rng.uniform(-0.7, 0.7))
            kit.add(face, build_plate(outline, 0.02), turn @ [0, -0.03, z - tall / 2], turn @ stand_upright())
            letters, wide = build_letters(rng, int(rng.integers(3, 7)), tall * 0.5, tall * 0.07)
            scale = min(1.0, (size - 0.05) / wide)
            start = 0.02 if side > 0 else -0.02 - wide * scale
            kit.add(rim, letters, turn @ [start, -0.05, z - tall * 0.75], turn, scale)
            z -= tall + 0.04
            continue
        corners = {"round": 28, "triangle": 3, "octagon": 8, "square": 4}[str(style)]
        a = np.arange(corners) * 2 * np.pi / corners + {
            "triangle": np.pi / 2,
            "octagon": np.pi / 8,
            "square": np.pi / 4,
        }.get(str(style), 0.0)
        ring = size / 2 * np.column_stack([np.cos(a), np.sin(a)])
        low = float(-ring[:, 1].min())
        at = [0, -0.03, z - size / 2]
        kit.add(rim, build_plate(ring, 0.012), at, stand_upright())
        kit.add(face, build_plate(ring * 0.85, 0.004), np.add(at, [0, -0.01, 0]), stand_upright())
        z -= size / 2 + low + 0.04
        if z < 0.9:
            break
    if rng.random() < 0.3:
        kit.add(kit.pick("stone"), build_cylinder(0.18, 0.08, 20, bevel=0.02))


@register("ground", share=1.5)
def build_bollard(kit: Kit) -> None:
    """A bollard, a cone, a barrier or posts with a chain."""
    rng = kit.rng
    slot = kit.pick("metal", "stone", "plastic", "paint", "wood")
    style, high = rng.choice(["turned", "square", "cone", "chain"]), rng.uniform(0.5, 1.0)
    radius = rng.uniform(0.06, 0.12)
    line = smooth_points(
        np.array(
            [[1.15, 0], [1.1, 0.1], [0.95, 0.14], [0.9, 0.75], [1.05, 0.82], [0.8, 0.88], [0.95, 0.94], [0.5, 1.0]]
        )
        * [radius, high],
        26,
    )
    turned = build_lathe(np.concatenate([[[0, 0]], line, [[0, high]]]), 22)
    if style == "cone":
        base = rng.uniform(0.15, 0.22)
        kit.add(kit.pick("rubber", "plastic"), build_plate(draw_rectangle(base * 2, base * 2, 0.04), 0.03), [0, 0, 0])
        tall = high * 0.8
        kit.add(slot, build_cylinder(base * 0.75, tall, 26, top=0.025), [0, 0, 0.03])
        for low in (0.3, 0.6):
            a, b = base * 0.75 + (0.025 - base * 0.75) * low, base * 0.75 + (0.025 - base * 0.75) * (low + 0.15)
            band = [
                [a + 0.0015, low * tall],
                [b + 0.0015, (low + 0.15) * tall],
                [b - 0.002, (low + 0.15) * tall],
                [a - 0.002, low * tall],
            ]
            kit.add(kit.pick("paint"), build_lathe(band, 26, closed=True), [0, 0, 0.03])
    elif style == "square":
        kit.add(slot, build_boxes([0, 0, high / 2], [radius * 1.8, radius * 1.8, high], 0.015, taper=0.9, grain=True))
    elif style == "turned":
        kit.add(slot, turned)
    else:
        count, pitch = int(rng.integers(2, 4)), rng.uniform(0.7, 1.1)
        chain = kit.pick("metal", "plastic")
        for i in range(count):
            x = (i - (count - 1) / 2) * pitch
            kit.add(slot, turned, [x, 0, 0])
            if i + 1 < count:
                _hang_chain(
                    kit, chain, np.array([x + radius, 0, high * 0.85]), np.array([x + pitch - radius, 0, high * 0.85])
                )


def _hang_chain(kit: Kit, slot: int, start: np.ndarray, end: np.ndarray) -> None:
    """Links, each turned by a quarter against its neighbour."""
    rng = kit.rng
    t = np.linspace(0, 1, 60)
    line = start + (end - start) * t[:, None] - np.array([0, 0, 1]) * (rng.uniform(0.4, 1.0) * t * (1 - t))[:, None]
    thick, long = rng.uniform(0.003, 0.007), rng.uniform(0.03, 0.05)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    spots = np.arange(long / 2, along[-1], long * 0.78)
    link = build_tubes(draw_circle(long / 2, 12) * [1.15, 0.62, 1], thick, 5, closed=True)
    for i, s in enumerate(spots):
        at = np.array([np.interp(s, along, line[:, k]) for k in range(3)])
        way = np.array([np.interp(s + 0.01, along, line[:, k]) for k in range(3)]) - at
        tilt = turn_about(1, -np.arctan2(way[2], way[0])) @ turn_about(0, i % 2 * np.pi / 2)
        kit.add(slot, link, at, tilt)


@register("ground", share=1.0)
def build_lamp_post(kit: Kit) -> None:
    """A street lamp of 2-4 m: a lantern, a ball or an arm."""
    rng = kit.rng
    iron, light = kit.pick("metal", "paint"), kit.pick("ceramic")
    high = rng.uniform(2.0, 4.0)
    foot = smooth_points(np.array([[0.13, 0], [0.12, 0.1], [0.07, 0.2], [0.06, 0.5], [0.035, 0.6], [0.03, high]]), 24)
    kit.add(iron, build_lathe(np.concatenate([[[0, 0]], foot, [[0, high]]]), 16))
    style = rng.choice(["lantern", "ball", "arm"])
    if style == "ball":
        kit.add(light, build_balls([0, 0, high + 0.16], 0.18, 3))
    elif style == "arm":
        arm = smooth_points(
            np.array([[0, 0, high - 0.3], [0, 0, high], [0.15, 0, high + 0.15], [0.6, 0, high + 0.15]]), 14
        )
        kit.add(iron, build_tubes(arm, 0.03, 8))
        kit.add(iron, build_boxes([0.7, 0, high + 0.14], [0.5, 0.18, 0.08], 0.03))
        kit.add(light, build_boxes([0.72, 0, high + 0.095], [0.4, 0.13, 0.02], 0.005))
    else:
        a = np.arange(6) * np.pi / 3
        low = np.column_stack([0.1 * np.cos(a), 0.1 * np.sin(a), 0 * a + high])
        top = np.column_stack([0.18 * np.cos(a), 0.18 * np.sin(a), 0 * a + high + 0.35])
        kit.add(iron, build_rods(low, top, 0.008, 5))
        kit.add(iron, build_rods(top, np.roll(top, -1, axis=0), 0.008, 5))
        kit.add(iron, build_lathe([[0, 0], [0.22, 0], [0.05, 0.15], [0.02, 0.25], [0, 0.26]], 6), [0, 0, high + 0.35])
        kit.add(light, build_balls([0, 0, high + 0.15], [0.06, 0.06, 0.1], 2))


@register("ground", share=1.0)
def build_letter_box(kit: Kit) -> None:
    """A letter box on a post, a pillar box or a hydrant."""
    rng = kit.rng
    body, metal = kit.pick("paint", "metal"), kit.pick("metal")
    style = rng.choice(["post", "pillar", "hydrant"])
    if style == "post":
        high, wide, long = rng.uniform(0.9, 1.2), rng.uniform(0.16, 0.24), rng.uniform(0.35, 0.5)
        kit.add(kit.pick("wood", "metal"), build_boxes([0, 0, high / 2], [0.09, 0.09, high], 0.004, grain=True))
        t = np.linspace(0, np.pi, 12)
        outline = np.concatenate(
            [[[-wide / 2, 0], [wide / 2, 0]], np.column_stack([wide / 2 * np.cos(t), 0.12 + wide / 2 * np.sin(t)])]
        )
        kit.add(body, build_plate(outline, long), [0, long / 2, high], stand_upright())
        kit.add(metal, build_boxes([wide / 2 + 0.01, 0, high + 0.18], [0.008, 0.03, 0.16]))
    elif style == "pillar":
        high, radius = rng.uniform(1.2, 1.6), rng.uniform(0.18, 0.24)
        line = np.array(
            [[1.1, 0], [1.1, 0.06], [1, 0.08], [1, 0.86], [1.12, 0.88], [1.12, 0.92], [0.8, 0.98], [0.2, 1.0]]
        ) * [radius, high]
        kit.add(body, build_lathe(np.concatenate([[[0, 0]], line, [[0, high]]]), 30))
        kit.add(metal, build_boxes([0, -radius, high * 0.78], [radius * 0.9, 0.03, 0.04], 0.006))
        kit.add(kit.pick("print"), build_boxes([0, -radius, high * 0.6], [radius * 0.7, 0.012, 0.2]))
    else:
        high, radius = rng.uniform(0.6, 0.85), rng.uniform(0.09, 0.13)
        line = smooth_points(
            np.array([[1.4, 0], [1.4, 0.05], [1, 0.08], [1, 0.7], [1.25, 0.72], [1.2, 0.78], [0.8, 0.93], [0.25, 1.0]])
            * [radius, high],
            30,
        )
        kit.add(body, build_lathe(np.concatenate([[[0, 0]], line, [[0, high]]]), 24))
        for turn in (turn_about(1, np.pi / 2), turn_about(1, -np.pi / 2), turn_about(0, np.pi / 2)):
            kit.add(metal, build_cylinder(radius * 0.5, radius * 1.5, 8), [0, 0, high * 0.55], turn)


@register("ground", "floor", share=1.2)
def build_planter(kit: Kit) -> None:
    """A trough, a barrel or a stone bowl with a bed of plants."""
    rng = kit.rng
    slot, soil = kit.pick("wood", "stone", "ceramic", "metal", "plastic"), kit.pick("soil")
    if rng.random() < 0.5:
        wide, deep, high = rng.uniform(0.5, 1.2), rng.uniform(0.2, 0.4), rng.uniform(0.18, 0.4)
        for side in (-1, 1):
            kit.add(slot, build_boxes([0, side * deep / 2, high / 2], [wide + 0.025, 0.025, high], 0.004, grain=True))
            kit.add(slot, build_boxes([side * wide / 2, 0, high / 2], [0.025, deep, high], 0.004, grain=True))
        kit.add(soil, build_boxes([0, 0, high * 0.45], [wide, deep, high * 0.88]))
    else:
        wide = deep = rng.uniform(0.35, 0.8)
        high = rng.uniform(0.25, 0.5)
        line = smooth_points(np.array([[0.38 * wide, 0], [0.5 * wide, high * 0.5], [0.47 * wide, high]]), 8)
        kit.add(slot, build_lathe(hollow_profile(line, 0.02), 28))
        kit.add(soil, build_cylinder(wide * 0.44, high * 0.9, 24))
        for z in (0.2, 0.8):
            kit.add(
                kit.pick("metal"),
                build_ring(float(np.interp(z * high, line[:, 1], line[:, 0])), 0.006, 30, 5),
                [0, 0, z * high],
            )
    leaf, bloom = kit.pick("leaf"), kit.pick("paint", "paper")
    count = int(rng.integers(8, 26))
    start = np.column_stack(
        [rng.uniform(-0.38, 0.38, count) * wide, rng.uniform(-0.3, 0.3, count) * deep, np.full(count, high * 0.88)]
    )
    ways = spread_ways(rng, count, 0.8, 1.5)
    reach = rng.uniform(0.12, 0.4) * rng.uniform(0.7, 1.2, count)[:, None, None]
    paths = start[:, None] + ways[:, None] * (np.linspace(0, 1, 5)[:, None] * reach)
    add_leafed_stems(kit, leaf, leaf, paths, 0.004, draw_leaf(rng), 0.09, int(rng.integers(4, 9)))
    if rng.random() < 0.7:
        kit.add(bloom, build_balls(paths[:, -1], rng.uniform(0.015, 0.035), 1))


@register("ground", share=0.8)
def build_bird_house(kit: Kit) -> None:
    """A small house on a post, with a roof and a hole; or a bird bath."""
    rng = kit.rng
    wood, high = kit.pick("wood", "paint"), rng.uniform(0.9, 1.6)
    if rng.random() < 0.35:
        stone, radius = kit.pick("stone", "ceramic"), rng.uniform(0.2, 0.35)
        line = smooth_points(
            np.array([[0.7, 0], [0.6, 0.06], [0.25, 0.2], [0.2, 0.6], [0.3, 0.8], [0.95, 0.95], [1.0, 1.0]])
            * [radius, 0.75 * high],
            26,
        )
        dish = np.array([[0.9, 0.97], [0.0, 0.9]]) * [radius, 0.75 * high]
        kit.add(stone, build_lathe(np.concatenate([[[0, 0]], line, dish]), 28))
        return
    kit.add(wood, build_boxes([0, 0, high / 2], [0.06, 0.06, high], 0.004, grain=True))
    wide, tall, deep = rng.uniform(0.14, 0.24), rng.uniform(0.16, 0.26), rng.uniform(0.14, 0.22)
    rise = wide * rng.uniform(0.3, 0.7)
    outline = np.array([[-wide / 2, 0], [wide / 2, 0], [wide / 2, tall], [0, tall + rise], [-wide / 2, tall]])
    hole = draw_ellipse(0.05, 0.05, 16) + np.array([0, tall * 0.6])
    kit.add(wood, build_plate(outline, 0.012, [hole]), [0, -deep / 2 + 0.012, high], stand_upright())
    kit.add(wood, build_plate(outline, 0.012), [0, deep / 2, high], stand_upright())
    roof, slope = kit.pick("wood", "metal", "paint"), np.arctan2(rise, wide / 2)
    for side in (-1, 1):
        kit.add(wood, build_boxes([side * (wide / 2 - 0.006), 0, high + tall / 2], [0.012, deep, tall], grain=True))
        board = build_boxes([0, 0, 0], [np.hypot(wide / 2, rise) * 1.3, deep * 1.3, 0.012], 0.002, grain=True)
        kit.add(roof, board, [side * wide * 0.29, 0, high + tall + rise * 0.5], turn_about(1, side * slope))
    kit.add(wood, build_boxes([0, 0, high + 0.006], [wide, deep, 0.012]))
    kit.add(wood, build_rods([0, -deep / 2, high + tall * 0.35], [0, -deep / 2 - 0.06, high + tall * 0.35], 0.005, 6))


@register("ground", "floor", share=1.0)
def build_garden_tools(kit: Kit) -> None:
    """A rake, a spade, a fork or a broom that leans back, or a watering can, or a hose in rings."""
    rng = kit.rng
    wood, iron = kit.pick("wood", "metal"), kit.pick("metal", "plastic")
    style = rng.choice(["long", "can", "hose"], p=[0.55, 0.2, 0.25])
    if style == "hose":
        radius, turns = rng.uniform(0.15, 0.3), int(rng.integers(3, 8))
        t = np.linspace(0, 2 * np.pi * turns, 26 * turns)
        wide = radius * (1 + 0.12 * np.sin(t * 0.37))
        path = np.column_stack(
            [wide * np.cos(t), wide * np.sin(t), 0.01 + 0.018 * t / (2 * np.pi) * rng.uniform(0.2, 1)]
        )
        kit.add(kit.pick("rubber", "plastic"), build_tubes(path, 0.009, 6))
        return
    if style == "can":
        radius, high = rng.uniform(0.09, 0.13), rng.uniform(0.2, 0.28)
        kit.add(iron, build_lathe(hollow_profile(np.array([[radius, 0], [radius * 0.9, high]]), 0.003), 26))
        spout = np.array([[-radius * 0.9, 0, 0.03], [-radius * 2.6, 0, high * 1.1]])
        kit.add(iron, build_rods(spout[0], spout[1], [[0.024, 0.012]], 10))
        kit.add(iron, build_cylinder(0.014, 0.05, 16, top=0.04), spout[1], turn_about(1, -0.9))
        arch = smooth_points(
            np.array(
                [
                    [-radius * 0.8, 0, high],
                    [-radius * 0.3, 0, high * 1.45],
                    [radius, 0, high * 1.2],
                    [radius * 1.2, 0, high * 0.4],
                    [radius, 0, high * 0.25],
                ]
            ),
            16,
        )
        kit.add(iron, build_tubes(arch, 0.008, 8))
        return
    for i in range(int(rng.integers(1, 4))):
        long = rng.uniform(1.0, 1.5)
        with kit.move(
            [i * 0.25, 0, 0],
            turn_about(0, -rng.uniform(0.1, 0.3))
            @ turn_about(1, rng.normal(0, 0.06))
            @ turn_about(2, rng.uniform(-0.5, 0.5)),
        ):
            kit.add(wood, build_rods([0, 0, 0.15], [0, 0, long], 0.014, 8))
            head = rng.choice(["rake", "fork", "spade", "broom"])
            if head == "spade":
                blade = smooth_points(
                    np.array([[0, 0], [0.09, 0.06], [0.1, 0.25], [-0.1, 0.25], [-0.09, 0.06]]), 24, closed=True
                )
                kit.add(iron, build_plate(blade, 0.004), turn=stand_upright())
                continue
            span = rng.uniform(0.2, 0.4)
            x = np.linspace(-0.5, 0.5, {"rake": 14, "fork": 4, "broom": 40}[str(head)]) * span
            top = 0.16
            start = np.column_stack([x * (0.6 if head == "broom" else 1.0), rng.normal(0, 0.006, len(x)), 0 * x + top])
            end = np.column_stack(
                [x, 0 * x - (0.06 if head == "rake" else 0.0), 0 * x + (top - 0.02 if head == "rake" else 0.0)]
            )
            kit.add(iron, build_rods(start, end, 0.0015 if head == "broom" else 0.004, 4))
            kit.add(iron, build_rods([-span / 2, 0, top], [span / 2, 0, top], 0.011, 6))
