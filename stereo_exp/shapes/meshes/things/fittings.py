"""What belongs to a room: doors, windows, frames, radiators, clocks, hooks, ladders."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

FLAT_ON_WALL = turn_about(0, np.pi / 2)
"""Turns an upright axis to −y, away from the wall."""


def add_frame(
    kit: Kit, slot: int, wide: float, high: float, rim: float, thick: float, low: float = 0.0, y: float = 0.0
) -> None:
    """Four boards round an opening, the lower edge at `low`, the back on `y`."""
    z = low + high / 2
    at = [
        [0, y - thick / 2, low + rim / 2],
        [0, y - thick / 2, low + high - rim / 2],
        [-wide / 2 + rim / 2, y - thick / 2, z],
        [wide / 2 - rim / 2, y - thick / 2, z],
    ]
    size = [[wide, thick, rim], [wide, thick, rim], [rim, thick, high - 2 * rim], [rim, thick, high - 2 * rim]]
    kit.add(slot, build_boxes(at, size, min(0.004, rim / 5), grain=True))


@register("wall", share=1.5)
def build_door(kit: Kit) -> None:
    """A door leaf in its frame, with panels, a handle; some stand ajar."""
    rng = kit.rng
    leaf, frame, metal = kit.pick("wood", "wood", "paint"), kit.pick("wood", "paint"), kit.pick("metal")
    wide, high, rim = rng.uniform(0.7, 0.95), rng.uniform(1.95, 2.1), rng.uniform(0.06, 0.11)
    z, depth = high / 2, rng.uniform(0.02, 0.05)
    at = [[-(wide + rim) / 2, -depth / 2, z], [(wide + rim) / 2, -depth / 2, z], [0, -depth / 2, high + rim / 2]]
    kit.add(
        frame,
        build_boxes(at, [[rim, depth, high], [rim, depth, high], [wide + 2 * rim, depth, rim]], 0.004, grain=True),
    )
    # It hangs on its left side and opens towards the room.
    open_by = rng.choice([0.0, 0.0, rng.uniform(0.1, 1.3)])
    with kit.move([-wide / 2, -0.02, 0.005], turn_about(2, -open_by)):
        _add_leaf(kit, leaf, metal, wide, high)


def _add_leaf(kit: Kit, leaf: int, metal: int, wide: float, high: float) -> None:
    """The leaf of a door from x = 0, its hinges, to `wide`, its front to −y."""
    rng = kit.rng
    kit.add(leaf, build_boxes([wide / 2, 0, high / 2], [wide - 0.006, 0.036, high - 0.01], 0.002, grain=True))
    rows, columns = int(rng.integers(0, 4)), int(rng.integers(1, 3))
    for i in range(rows):
        for k in range(columns):
            w, h = (wide - 0.1) / columns - 0.06, (high - 0.2) / rows - 0.08
            x, y = 0.05 + (k + 0.5) * (wide - 0.1) / columns, 0.1 + (i + 0.5) * (high - 0.2) / rows
            sizes = [[w, 0.014, h], [w - 0.06, 0.018, h - 0.06]]
            kit.add(leaf, build_boxes([[x, -0.02, y], [x, -0.025, y]], sizes, 0.008, grain=True))
    grip = np.array([wide - 0.06, -0.018, 1.03])
    kit.add(metal, build_boxes(grip, [0.04, 0.008, 0.2], 0.003))
    lever = np.array([[0, 0, 0], [0, -0.05, 0], [-0.02, -0.055, 0], [-0.12, -0.055, 0]])
    kit.add(metal, build_tubes(grip + lever, 0.008, 8))
    for z in (0.25, high - 0.3):
        kit.add(metal, build_cylinder(0.006, 0.08, 8), [0.0, -0.022, z])


@register("wall", share=1.0, elevation=(0.5, 1.2))
def build_window(kit: Kit) -> None:
    """A frame with sashes, bars and a sill; nothing between them, so that one sees through or the wall."""
    rng = kit.rng
    slot, sill = kit.pick("wood", "paint", "plastic"), kit.pick("stone", "wood", "paint")
    wide, high, rim = rng.uniform(0.6, 1.8), rng.uniform(0.7, 1.5), rng.uniform(0.04, 0.08)
    add_frame(kit, slot, wide, high, rim, 0.05)
    sashes = max(1, round(wide / rng.uniform(0.5, 0.9)))
    each = (wide - 2 * rim) / sashes
    rows, columns, bar = int(rng.integers(1, 4)), int(rng.integers(1, 4)), rng.uniform(0.015, 0.03)
    for i in range(sashes):
        x = -wide / 2 + rim + (i + 0.5) * each
        border = rim * 0.8
        z = high / 2
        at = [
            [x, -0.045, rim + border / 2],
            [x, -0.045, high - rim - border / 2],
            [x - each / 2 + border / 2, -0.045, z],
            [x + each / 2 - border / 2, -0.045, z],
        ]
        size = [
            [each, 0.03, border],
            [each, 0.03, border],
            [border, 0.03, high - 2 * rim],
            [border, 0.03, high - 2 * rim],
        ]
        kit.add(slot, build_boxes(at, size, 0.003, grain=True))
        for k in range(1, rows):
            kit.add(
                slot, build_boxes([x, -0.04, rim + (high - 2 * rim) * k / rows], [each, 0.015, bar], 0.002, grain=True)
            )
        for k in range(1, columns):
            kit.add(
                slot,
                build_boxes(
                    [x - each / 2 + each * k / columns, -0.04, z], [bar, 0.015, high - 2 * rim], 0.002, grain=True
                ),
            )
    kit.add(sill, build_boxes([0, -0.08, -0.015], [wide + 0.08, 0.16, 0.03], 0.005, grain=True))


@register("wall", share=3.0, elevation=(0.9, 1.6))
def build_picture(kit: Kit) -> None:
    """A framed picture with or without a mount; square, round; or a group of small ones."""
    rng = kit.rng
    if rng.random() < 0.2:
        columns, rows, size = int(rng.integers(1, 4)), int(rng.integers(1, 4)), rng.uniform(0.14, 0.28)
        for i in range(columns):
            for k in range(rows):
                _add_picture(
                    kit, size * rng.uniform(0.7, 0.95), size * rng.uniform(0.7, 0.95), i * size * 1.15, k * size * 1.15
                )
        return
    long = rng.uniform(0.2, 1.2)
    short = long * rng.uniform(0.5, 1.0)
    wide, high = (long, short) if rng.random() < 0.5 else (short, long)
    if rng.random() < 0.12:
        rim = rng.uniform(0.02, 0.05)
        ring = build_plate(draw_ellipse(wide, high, 40), 0.025, [draw_ellipse(wide - 2 * rim, high - 2 * rim, 40)])
        kit.add(kit.pick("wood", "metal"), ring, turn=FLAT_ON_WALL)
        kit.add(kit.pick("print"), build_plate(draw_ellipse(wide - rim, high - rim, 40), 0.012), turn=FLAT_ON_WALL)
        return
    _add_picture(kit, wide, high, 0.0, 0.0)


def _add_picture(kit: Kit, wide: float, high: float, x: float, z: float) -> None:
    rng = kit.rng
    rim, thick = rng.uniform(0.008, 0.06) * min(1.0, 2 * wide), rng.uniform(0.012, 0.04)
    with kit.move([x, 0, z]):
        add_frame(kit, kit.pick("wood", "wood", "metal", "paint"), wide, high, rim, thick, -high / 2)
        y = -thick * 0.45
        kit.add(kit.pick("print"), build_boxes([0, y / 2, 0], [wide - rim, -y, high - rim]))
        if rng.random() < 0.4:
            mount = min(wide, high) * rng.uniform(0.08, 0.2)
            hole = draw_rectangle(wide - 2 * rim - 2 * mount, high - 2 * rim - 2 * mount)
            border = build_plate(draw_rectangle(wide - rim, high - rim), 0.002, [hole])
            kit.add(kit.pick("paper"), border, [0, y + 0.0005, 0], FLAT_ON_WALL)


@register("wall", share=0.8, elevation=(1.0, 1.7))
def build_empty_frame(kit: Kit) -> None:
    """A frame with nothing in it: a mirror without its mirror, ornate or plain."""
    rng = kit.rng
    wide = rng.uniform(0.25, 0.8)
    high = wide * rng.uniform(0.8, 1.8)
    slot, rim = kit.pick("wood", "metal", "paint"), wide * rng.uniform(0.06, 0.15)
    if rng.random() < 0.5:
        add_frame(kit, slot, wide, high, rim, rng.uniform(0.015, 0.05))
    else:
        angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        wave = 1 + rng.uniform(0.01, 0.06) * np.cos(angle * rng.choice([6, 8, 12]))
        outer = draw_ellipse(wide, high, 64) * wave[:, None]
        ring = build_plate(outer, 0.02, [draw_ellipse(wide - 2.5 * rim, high - 2.5 * rim, 48)])
        kit.add(slot, ring, [0, 0, high / 2], FLAT_ON_WALL)
    if rng.random() < 0.4:
        count = int((wide + high) / 0.05)
        t = np.linspace(0, 2 * np.pi, count, endpoint=False)
        beads = np.column_stack([(wide - rim) / 2 * np.cos(t), 0 * t - 0.02, high / 2 + (high - rim) / 2 * np.sin(t)])
        kit.add(kit.pick("metal", "wood"), build_balls(beads, rim * 0.25, 1))


@register("wall", share=1.2, elevation=(0.08, 0.15))
def build_radiator(kit: Kit) -> None:
    """Columns or a ribbed panel, with its valve and pipes."""
    rng = kit.rng
    slot, metal = kit.pick("paint", "paint", "metal"), kit.pick("metal")
    high, pitch = rng.uniform(0.4, 0.8), rng.uniform(0.045, 0.07)
    count = int(rng.integers(8, 24))
    x = pitch * (np.arange(count) - (count - 1) / 2)
    wide = pitch * count
    if rng.random() < 0.5:
        for y in (-0.05, -0.11):
            low = np.column_stack([x, 0 * x + y, 0 * x + 0.03])
            kit.add(slot, build_rods(low, low + np.array([0, 0, high - 0.06]), pitch * 0.3, 8))
        for z in (0.03, high - 0.03):
            kit.add(slot, build_boxes(np.column_stack([x, 0 * x - 0.08, 0 * x + z]), [pitch * 0.96, 0.1, 0.05], 0.012))
    else:
        kit.add(slot, build_boxes([0, -0.07, high / 2], [wide, 0.04, high], 0.006))
        kit.add(
            slot,
            build_boxes(np.column_stack([x, 0 * x - 0.092, 0 * x + high / 2]), [pitch * 0.5, 0.012, high * 0.9], 0.004),
        )
        kit.add(slot, build_boxes([0, -0.07, high], [wide, 0.1, 0.012], 0.003))
    side = wide / 2
    kit.add(
        metal,
        build_tubes(
            [[side, -0.08, 0.04], [side + 0.05, -0.08, 0.04], [side + 0.06, -0.08, 0.03], [side + 0.06, -0.08, -0.09]],
            0.009,
            8,
        ),
    )
    kit.add(
        kit.pick("plastic"),
        build_cylinder(0.022, 0.07, 14, bevel=0.005),
        [side + 0.005, -0.08, high - 0.05],
        turn_about(1, np.pi / 2),
    )
    kit.add(metal, build_boxes([[s * side * 0.7, -0.015, high * 0.7] for s in (-1, 1)], [0.03, 0.05, 0.03]))


@register("wall", "air", share=0.8, elevation=(1.4, 2.0))
def build_clock(kit: Kit) -> None:
    """A face with marks and hands in a ring or a square."""
    rng = kit.rng
    rim, face, hands = (
        kit.pick("metal", "wood", "plastic"),
        kit.pick("paper", "paint", "wood"),
        kit.pick("metal", "rubber"),
    )
    radius = rng.uniform(0.08, 0.22)
    kit.add(face, build_cylinder(radius * 0.97, 0.018, 36), turn=FLAT_ON_WALL)
    ring = build_lathe(
        [[radius * 0.93, 0], [radius, 0], [radius, 0.03], [radius * 0.96, 0.036], [radius * 0.93, 0.03]],
        40,
        closed=True,
    )
    kit.add(rim, ring, turn=FLAT_ON_WALL)
    for i in range(12):
        a = i * np.pi / 6
        size = [radius * 0.035, 0.002, radius * (0.16 if i % 3 == 0 else 0.08)]
        kit.add(hands, build_boxes([0, -0.019, radius * 0.8], size), turn=turn_about(1, a))
    for long, wide, y in ((0.5, 0.05, -0.021), (0.75, 0.03, -0.024)):
        kit.add(
            hands,
            build_boxes([0, y, radius * long * 0.42], [radius * wide, 0.002, radius * long]),
            turn=turn_about(1, rng.uniform(0, 6.28)),
        )
    kit.add(hands, build_cylinder(radius * 0.04, 0.027, 12), turn=FLAT_ON_WALL)


@register("wall", share=0.6, elevation=(1.3, 1.7))
def build_hook_rail(kit: Kit) -> None:
    """A board with hooks."""
    rng = kit.rng
    board, metal = kit.pick("wood", "paint"), kit.pick("metal", "wood")
    count, pitch = int(rng.integers(3, 8)), rng.uniform(0.09, 0.18)
    kit.add(
        board, build_boxes([0, -0.01, 0], [pitch * (count + 0.3), 0.02, rng.uniform(0.06, 0.12)], 0.003, grain=True)
    )
    for i in range(count):
        x = (i - (count - 1) / 2) * pitch
        hook = np.array([[x, -0.02, 0.0], [x, -0.05, -0.02], [x, -0.07, -0.01], [x, -0.075, 0.02]])
        kit.add(metal, build_tubes(hook, 0.005, 6))
        kit.add(metal, build_balls(hook[-1], 0.009, 1))


@register("floor", "ground", share=0.8)
def build_ladder(kit: Kit) -> None:
    """A step ladder that stands open, or a plain one that leans back."""
    rng = kit.rng
    slot = kit.pick("metal", "wood")
    steps, pitch, wide = int(rng.integers(3, 9)), rng.uniform(0.22, 0.28), rng.uniform(0.34, 0.45)
    high, lean = steps * pitch + 0.06, rng.uniform(0.2, 0.35)
    top = np.array([0, 0.0, high])
    for x in (-wide / 2, wide / 2):
        kit.add(slot, build_rods([x * 1.15, -high * lean, 0], top + np.array([x, 0, 0]), 0.022, 4, flat=0.6))
    z = pitch * np.arange(1, steps + 1)
    at = np.column_stack([0 * z, -high * lean * (1 - z / high), z])
    deep = rng.choice([0.03, 0.08])
    kit.add(slot, build_boxes(at, [wide, deep, 0.024], 0.004, grain=True))
    if rng.random() < 0.65:
        ends = np.array([[-wide / 2, high * lean * 0.8, 0], [wide / 2, high * lean * 0.8, 0]])
        kit.add(slot, build_rods(ends * [1.15, 1, 1], ends * [1, 0, 0] + top, 0.015, 4))
        middle = ends * [1, 0.6, 1] + np.array([0, 0, high * 0.4])
        kit.add(slot, build_rods(middle[0], middle[1], 0.01, 6))
        kit.add(slot, build_boxes([0, 0, high + 0.01], [wide + 0.04, 0.16, 0.03], 0.006))


@register("wall", "air", share=0.6, elevation=(1.0, 1.8))
def build_notice_board(kit: Kit) -> None:
    """A board with papers pinned to it, some of them curled."""
    rng = kit.rng
    wide, high = rng.uniform(0.4, 1.2), rng.uniform(0.3, 0.9)
    add_frame(kit, kit.pick("wood", "metal"), wide, high, 0.025, 0.02)
    kit.add(kit.pick("wood", "fabric", "paint"), build_boxes([0, -0.006, high / 2], [wide - 0.03, 0.012, high - 0.03]))
    pin = kit.pick("plastic")
    for i in range(int(rng.integers(4, 14))):
        size = rng.uniform(0.06, 0.21) * np.array([1, rng.uniform(0.7, 1.4)])
        size = np.minimum(size, [wide * 0.4, high * 0.4])
        x, z = (
            rng.uniform(-0.5, 0.5) * (wide - size[0] - 0.06),
            rng.uniform(0.03, 0.97) * (high - size[1] - 0.06) + size[1] / 2 + 0.03,
        )
        turn = turn_about(1, rng.normal(0, 0.1))
        y = -0.0125 - 0.0012 * i
        kit.add(
            kit.pick("paper", "print"),
            build_boxes([0, 0, 0], [size[0], 0.0008, size[1]]),
            [x, y, z],
            turn @ turn_about(0, rng.uniform(0, 0.06)),
        )
        kit.add(pin, build_balls([x, y - 0.006, z + size[1] * 0.42], 0.005, 1))


@register("floor", share=0.5)
def build_easel(kit: Kit) -> None:
    """Three legs with a board on a ledge."""
    rng = kit.rng
    wood, board = kit.pick("wood", "metal"), kit.pick("print", "paper", "paint")
    high, wide = rng.uniform(1.3, 1.8), rng.uniform(0.5, 0.8)
    top = np.array([0, 0.0, high])
    feet = np.array([[-wide / 2, -0.3, 0], [wide / 2, -0.3, 0], [0, 0.4, 0]])
    kit.add(wood, build_rods(feet, top + feet * [0.15, 0, 0], 0.018, 4))
    low = 0.35
    spot = feet[:2] * (1 - low) + (top + feet[:2] * [0.15, 0, 0]) * low
    kit.add(wood, build_boxes(spot.mean(axis=0) - np.array([0, 0.03, 0]), [wide * 0.9, 0.06, 0.025], 0.003, grain=True))
    tall = rng.uniform(0.5, 0.8)
    lean = np.arctan2(0.3, high)
    plate = build_plate(draw_rectangle(wide * rng.uniform(0.8, 1.2), tall), 0.02)
    kit.add(
        board,
        plate,
        spot.mean(axis=0) + np.array([0, 0.1 * tall + 0.0, tall / 2 + 0.01]),
        turn_about(0, -lean) @ stand_upright(),
    )
