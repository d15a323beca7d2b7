"""Bookcases with what stands in them, wall shelves, cupboards, chests of drawers, wardrobes."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe
from stereo_exp.shapes.meshes.outlines import build_plate, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.thing import Thing
from stereo_exp.shapes.meshes.things.books import add_pile, add_row, pick_covers
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import THINGS, register
from stereo_exp.shapes.meshes.tubes import build_rods

SHELVED = (
    "bowl",
    "can",
    "bottle",
    "box",
    "packet",
    "candle_stick",
    "toy_bricks",
    "ball",
    "plate",
    "cup",
    "picture_stand",
)
"""What stands in shelves besides books: kinds with few triangles."""


class Filler:
    """Fills compartments: books in rows and piles, boxes, small things; some stay empty.

    Args:
        kit: where the contents go.
        limit: how many small things of other kinds at most, for each costs triangles.
    """

    def __init__(self, kit: Kit, limit: int = 3) -> None:
        self.kit, self.left = kit, limit
        self.covers, self.paper, self.box = (
            pick_covers(kit, 9),
            kit.pick("paper"),
            kit.pick("paper", "fabric", "wicker"),
        )
        self.full = kit.rng.uniform(0.55, 1.0)

    def fill(self, x: float, y: float, z: float, wide: float, deep: float, high: float) -> None:
        """One compartment: its lower left corner at the front, its size; metres."""
        rng = self.kit.rng
        if rng.random() > self.full:
            return
        style = rng.choice(["row", "part", "pile", "boxes", "things"], p=[0.34, 0.22, 0.12, 0.14, 0.18])
        if style in ("row", "part") and high > 0.12:
            share = 1.0 if style == "row" else rng.uniform(0.35, 0.8)
            add_row(self.kit, np.array([x + 0.004, y, z]), wide * share - 0.01, deep, high, self.covers, self.paper)
            if style == "part" and wide * (1 - share) > 0.14:
                self._stand(x + wide * share, y, z, wide * (1 - share), deep, high)
        elif style == "pile":
            size = min(deep / 0.9, wide * 0.8, 0.3)
            count = int(np.clip(high / 0.04 * rng.uniform(0.3, 0.7), 1, 8))
            add_pile(
                self.kit,
                np.array([x + wide * rng.uniform(0.4, 0.6), y + deep * 0.5, z]),
                count,
                self.covers,
                self.paper,
                size,
            )
        elif style == "boxes":
            self._stack(x, y, z, wide, deep, high)
        else:
            count = int(np.clip(wide / 0.22, 1, 3))
            for i in range(count):
                self._stand(x + wide * i / count, y, z, wide / count, deep, high)

    def _stack(self, x: float, y: float, z: float, wide: float, deep: float, high: float) -> None:
        rng, along = self.kit.rng, 0.02
        while along < wide - 0.1:
            size = np.array([rng.uniform(0.1, 0.32), deep * rng.uniform(0.6, 0.92), high * rng.uniform(0.3, 0.8)])
            size[0] = min(size[0], wide - along - 0.01)
            self.kit.add(self.box, build_boxes([x + along + size[0] / 2, y + deep * 0.5, z + size[2] / 2], size, 0.002))
            along += size[0] + rng.uniform(0.005, 0.06)

    def _stand(self, x: float, y: float, z: float, wide: float, deep: float, high: float) -> None:
        if self.left <= 0:
            return
        thing = self._draw()
        size = thing.size
        scale = min(1.0, 0.85 * wide / size[0], 0.9 * deep / size[1], 0.9 * high / size[2])
        if scale > 0.35:
            self.left -= 1
            self.kit.put(thing, [x + wide / 2, y + deep / 2, z], scale=float(scale))

    def _draw(self) -> Thing:
        known = [name for name in SHELVED if name in THINGS]
        return THINGS[str(self.kit.rng.choice(known))](self.kit.rng)


@register("floor", share=3.0, backed=True)
def build_bookcase(kit: Kit) -> None:
    """Boards between sides, with or without a back, one to three bays, filled with books and things."""
    rng = kit.rng
    slot = kit.pick("wood", "wood", "paint", "metal")
    bays, levels = int(rng.choice([1, 1, 2, 2, 3])), int(rng.integers(2, 7))
    bay, deep, board = rng.uniform(0.35, 0.8), rng.uniform(0.22, 0.38), rng.uniform(0.014, 0.03)
    pitch = rng.uniform(0.24, 0.4)
    if bays * bay > 1.7:
        bay = 1.7 / bays
    plinth, wide = rng.choice([0.0, 0.06, 0.12]), bays * bay + board
    high = plinth + levels * pitch + board
    uprights = -wide / 2 + board / 2 + bay * np.arange(bays + 1)
    at = np.column_stack([uprights, np.zeros(bays + 1), np.full(bays + 1, high / 2)])
    if rng.random() < 0.8:
        kit.add(slot, build_boxes(at, [board, deep, high], 0.0015, grain=True))
    else:
        posts = np.concatenate([at + np.array([0, s * deep * 0.46, 0]) for s in (-1, 1)])
        kit.add(kit.pick("metal"), build_boxes(posts, [0.022, 0.022, high]))
    z = plinth + board / 2 + pitch * np.arange(levels + 1)
    # Boards of neighbouring bays need not stand at one height.
    shift = np.zeros((bays, levels + 1))
    shift[:, 1:-1] = rng.uniform(-0.25, 0.25, (bays, levels - 1)) * pitch * rng.integers(0, 2)
    x = (uprights[:-1] + uprights[1:]) / 2
    heights = z + shift
    centers = np.stack([np.repeat(x, levels + 1), np.zeros(bays * (levels + 1)), heights.ravel()], axis=1)
    kit.add(slot, build_boxes(centers, [bay - board, deep - 0.002, board], 0.0015, grain=True))
    if rng.random() < 0.7:
        kit.add(
            slot,
            build_boxes([0, deep / 2 - 0.004, (high + plinth) / 2], [wide - 0.01, 0.006, high - plinth], grain=True),
        )
    filler = Filler(kit)
    for i in range(bays):
        for k in range(levels):
            low = heights[i, k] + board / 2
            filler.fill(
                x[i] - (bay - board) / 2, -deep / 2, low, bay - board, deep - 0.01, heights[i, k + 1] - board / 2 - low
            )
    if rng.random() < 0.35:
        filler.fill(-wide / 2, -deep / 2, high, wide, deep, 0.32)


@register("wall", share=1.5, elevation=(0.9, 1.8))
def build_wall_shelf(kit: Kit) -> None:
    """One or two boards on brackets, with things upon them."""
    rng = kit.rng
    slot, metal = kit.pick("wood", "paint"), kit.pick("metal", "wood")
    wide, deep = rng.uniform(0.4, 1.4), rng.uniform(0.15, 0.28)
    filler = Filler(kit, 3)
    for level in range(int(rng.choice([1, 1, 2]))):
        z = 0.12 + 0.36 * level
        kit.add(slot, build_boxes([0, -deep / 2, z], [wide, deep, 0.022], 0.002, grain=True))
        for x in (-0.35 * wide, 0.35 * wide):
            kit.add(
                metal,
                build_boxes(
                    [[x, -0.006, z - 0.07], [x, -deep * 0.45, z - 0.017]],
                    [[0.02, 0.012, 0.12], [0.02, deep * 0.9, 0.012]],
                ),
            )
            kit.add(metal, build_rods([x, -0.01, z - 0.12], [x, -deep * 0.8, z - 0.018], 0.006, 6))
        filler.fill(-wide / 2, -deep, z + 0.011, wide, deep, 0.3)


@register("floor", share=2.0, backed=True)
def build_cupboard(kit: Kit) -> None:
    """Doors and drawers on legs or a plinth: a sideboard, a chest, a wardrobe."""
    rng = kit.rng
    body, metal = kit.pick("wood", "wood", "paint", "metal"), kit.pick("metal", "wood", "plastic")
    kind = rng.choice(["sideboard", "chest", "wardrobe", "night"])
    sizes = {
        "sideboard": (1.0, 1.8, 0.6, 0.95),
        "chest": (0.6, 1.1, 0.7, 1.2),
        "wardrobe": (0.8, 1.8, 1.7, 2.1),
        "night": (0.35, 0.55, 0.45, 0.65),
    }
    low_w, high_w, low_h, high_h = sizes[str(kind)]
    wide, high = rng.uniform(low_w, high_w), rng.uniform(low_h, high_h)
    deep, leg = rng.uniform(0.36, 0.6), rng.choice([0.02, 0.08, 0.16])
    kit.add(body, build_boxes([0, 0, (high + leg) / 2], [wide, deep, high - leg], 0.003, grain=True))
    kit.add(body, build_boxes([0, -0.005, high + 0.01], [wide + 0.03, deep + 0.03, 0.02], 0.004, grain=True))
    corners = np.array([[sx * (wide / 2 - 0.05), sy * (deep / 2 - 0.05)] for sx in (-1, 1) for sy in (-1, 1)])
    feet = np.column_stack([corners, np.zeros(4)])
    kit.add(metal, build_rods(feet, feet + np.array([0, 0, leg + 0.01]), [[0.014, 0.024]], 8))
    columns = max(1, round(wide / rng.uniform(0.38, 0.6)))
    cell = (wide - 0.02) / columns
    gap, face, front = 0.004, body if rng.random() < 0.6 else kit.pick("wood", "paint"), -deep / 2 - 0.009
    for i in range(columns):
        x = -wide / 2 + 0.01 + (i + 0.5) * cell
        rows = (
            int(rng.integers(3, 6)) if kind == "chest" else int(rng.choice([1, 1, 2, 3])) if kind != "wardrobe" else 1
        )
        tall = (high - leg - 0.02) / rows
        z = leg + 0.01 + (np.arange(rows) + 0.5) * tall
        at = np.column_stack([np.full(rows, x), np.full(rows, front), z])
        kit.add(face, build_boxes(at, [cell - gap, 0.018, tall - gap], 0.003, grain=True))
        if tall > 0.4 and rng.random() < 0.5:
            _add_panel(kit, face, x, front - 0.009, float(z[0]), cell, tall)
        _add_handles(kit, metal, at, cell, tall, 1 if i % 2 == 0 else -1)


def _add_panel(kit: Kit, slot: int, x: float, y: float, z: float, wide: float, tall: float) -> None:
    """A frame on a door."""
    w, t, f = wide - 0.006, tall - 0.006, 0.06
    at = [[x, y, z + t / 2 - f / 2], [x, y, z - t / 2 + f / 2], [x - w / 2 + f / 2, y, z], [x + w / 2 - f / 2, y, z]]
    size = [[w, 0.012, f], [w, 0.012, f], [f, 0.012, t - 2 * f], [f, 0.012, t - 2 * f]]
    kit.add(slot, build_boxes(at, size, 0.002, grain=True))


def _add_handles(kit: Kit, slot: int, at: np.ndarray, wide: float, tall: float, side: int) -> None:
    rng = kit.rng
    door = tall > 0.4
    spot = at + np.array([side * (wide / 2 - 0.04), -0.02, 0]) if door else at + np.array([0, -0.02, 0.1 * tall])
    style = rng.choice(["bar", "knob", "bow"])
    if style == "knob":
        knob = build_lathe([[0, 0], [0.005, 0], [0.005, 0.012], [0.014, 0.016], [0.012, 0.026], [0, 0.028]], 12)
        for each in spot:
            kit.add(slot, knob, each + np.array([0, 0.012, 0]), turn_about(0, np.pi / 2))
        return
    way = np.array([0, 0, 1.0]) if door else np.array([1.0, 0, 0])
    reach = rng.uniform(0.04, 0.12)
    kit.add(slot, build_rods(spot - way * reach - [0, 0.012, 0], spot + way * reach - [0, 0.012, 0], 0.005, 8))
    posts = np.concatenate([spot - way * reach * 0.8, spot + way * reach * 0.8])
    kit.add(slot, build_rods(posts - np.array([0, 0.012, 0]), posts + np.array([0, 0.014, 0]), 0.004, 6))


@register("floor", share=1.0, backed=True)
def build_cube_rack(kit: Kit) -> None:
    """A rack of equal square compartments, some with baskets."""
    rng = kit.rng
    slot, cell = kit.pick("wood", "paint"), rng.uniform(0.28, 0.38)
    columns, rows, board = int(rng.integers(1, 5)), int(rng.integers(1, 5)), rng.choice([0.016, 0.038])
    deep = cell * rng.uniform(0.9, 1.1)
    wide, high = columns * cell + board, rows * cell + board
    x, z = -wide / 2 + board / 2 + cell * np.arange(columns + 1), board / 2 + cell * np.arange(rows + 1)
    kit.add(slot, build_boxes(np.column_stack([x, 0 * x, 0 * x + high / 2]), [board, deep, high], 0.002, grain=True))
    grid = np.stack(np.meshgrid(x[:-1] + cell / 2, z, indexing="ij"), axis=-1).reshape(-1, 2)
    kit.add(slot, build_boxes(np.insert(grid, 1, 0.0, axis=1), [cell - board, deep - 0.002, board], 0.002, grain=True))
    filler = Filler(kit)
    free = cell - board
    for i in range(columns):
        for k in range(rows):
            left, low = float(x[i]) + board / 2, float(z[k]) + board / 2
            if rng.random() < 0.3:
                tall = free * rng.uniform(0.6, 0.95)
                kit.add(
                    filler.box,
                    build_boxes([left + free / 2, 0, low + tall / 2], [free * 0.93, deep * 0.95, tall], 0.012),
                )
            else:
                filler.fill(left, -deep / 2, low, free, deep, free)


@register("surface", "air", share=0.8)
def build_picture_stand(kit: Kit) -> None:
    """A small framed picture that leans back on its strut."""
    rng = kit.rng
    wide, high = rng.uniform(0.08, 0.25), rng.uniform(0.1, 0.3)
    rim, lean = rng.uniform(0.008, 0.03), turn_about(0, -0.2)
    hole = draw_rectangle(wide - 2 * rim, high - 2 * rim)
    up = turn_about(0, np.pi / 2)
    middle = [0, 0, high / 2]
    kit.add(
        kit.pick("wood", "metal", "paint"), build_plate(draw_rectangle(wide, high), 0.012, [hole]), middle, lean @ up
    )
    kit.add(kit.pick("print"), build_boxes([0, -0.003, 0], [wide - rim, 0.004, high - rim]), middle, lean)
    kit.add(kit.pick("wood", "paper"), build_rods([0, 0.1 * high, high * 0.6], [0, 0.42 * high, 0.0], 0.006, 4))


@register("floor", share=0.6)
def build_coat_stand(kit: Kit) -> None:
    """A post with hooks at the top."""
    rng = kit.rng
    slot, high = kit.pick("wood", "metal"), rng.uniform(1.5, 1.9)
    kit.add(slot, build_cylinder(0.02, high, 12))
    kit.add(slot, build_balls([0, 0, high], 0.03, 2))
    count, turn = int(rng.integers(3, 6)), rng.uniform(0, 1)
    for angle in np.arange(count) * 2 * np.pi / count + turn:
        way = np.array([np.cos(angle), np.sin(angle), 0])
        kit.add(slot, build_rods(way * 0.01 + [0, 0, 0.18], way * 0.28, [[0.014, 0.01]], 8))
        top = high - rng.choice([0.1, 0.12])
        ends = np.stack([way * 0.015 + [0, 0, top - 0.08], way * 0.13 + [0, 0, top + 0.02]])
        kit.add(slot, build_rods(ends[0], ends[1], [[0.01, 0.007]], 8))
        kit.add(slot, build_balls(ends[1], 0.014, 1))
