"""Lamps: on the floor, on a table, hung from the ceiling, with arms."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.vessels import draw_vase
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_circle


def build_shade(rng: np.random.Generator, radius: float, height: float) -> Mesh:
    """A shade around z, open below and above, from z = 0 up: a cone, a bell, a pleated or a square one."""
    segments = 36
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    top = rng.uniform(0.35, 1.0)
    t = np.linspace(0, 1, 7)[:, None]
    bell = rng.choice([0.0, rng.uniform(-0.2, 0.25)])
    wide = radius * (1 + (top - 1) * t - bell * np.sin(np.pi * t))
    style = rng.choice(["round", "pleated", "square"], p=[0.55, 0.3, 0.15])
    if style == "pleated":
        wide = wide * (1 + 0.025 * np.where(np.arange(segments) % 2, 1, -1))
    elif style == "square":
        wide = wide * np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle))) ** -0.85
    grid = np.stack(np.broadcast_arrays(wide * np.cos(angle), wide * np.sin(angle), height * t), axis=2)
    return build_sheet(grid, 0.0015, closed=True)


def _add_bulb(kit: Kit, at: np.ndarray, size: float = 0.03) -> None:
    kit.add(kit.pick("ceramic"), build_balls(at, size, 2))


@register("floor", share=1.5)
def build_floor_lamp(kit: Kit) -> None:
    """A pole, three legs or a bow, with a shade at 1.2-1.8 m."""
    rng = kit.rng
    metal, cloth = kit.pick("metal", "wood", "paint"), kit.pick("fabric", "paper", "metal", "paint")
    height, radius, tall = rng.uniform(1.1, 1.6), rng.uniform(0.12, 0.28), rng.uniform(0.16, 0.35)
    style = rng.choice(["pole", "tripod", "bow"], p=[0.5, 0.3, 0.2])
    x = 0.0
    if style == "tripod":
        turn = np.arange(3) * 2 * np.pi / 3 + 0.5
        way = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
        top = np.array([0, 0, height])
        kit.add(metal, build_rods(way * rng.uniform(0.22, 0.35), way * 0.02 + top, 0.011, 8))
        share = rng.uniform(0.3, 0.6)
        spots = way * 0.3 * (1 - share) + top * share
        kit.add(metal, build_rods(spots, np.roll(spots, 1, axis=0), 0.004, 6))
    else:
        kit.add(metal, build_lathe([[0, 0], [0.14, 0], [0.14, 0.018], [0.02, 0.03], [0, 0.03]], 28))
        if style == "bow":
            x = rng.uniform(0.4, 0.9)
            bow = smooth_points(
                np.array([[0, 0, 0.02], [0, 0, height * 0.8], [x * 0.5, 0, height * 1.22], [x, 0, height + tall]]), 24
            )
            kit.add(metal, build_tubes(bow, 0.009, 8))
        else:
            kit.add(metal, build_cylinder(rng.uniform(0.008, 0.016), height, 10))
    kit.add(cloth, build_shade(rng, radius, tall), [x, 0, height])
    ring = np.array([[x, 0, height + tall * 0.5]])
    across = np.array([radius * 0.4, 0, 0])
    kit.add(metal, build_rods(ring + across, ring - across, 0.0025, 5))
    _add_bulb(kit, ring[0])


@register("surface", "air", share=2.0)
def build_table_lamp(kit: Kit) -> None:
    """A vase, a block or a turned post with a shade, 25-60 cm."""
    rng = kit.rng
    foot, cloth = kit.pick("ceramic", "wood", "metal", "stone"), kit.pick("fabric", "paper", "metal")
    height, radius = rng.uniform(0.14, 0.34), rng.uniform(0.08, 0.18)
    if rng.random() < 0.75:
        line = draw_vase(rng, height)
        line[:, 0] *= rng.uniform(0.4, 0.8)
        line[-1, 0] = 0.012
        kit.add(foot, build_lathe(np.concatenate([[[0, 0]], line, [[0, height]]]), 28))
    else:
        size = rng.uniform(0.05, 0.1)
        kit.add(foot, build_boxes([0, 0, height / 2], [size, size, height], 0.004, grain=True))
    tall = rng.uniform(0.7, 1.2) * radius
    kit.add(kit.pick("metal"), build_cylinder(0.006, tall * 0.6, 8), [0, 0, height])
    kit.add(cloth, build_shade(rng, radius, tall), [0, 0, height + 0.01])
    _add_bulb(kit, np.array([0, 0, height + tall * 0.6]))


@register("surface", "air", share=1.2)
def build_desk_lamp(kit: Kit) -> None:
    """A foot, two arms with springs or wires, a hood."""
    rng = kit.rng
    metal, hood = kit.pick("metal", "paint"), kit.pick("metal", "paint", "plastic")
    kit.add(metal, build_lathe([[0, 0], [0.08, 0], [0.08, 0.015], [0.03, 0.025], [0, 0.025]], 24))
    first, second = rng.uniform(0.18, 0.32), rng.uniform(0.16, 0.3)
    a, b = rng.uniform(0.9, 1.9), rng.uniform(-0.5, 0.6)
    base = np.array([0, 0, 0.03])
    elbow = base + first * np.array([np.cos(a), 0, np.sin(a)])
    head = elbow + second * np.array([np.cos(b), 0, np.sin(b)])
    side = np.array([0, 0.009, 0])
    starts, ends = (
        np.stack([base - side, base + side, elbow - side, elbow + side]),
        np.stack([elbow - side, elbow + side, head - side, head + side]),
    )
    kit.add(metal, build_rods(starts, ends, 0.0035, 6))
    kit.add(metal, build_balls(np.stack([base, elbow, head]), 0.013, 1))
    if rng.random() < 0.6:
        spring = 0.006
        kit.add(
            metal,
            build_rods(
                base + np.array([0.02, 0, 0.0]), elbow * 0.75 + base * 0.25 + np.array([0.015, 0, 0]), spring, 6
            ),
        )
    reach, mouth = rng.uniform(0.08, 0.13), rng.uniform(0.045, 0.075)
    t = np.linspace(0, 1, 8)
    outer = np.column_stack([0.015 + (mouth - 0.015) * t ** rng.uniform(0.4, 1.2), reach * (1 - t)])[::-1]
    cone = build_lathe(
        np.concatenate([outer, [[0.0, reach + 0.001]], [[0.0, reach - 0.001]], outer[::-1] - [0.0015, 0.0015]]),
        24,
        closed=True,
    )
    kit.add(hood, cone, head, turn_about(1, rng.uniform(-0.9, 0.2)))
    _add_bulb(kit, head + np.array([0, 0, 0.02]), 0.02)


@register("ceiling", share=2.0)
def build_pendant(kit: Kit) -> None:
    """A lamp that hangs on a cable: a shade, a ball, a bell, or a row of them on a bar."""
    rng = kit.rng
    cable, shade = kit.pick("rubber", "metal"), kit.pick("fabric", "metal", "paper", "ceramic", "wicker")
    count, drop = int(rng.choice([1, 1, 1, 2, 3, 4])), rng.uniform(0.3, 1.0)
    radius, tall = rng.uniform(0.09, 0.26) / np.sqrt(count), rng.uniform(0.12, 0.3)
    kit.add(cable, build_lathe([[0, -0.03], [0.05, -0.028], [0.06, 0], [0, 0]], 20))
    if count > 1:
        kit.add(cable, build_boxes([0, 0, -0.015], [count * radius * 2.2, 0.05, 0.03], 0.004))
    style, mesh = rng.choice(["shade", "ball", "ribs"]), build_shade(rng, radius, tall)
    for i in range(count):
        x = (i - (count - 1) / 2) * radius * 2.4
        low = -drop * (1 if count < 2 else rng.uniform(0.7, 1.0))
        kit.add(cable, build_rods([x, 0, low], [x, 0, 0], 0.0025, 5))
        if style == "shade":
            kit.add(shade, mesh, [x, 0, low - tall])
            _add_bulb(kit, np.array([x, 0, low - tall * 0.6]))
        elif style == "ball":
            kit.add(shade, build_balls([x, 0, low - radius], [radius, radius, radius * rng.uniform(0.7, 1.2)], 3))
        else:
            _add_ribs(kit, shade, np.array([x, 0, low - radius]), radius)
            _add_bulb(kit, np.array([x, 0, low - radius]))


def _add_ribs(kit: Kit, slot: int, at: np.ndarray, radius: float) -> None:
    """A globe of wires, see-through."""
    ribs = int(kit.rng.integers(8, 20))
    turn = np.linspace(0.05, np.pi - 0.05, 13)
    angle = np.arange(ribs) * 2 * np.pi / ribs
    paths = np.stack(
        [
            np.sin(turn) * np.cos(angle[:, None]),
            np.sin(turn) * np.sin(angle[:, None]),
            np.broadcast_to(np.cos(turn), (ribs, 13)),
        ],
        axis=2,
    )
    thick = kit.rng.uniform(0.0012, 0.003)
    kit.add(slot, build_tubes(paths * radius, thick, 4), at)
    for share in (-0.6, 0.0, 0.6):
        kit.add(
            slot,
            build_tubes(draw_circle(radius * np.sqrt(1 - share**2), 24, share * radius), thick, 4, closed=True),
            at,
        )


@register("ceiling", share=0.7)
def build_chandelier(kit: Kit) -> None:
    """Bent arms around a turned stem, each with a candle-like light; or a ring of lights."""
    rng = kit.rng
    metal, drop = kit.pick("metal", "wood"), rng.uniform(0.3, 0.7)
    arms, reach = int(rng.integers(4, 10)), rng.uniform(0.2, 0.4)
    kit.add(metal, build_rods([0, 0, -drop], [0, 0, 0], 0.004, 6))
    kit.add(metal, build_lathe([[0, -0.03], [0.05, -0.025], [0.05, 0], [0, 0]], 16))
    z = np.linspace(0, 0.2, 7)
    stem = smooth_points(np.column_stack([rng.uniform(0.01, 0.04, 7), z]), 16)
    kit.add(metal, build_lathe(np.concatenate([[[0, 0]], stem, [[0, 0.2]]]), 16), [0, 0, -drop - 0.2])
    low, dip = -drop - 0.15, rng.uniform(0.03, 0.1)
    arm = smooth_points(
        np.array([[0.01, 0, low], [reach * 0.5, 0, low - dip], [reach, 0, low - dip * 0.5], [reach, 0, low + 0.04]]), 12
    )
    cup = build_lathe([[0, 0], [0.012, 0], [0.03, 0.012], [0.012, 0.014], [0.011, 0.09], [0, 0.09]], 12)
    light = kit.pick("ceramic")
    for angle in np.arange(arms) * 2 * np.pi / arms:
        turn = turn_about(2, angle)
        kit.add(metal, build_tubes(arm, 0.0055, 6), turn=turn)
        kit.add(light, cup, turn @ [reach, 0, low + 0.035], turn)
