"""Tables and desks."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


@register("floor", "air", share=3.0)
def build_table(kit: Kit) -> None:
    """A dining or side table: a board of four outlines on legs, a pedestal or trestles."""
    rng = kit.rng
    top, frame = kit.pick("wood", "wood", "stone", "paint", "plastic"), kit.pick("wood", "metal", "paint")
    size = rng.choice(["side", "dining", "coffee"], p=[0.3, 0.45, 0.25])
    low, high = {"side": (0.4, 0.7), "dining": (0.9, 1.9), "coffee": (0.7, 1.3)}[str(size)]
    wide = rng.uniform(low, high)
    deep = wide * rng.uniform(0.5, 1.0)
    height = {"side": rng.uniform(0.45, 0.65), "dining": rng.uniform(0.7, 0.78), "coffee": rng.uniform(0.32, 0.48)}[
        str(size)
    ]
    thick = rng.uniform(0.012, 0.05)
    _add_board(kit, top, wide, deep, height, thick)
    style = rng.choice(["legs", "turned", "pedestal", "trestle", "hairpin"], p=[0.4, 0.2, 0.15, 0.12, 0.13])
    under = height - thick
    if style == "pedestal":
        _add_pedestal(kit, frame, min(wide, deep), under)
    elif style == "trestle":
        _add_trestles(kit, frame, wide, deep, under)
    elif style == "hairpin":
        _add_hairpins(kit, frame, wide, deep, under)
    else:
        _add_legs(kit, frame, wide, deep, under, style == "turned")
    if size != "dining" and rng.random() < 0.35:
        kit.add(
            top,
            build_boxes([0, 0, under * rng.uniform(0.25, 0.5)], [wide * 0.72, deep * 0.66, 0.018], 0.003, grain=True),
        )


def _add_board(kit: Kit, top: int, wide: float, deep: float, height: float, thick: float) -> None:
    rng = kit.rng
    shape = rng.choice(["square", "round", "oval", "planks"], p=[0.5, 0.2, 0.1, 0.2])
    if shape == "planks":
        count = int(rng.integers(3, 8))
        y = (np.arange(count) + 0.5) / count * deep - deep / 2
        long = wide + rng.uniform(-0.004, 0.004, count)
        sizes = np.column_stack([long, np.full(count, deep / count - 0.003), np.full(count, thick)])
        at = np.column_stack([np.zeros(count), y, np.full(count, height - thick / 2)])
        kit.add(top, build_boxes(at, sizes, 0.003, grain=True))
    elif shape == "square":
        kit.add(
            top, build_plate(draw_rectangle(wide, deep, rng.choice([0.0, 0.02, 0.08])), thick), [0, 0, height - thick]
        )
    else:
        outline = draw_ellipse(wide if shape == "oval" else deep * 1.15, deep * 1.15, 40)
        kit.add(top, build_plate(outline, thick), [0, 0, height - thick])


def _add_legs(kit: Kit, frame: int, wide: float, deep: float, under: float, turned: bool) -> None:
    rng = kit.rng
    thick = rng.uniform(0.025, 0.08) * min(1.0, wide)
    spread = CORNERS * [wide * 0.44 - thick / 2, deep * 0.4 - thick / 2]
    if turned:
        up = np.linspace(0, under, 11)
        radius = thick / 2 * (1 + rng.uniform(-0.45, 0.35, 11))
        profile = np.concatenate([[[0, 0]], smooth_points(np.column_stack([radius, up]), 22), [[0, under]]])
        leg = build_lathe(profile, 12)
        for x, y in spread.tolist():
            kit.add(frame, leg, [x, y, 0])
    else:
        lean = rng.choice([0.0, rng.uniform(0, 0.08)])
        feet = np.column_stack([spread + CORNERS * lean, np.zeros(4)])
        heads = np.column_stack([spread, np.full(4, under)])
        kit.add(
            frame, build_rods(feet, heads, [[thick * rng.uniform(0.4, 0.7), thick * 0.7]], int(rng.choice([4, 4, 10])))
        )
    if rng.random() < 0.7:
        apron = rng.uniform(0.04, 0.12) * min(1.0, under / 0.6)
        z, x, y = under - apron / 2, float(spread[2, 0]), float(spread[2, 1])
        at = [[0, -y, z], [0, y, z], [-x, 0, z], [x, 0, z]]
        size = [[2 * x, 0.02, apron], [2 * x, 0.02, apron], [0.02, 2 * y, apron], [0.02, 2 * y, apron]]
        kit.add(frame, build_boxes(at, size, 0.002, grain=True))


def _add_pedestal(kit: Kit, frame: int, wide: float, under: float) -> None:
    rng = kit.rng
    foot, stem = wide * rng.uniform(0.25, 0.36), rng.uniform(0.02, 0.06)
    z = np.array([0.025, 0.06, 0.25, 0.6, 0.9, 1.0]) * under
    radius = np.array([foot * 0.5, stem * 1.5, *stem * rng.uniform(0.7, 1.5, 3), stem * 2])
    line = smooth_points(np.column_stack([radius, z]), 18)
    kit.add(frame, build_lathe(np.concatenate([[[0, 0], [foot, 0], [foot, 0.012]], line, [[0, under]]]), 24))


def _add_trestles(kit: Kit, frame: int, wide: float, deep: float, under: float) -> None:
    rng = kit.rng
    thick, spread = rng.uniform(0.015, 0.03), rng.uniform(0.3, 0.45) * deep
    for x in (-0.36 * wide, 0.36 * wide):
        ends = np.array([[x - 0.12, -spread, 0], [x + 0.12, -spread, 0], [x - 0.12, spread, 0], [x + 0.12, spread, 0]])
        heads = ends * [1, 0.12, 0] + np.array([0, 0, under - 0.02])
        kit.add(frame, build_rods(ends, heads, thick, 4))
        kit.add(frame, build_boxes([x, 0, under - 0.025], [0.34, 0.07, 0.05], 0.004, grain=True))
        low = ends + 0.3 * (heads - ends)
        kit.add(frame, build_rods(low[[0, 1, 0, 2]], low[[2, 3, 1, 3]], thick * 0.7, 4))


def _add_hairpins(kit: Kit, frame: int, wide: float, deep: float, under: float) -> None:
    rng = kit.rng
    out = rng.uniform(0, 0.07)
    for x, y in CORNERS * [wide * 0.42, deep * 0.38]:
        way = np.array([np.sign(x), np.sign(y), 0])
        head, foot, across = (
            np.array([x, y, under]),
            np.array([x, y, 0.006]) + way * out,
            np.array([-way[1], way[0], 0]) * 0.05,
        )
        path = np.array([head + across, foot + across * 0.12, foot - across * 0.12, head - across])
        kit.add(frame, build_tubes(path, 0.0055, 6))


@register("floor", share=1.5, backed=True)
def build_desk(kit: Kit) -> None:
    """A writing desk: a board over one or two chests of drawers, or over legs; a modesty panel, a raised shelf."""
    rng = kit.rng
    top, frame = kit.pick("wood", "wood", "paint"), kit.pick("wood", "metal", "paint")
    wide, deep, height = rng.uniform(0.9, 1.7), rng.uniform(0.5, 0.8), rng.uniform(0.7, 0.78)
    thick = rng.uniform(0.018, 0.04)
    kit.add(top, build_boxes([0, 0, height - thick / 2], [wide, deep, thick], 0.004, grain=True))
    under, chest = height - thick, rng.uniform(0.3, 0.42)
    sides = [(-1,), (1,), (-1, 1)][int(rng.integers(3))]
    for side in (-1, 1):
        if side in sides:
            _add_chest(kit, frame, top, side * (wide / 2 - chest / 2 - 0.01), chest, deep - 0.04, under)
        else:
            x, y = side * (wide / 2 - 0.04), deep / 2 - 0.04
            kit.add(
                frame, build_boxes([[x, -y, under / 2], [x, y, under / 2]], [0.045, 0.045, under], 0.003, grain=True)
            )
    if rng.random() < 0.5:
        tall = rng.uniform(0.2, 0.5)
        kit.add(frame, build_boxes([0, deep * 0.38, under - tall / 2], [wide - 0.06, 0.016, tall], grain=True))
    if rng.random() < 0.3:
        rise, reach = rng.uniform(0.15, 0.35), deep * 0.3
        kit.add(
            top, build_boxes([0, deep / 2 - reach / 2, height + rise], [wide * 0.96, reach, 0.018], 0.002, grain=True)
        )
        posts = np.array([-0.46, 0.46, rng.uniform(-0.2, 0.2)]) * wide
        at = np.column_stack([posts, np.full(3, deep / 2 - reach / 2), np.full(3, height + rise / 2 - 0.004)])
        kit.add(top, build_boxes(at, [0.018, reach * 0.95, rise - 0.01], grain=True))


def _add_chest(kit: Kit, body: int, knobs: int, x: float, wide: float, deep: float, tall: float) -> None:
    """Drawers with handles."""
    rng = kit.rng
    kit.add(body, build_boxes([x, 0.01, tall / 2], [wide, deep - 0.02, tall], 0.003, grain=True))
    count = int(rng.integers(2, 5))
    high = tall / count
    z = (np.arange(count) + 0.5) * high
    front = np.column_stack([np.full(count, x), np.full(count, -deep / 2 + 0.0), z])
    kit.add(body, build_boxes(front, [wide - 0.012, 0.02, high - 0.012], 0.003, grain=True))
    handle = front + np.array([0, -0.028, 0])
    if rng.random() < 0.5:
        kit.add(knobs, build_boxes(handle, [wide * 0.35, 0.012, 0.014], 0.003))
        kit.add(knobs, build_boxes(front + np.array([0, -0.016, 0]), [wide * 0.3, 0.02, 0.006]))
    else:
        knob = build_lathe([[0, 0], [0.006, 0], [0.006, 0.012], [0.015, 0.016], [0.014, 0.026], [0, 0.03]], 12)
        for each in front:
            kit.add(knobs, knob, each + np.array([0, -0.008, 0]), turn_about(0, np.pi / 2))


@register("floor", share=0.8, backed=True)
def build_standing_desk(kit: Kit) -> None:
    """A desk on two lifting columns with feet, at any height."""
    rng = kit.rng
    top, frame = kit.pick("wood", "plastic"), kit.pick("metal", "paint")
    wide, deep, height = rng.uniform(1.1, 1.8), rng.uniform(0.6, 0.8), rng.uniform(0.65, 1.2)
    kit.add(top, build_plate(draw_rectangle(wide, deep, rng.choice([0.0, 0.05])), 0.025), [0, 0, height - 0.025])
    for x in (-0.38 * wide, 0.38 * wide):
        kit.add(frame, build_boxes([x, 0, 0.025], [0.07, deep * 0.9, 0.04], 0.008))
        kit.add(frame, build_boxes([x, 0.03, 0.3], [0.08, 0.055, 0.56], 0.006))
        kit.add(frame, build_boxes([x, 0.03, height / 2 + 0.1], [0.065, 0.042, height - 0.25], 0.004))
        kit.add(frame, build_boxes([x, 0, height - 0.04], [0.05, deep * 0.8, 0.03], 0.004))
        for y in (-0.4 * deep, 0.4 * deep):
            kit.add(frame, build_cylinder(0.022, 0.006, 12), [x, y, 0])
    kit.add(frame, build_boxes([0, 0.03, height - 0.05], [0.76 * wide, 0.06, 0.04], 0.004))
