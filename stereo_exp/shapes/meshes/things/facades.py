"""Fronts of houses with relief: walls, windows, doors, cornices, shutters, balconies; walls of brick, arches, steps."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.outlines import build_plate, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods


def _draw_opening(x: float, z: float, wide: float, high: float, arched: bool) -> np.ndarray:
    """An opening's outline, its sill at z, its middle at x; metres."""
    if not arched:
        return np.asarray(draw_rectangle(wide, high) + np.array([x, z + high / 2]))
    t = np.linspace(0, np.pi, 11)
    top = np.column_stack([wide / 2 * np.cos(t), high - wide / 2 + wide / 2 * np.sin(t)])
    return np.asarray(np.concatenate([[[-wide / 2, 0], [wide / 2, 0]], top]) + np.array([x, z]))


@register("ground", share=1.5, backed=True)
def build_facade(kit: Kit) -> None:
    """The front of a house, 4-9 m wide, one to three floors, 0.4-0.8 m deep: openings are holes in the wall."""
    rng = kit.rng
    wall, trim, frame = (
        kit.pick("stone", "paint", "stone"),
        kit.pick("stone", "wood", "paint"),
        kit.pick("wood", "paint"),
    )
    glass, leaf = kit.pick("screen"), kit.pick("wood", "paint")
    floors, bays = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    bay, storey = rng.uniform(1.5, 2.1), rng.uniform(2.7, 3.2)
    wide, high, thick = bays * bay, floors * storey + 0.3, 0.3
    arched = rng.random() < 0.25
    w, h, sill = bay * rng.uniform(0.4, 0.62), storey * rng.uniform(0.42, 0.6), rng.uniform(0.75, 1.0)
    door = int(rng.integers(bays))
    # The wall is put together from a window's and a door's part of it; the paint runs on from one to the next.
    cells, spots, known = [], [], {}
    for row in range(floors):
        for column in range(bays):
            x, low, is_door = (column + 0.5) * bay - wide / 2, row * storey, row == 0 and column == door
            size = (min(w, 1.1), 2.1, 0.06) if is_door else (w, h, sill)
            spots.append((x, low + size[2], size[0], size[1], is_door))
            if is_door not in known:
                opening = _draw_opening(0, size[2], size[0], size[1], arched)
                known[is_door] = build_plate(draw_rectangle(bay, storey) + np.array([0, storey / 2]), thick, [opening])
            cell = known[is_door]
            shift = np.array([x, low, 0], np.float32)
            cells.append(Mesh(cell.vertices + shift, cell.faces, cell.uv + shift[:2], cell.slots))
    cells.append(build_plate(draw_rectangle(wide, 0.3) + np.array([0, high - 0.15]), thick))
    kit.add(wall, merge_meshes(cells), [0, thick / 2, 0], stand_upright())
    kit.add(glass, build_boxes([0, thick * 0.5 + 0.05, high / 2], [wide - 0.02, 0.04, high - 0.02]))
    rows, columns, shutters = int(rng.integers(1, 4)), int(rng.integers(1, 4)), rng.random() < 0.4
    for x, z, wide_hole, high_hole, is_door in spots:
        with kit.move([x, 0, z]):
            if is_door:
                _add_entrance(kit, leaf, trim, wide_hole, high_hole)
            else:
                _add_window(kit, frame, trim, wide_hole, high_hole, rows, columns)
                if shutters:
                    _add_shutters(kit, leaf, wide_hole, high_hole)
    _add_relief(kit, trim, wide, high, storey, floors, -thick / 2)


def _add_window(kit: Kit, frame: int, trim: int, wide: float, high: float, rows: int, columns: int) -> None:
    y, bar = 0.03, 0.05
    at = [
        [0, y, bar / 2],
        [0, y, high - bar / 2],
        [-wide / 2 + bar / 2, y, high / 2],
        [wide / 2 - bar / 2, y, high / 2],
    ]
    size = [[wide, 0.06, bar], [wide, 0.06, bar], [bar, 0.06, high], [bar, 0.06, high]]
    at += [[wide * (k / columns - 0.5), y, high / 2] for k in range(1, columns)]
    size += [[bar * 0.7, 0.05, high]] * (columns - 1)
    at += [[0, y, high * k / rows] for k in range(1, rows)]
    size += [[wide, 0.045, bar * 0.6]] * (rows - 1)
    kit.add(frame, build_boxes(at, size, grain=True))
    kit.add(trim, build_boxes([0, -0.17, -0.03], [wide + 0.16, 0.26, 0.06], 0.008))


def _add_shutters(kit: Kit, slot: int, wide: float, high: float) -> None:
    half = wide / 2
    count = int(high / 0.09)
    for side in (-1, 1):
        x = side * (half + half / 2 + 0.02)
        z = (np.arange(count) + 0.5) * high / count
        kit.add(
            slot,
            build_boxes(
                [[x - half * 0.46, -0.175, high / 2], [x + half * 0.46, -0.175, high / 2]],
                [0.05, 0.035, high],
                grain=True,
            ),
        )
        kit.add(
            slot,
            build_boxes(
                np.column_stack([0 * z + x, 0 * z - 0.172, z]),
                [half * 0.9, 0.012, 0.07],
                turns=turn_about(0, 0.4),
                grain=True,
            ),
        )


def _add_entrance(kit: Kit, leaf: int, trim: int, wide: float, high: float) -> None:
    rng = kit.rng
    kit.add(leaf, build_boxes([0, 0.03, high / 2], [wide, 0.06, high], grain=True))
    for k in range(2):
        kit.add(
            leaf,
            build_boxes(
                [(k - 0.5) * wide * 0.46, -0.005, high * 0.5], [wide * 0.34, 0.03, high * 0.75], 0.01, grain=True
            ),
        )
    kit.add(kit.pick("metal"), build_balls([wide * 0.38, -0.04, high * 0.48], 0.03, 1))
    steps = int(rng.integers(1, 4))
    for k in range(steps):
        kit.add(
            trim,
            build_boxes(
                [0, -0.15 - 0.15 * (steps - k), 0.02 + 0.0 * k - 0.05], [wide * 1.5, 0.32, 0.1 + 0.06 * k], 0.01
            ),
        )
    if rng.random() < 0.6:
        kit.add(trim, build_boxes([0, -0.4, high + 0.12], [wide * 1.5, 0.55, 0.08], 0.015))
        for side in (-1, 1):
            kit.add(
                trim,
                build_rods([side * wide * 0.66, -0.14, high - 0.25], [side * wide * 0.66, -0.6, high + 0.08], 0.025, 6),
            )


def _add_relief(kit: Kit, trim: int, wide: float, high: float, storey: float, floors: int, front: float) -> None:
    """Cornice, plinth, bands, corner stones, a drain pipe, a balcony."""
    rng = kit.rng
    kit.add(
        trim,
        build_boxes(
            [[0, front - 0.08, high + 0.06], [0, front - 0.03, high - 0.08]],
            [[wide + 0.3, 0.5, 0.12], [wide + 0.1, 0.1, 0.1]],
            0.01,
        ),
    )
    kit.add(trim, build_boxes([0, front - 0.03, 0.2], [wide + 0.06, 0.09, 0.4], 0.01))
    for row in range(1, floors):
        kit.add(trim, build_boxes([0, front - 0.02, row * storey + 0.2], [wide, 0.06, 0.14], 0.01))
    if rng.random() < 0.5:
        z = np.arange(0.55, high - 0.3, 0.4)
        for side in (-1, 1):
            at = np.column_stack([side * (wide / 2 - 0.15 + 0.03 * (np.arange(len(z)) % 2)), 0 * z + front - 0.01, z])
            kit.add(trim, build_boxes(at, [0.34, 0.06, 0.36], 0.015))
    pipe = kit.pick("metal")
    x = wide / 2 - 0.4
    kit.add(pipe, build_rods([x, front - 0.09, 0.0], [x, front - 0.09, high], 0.05, 10))
    for clip in np.arange(1.0, high, 1.6):
        kit.add(pipe, build_boxes([x, front - 0.06, clip], [0.14, 0.09, 0.03]))
    if floors > 1 and rng.random() < 0.5:
        _add_balcony(kit, trim, rng.uniform(1.2, 2.2), storey + 0.35, front)


def _add_balcony(kit: Kit, trim: int, wide: float, low: float, front: float) -> None:
    iron = kit.pick("metal")
    deep = 0.8
    kit.add(trim, build_boxes([0, front - deep / 2, low], [wide, deep, 0.14], 0.015))
    count = int(wide / 0.12)
    x = np.linspace(-0.5, 0.5, count) * (wide - 0.06)
    y = np.linspace(front - 0.1, front - deep + 0.03, 6)
    feet = np.concatenate(
        [np.column_stack([x, 0 * x + front - deep + 0.03, 0 * x + low + 0.07])]
        + [np.column_stack([0 * y + s * (wide / 2 - 0.03), y, 0 * y + low + 0.07]) for s in (-1, 1)]
    )
    kit.add(iron, build_rods(feet, feet + np.array([0, 0, 0.95]), 0.008, 4))
    top = low + 1.02
    a, b = [-wide / 2 + 0.03, front - deep + 0.03, top], [wide / 2 - 0.03, front - deep + 0.03, top]
    kit.add(iron, build_rods([a, a, b], [b, [a[0], front, top], [b[0], front, top]], 0.022, 6))


@register("ground", share=1.0)
def build_brick_wall(kit: Kit) -> None:
    """A free-standing wall of single bricks with open joints, its top straight, stepped or broken."""
    rng = kit.rng
    slots = [kit.pick("stone") for _ in range(3)]
    wide, high, courses = rng.uniform(0.8, 1.8), rng.uniform(0.4, 1.1), 0.075
    long, gap = rng.choice([0.21, 0.25]), 0.009
    rows = int(high / courses)
    end = rng.choice(["straight", "stepped", "broken"])
    centers = []
    for row in range(rows):
        x = np.arange(-wide / 2 - (row % 2) * long / 2, wide / 2, long + gap) + long / 2
        if end == "stepped":
            x = x[x < wide / 2 - row / rows * wide * 0.8]
        elif end == "broken" and row > rows * 0.5:
            x = x[rng.random(len(x)) > (row / rows - 0.5) * 1.2]
        centers.append(np.column_stack([x, 0 * x, 0 * x + (row + 0.5) * courses]))
    at = np.concatenate(centers)
    at += rng.normal(0, 0.0015, at.shape)
    for i, part in enumerate(np.array_split(at[rng.permutation(len(at))], 3)):
        kit.add(slots[i], build_boxes(part, [long, 0.11, courses - gap], 0.004))
    kit.add(kit.pick("stone"), build_boxes([0, 0, high * 0.2], [wide * 0.9, 0.08, high * 0.4]))


@register("ground", share=0.8)
def build_steps(kit: Kit) -> None:
    """A flight of steps between side walls, with or without a rail."""
    rng = kit.rng
    stone, iron = kit.pick("stone", "wood"), kit.pick("metal")
    count, rise, tread, wide = (
        int(rng.integers(3, 8)),
        rng.uniform(0.14, 0.18),
        rng.uniform(0.26, 0.34),
        rng.uniform(0.9, 1.8),
    )
    i = np.arange(count)
    tall = (i + 1) * rise
    at = np.column_stack([0 * i, i * tread, tall / 2])
    kit.add(stone, build_boxes(at, np.column_stack([0 * i + wide, 0 * i + tread + 0.001, tall]), 0.008, grain=True))
    if rng.random() < 0.6:
        for side in (-1, 1):
            low, top = (
                np.array([side * wide / 2, 0, rise]),
                np.array([side * wide / 2, (count - 1) * tread, count * rise]),
            )
            posts = low + (top - low) * np.linspace(0, 1, max(2, count // 2 + 1))[:, None]
            kit.add(iron, build_rods(posts, posts + np.array([0, 0, 0.9]), 0.015, 8))
            kit.add(iron, build_rods(low + np.array([0, 0, 0.9]), top + np.array([0, 0, 0.9]), 0.02, 8))


@register("ground", share=0.8)
def build_column(kit: Kit) -> None:
    """A column with base and capital, fluted or smooth, whole or broken; or an arch on two of them."""
    rng = kit.rng
    stone, high = kit.pick("stone", "stone", "paint"), rng.uniform(1.2, 3.0)
    radius = high * rng.uniform(0.06, 0.1)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    flutes = 1 - 0.06 * np.abs(np.cos(angle * 8)) if rng.random() < 0.5 else np.ones(48)
    z = np.linspace(0, 1, 10)
    shaft = np.column_stack([radius * (1 - 0.18 * z**1.6), 0.22 * radius * 4 + z * high])
    base = build_lathe(
        [
            [0, 0],
            [radius * 1.5, 0],
            [radius * 1.5, radius * 0.3],
            [radius * 1.3, radius * 0.5],
            [radius * 1.1, radius * 0.9],
            [0, radius * 0.9],
        ],
        28,
    )
    body = build_lathe(np.concatenate([[[0, shaft[0, 1]]], shaft, [[0, shaft[-1, 1]]]]), 48, flutes)
    arch = rng.random() < 0.35
    spots = [-radius * 5, radius * 5] if arch else [0.0]
    top = float(shaft[-1, 1])
    for x in spots:
        kit.add(stone, base, [x, 0, 0])
        kit.add(stone, body, [x, 0, 0])
        kit.add(stone, build_cylinder(radius * 0.85, radius * 0.6, 28, top=radius * 1.3), [x, 0, top])
        kit.add(stone, build_boxes([x, 0, top + radius * 0.8], [radius * 2.9, radius * 2.9, radius * 0.4], 0.01))
    if arch:
        t = np.linspace(0, np.pi, 17)
        inner, outer = radius * 3.6, radius * 6.4
        ring = np.concatenate(
            [outer * np.column_stack([np.cos(t), np.sin(t)]), inner * np.column_stack([np.cos(t), np.sin(t)])[::-1]]
        )
        kit.add(stone, build_plate(ring, radius * 2.4), [0, radius * 1.2, top + radius], stand_upright())
