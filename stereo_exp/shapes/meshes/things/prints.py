"""Printed and lettered: text boards, grids, calendars, signs with raised letters, maps, cards, rolls, money."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.lathe import build_lathe
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.sheets import build_sheet, ripple
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods

STROKES = np.array(
    [[[0, 0], [0, 0.5]], [[0, 0.5], [0, 1]], [[0, 1], [1, 1]], [[1, 1], [1, 0.5]], [[1, 0.5], [1, 0]], [[0, 0], [1, 0]],
     [[0, 0.5], [1, 0.5]], [[0, 0], [1, 1]], [[0, 1], [1, 0]], [[0.5, 0], [0.5, 1]], [[0, 1], [0.5, 0.5]],
     [[1, 1], [0.5, 0.5]], [[0.5, 0.5], [1, 0]], [[0.5, 0.5], [0, 0]]], float
)  # fmt: skip
"""Strokes that letters are made of: start and end in a unit square."""
LETTERS = ((0, 1, 2, 3, 4, 6), (0, 1, 2, 5), (0, 1, 2, 5, 6), (0, 1, 2, 6), (0, 1, 3, 4, 6), (9,), (0, 1, 5), (2, 9),
           (0, 1, 3, 4, 5), (0, 1, 2, 3, 4, 5), (7, 8), (0, 1, 8, 3, 4), (2, 7, 5), (0, 1, 11, 12), (0, 1, 2, 3, 6, 12),
           (1, 2, 6, 4, 5), (0, 1, 10, 11, 3, 4), (10, 11, 13), (2, 3, 6, 4, 5), (0, 1, 2, 3, 6))  # fmt: skip
"""Which strokes each of twenty letters has."""


def build_letters(rng: np.random.Generator, count: int, height: float, thick: float) -> tuple[Mesh, float]:
    """A line of raised letters seen from −y, their backs on y = 0, from x = 0, z = 0 on: the mesh, its width.

    Args:
        rng: draws the letters.
        count: how many.
        height: metres.
        thick: of the strokes, metres.
    """
    wide, starts = height * rng.uniform(0.45, 0.7), []
    x = 0.0
    for _ in range(count):
        letter = STROKES[list(LETTERS[int(rng.integers(len(LETTERS)))])]
        starts.append(letter * [wide, height] + [x, 0])
        x += wide + 0.25 * height
    lines = np.concatenate(starts)
    middle, step = lines.mean(axis=1), lines[:, 1] - lines[:, 0]
    long = np.linalg.norm(step, axis=1)
    turns = turn_about(1, -np.arctan2(step[:, 1], step[:, 0]))
    sizes = np.column_stack([long + thick, np.full(len(long), thick * 0.9), np.full(len(long), thick)])
    # Strokes that cross must not lie in one plane.
    sizes[:, 1] *= 1 + 0.02 * np.arange(len(long)) / len(long)
    at = np.column_stack([middle[:, 0], -sizes[:, 1] / 2, middle[:, 1]])
    return build_boxes(at, sizes, turns=turns), x - 0.25 * height


@register("surface", "floor", "air", share=1.5)
def build_print_board(kit: Kit) -> None:
    """A flat board that carries print (text, a grid, a chart), upright on feet or leaning."""
    rng = kit.rng
    wide, high, thick = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6), rng.uniform(0.002, 0.02)
    lean = turn_about(0, -rng.choice([0.0, rng.uniform(0.05, 0.5)]))
    with kit.move([0, 0, 0], turn_about(2, rng.uniform(-0.5, 0.5))):
        kit.add(kit.pick("print"), build_boxes([0, 0, high / 2], [wide, thick, high]), turn=lean)
        if rng.random() < 0.5:
            feet = kit.pick("wood", "metal", "plastic")
            kit.add(feet, build_boxes([[s * wide * 0.35, 0.02, 0.01] for s in (-1, 1)], [0.02, 0.12, 0.02], 0.002))


@register("wall", "air", share=1.5, elevation=(0.8, 1.7))
def build_poster(kit: Kit) -> None:
    """A sheet on the wall: flat, with curled corners, or with rods at top and bottom."""
    rng = kit.rng
    wide, high = rng.uniform(0.2, 1.0), rng.uniform(0.3, 1.3)
    v, u = np.meshgrid(np.linspace(0, 1, 14), np.linspace(-0.5, 0.5, 12), indexing="ij")
    curl = rng.uniform(0, 0.05) * np.maximum(np.abs(u) + np.abs(v - 0.5) - 0.7, 0) * 6
    wave = 0.004 * (1 + ripple((14, 12), rng, 5, 1.5))
    grid = np.stack([u * wide, -0.003 - curl - wave, v * high], axis=2)
    kit.add(kit.pick("print", "print", "paper", "fabric"), build_sheet(grid, 0.0006))
    if rng.random() < 0.35:
        z = np.array([0, high])
        ends = np.column_stack([0 * z - wide / 2 - 0.02, 0 * z - 0.012, z])
        kit.add(kit.pick("wood", "metal"), build_rods(ends, ends * [-1, 1, 1], 0.008, 8))


@register("wall", "air", share=1.0, elevation=(1.0, 2.0))
def build_letter_sign(kit: Kit) -> None:
    """Raised letters on a board, one to three lines of them."""
    rng = kit.rng
    board, ink = kit.pick("wood", "metal", "paint", "plastic"), kit.pick("metal", "paint", "plastic", "wood")
    height, rows = rng.uniform(0.03, 0.2), int(rng.integers(1, 4))
    lines = [build_letters(rng, int(rng.integers(3, 9)), height, height * rng.uniform(0.08, 0.16)) for _ in range(rows)]
    wide, high = max(w for _, w in lines) + height, rows * height * 1.5 + height * 0.5
    thick = rng.uniform(0.006, 0.03)
    plate = build_plate(draw_rectangle(wide, high, rng.choice([0.0, 0.2 * height])), thick)
    kit.add(board, plate, [0, 0, high / 2], stand_upright())
    for i, (mesh, long) in enumerate(lines):
        kit.add(ink, mesh, [-long / 2, -thick, high - (i + 1) * height * 1.5])


@register("surface", "floor", "air", share=1.0)
def build_letter_blocks(kit: Kit) -> None:
    """Letters that stand by themselves in a row, turned a little."""
    rng = kit.rng
    height, x = rng.uniform(0.04, 0.12), 0.0
    slots = [kit.pick("wood", "plastic", "paint", "metal") for _ in range(3)]
    for i in range(int(rng.integers(2, 8))):
        thick = height * rng.uniform(0.14, 0.24)
        mesh, wide = build_letters(rng, 1, height, thick)
        kit.add(slots[i % 3], mesh, [x, rng.normal(0, 0.1) * height, thick / 2], turn_about(2, rng.normal(0, 0.2)))
        x += wide + 0.5 * height


@register("surface", "wall", "air", share=0.8, elevation=(1.0, 1.6))
def build_calendar(kit: Kit) -> None:
    """Sheets on rings: a calendar, a pad that stands as a tent, a notebook."""
    rng = kit.rng
    wide, high, lean = rng.uniform(0.12, 0.32), rng.uniform(0.12, 0.3), rng.uniform(0.2, 0.45)
    text, ring = kit.pick("print", "print", "paper"), kit.pick("metal")
    back = kit.pick("paper", "print")
    with kit.move([0, 0, high * np.cos(lean)]):
        kit.add(text, build_boxes([0, 0, -high / 2], [wide, 0.004, high]), turn=turn_about(0, -lean))
        kit.add(back, build_boxes([0, 0, -high / 2], [wide, 0.002, high]), turn=turn_about(0, lean))
        count = int(wide / 0.009)
        x = np.linspace(-0.48, 0.48, count) * wide
        a = np.arange(10) * 2 * np.pi / 10
        loop = np.stack([0 * a, 0.007 * np.cos(a), 0.007 * np.sin(a)], axis=1)
        starts = loop[None] + x[:, None, None] * [1, 0, 0]
        kit.add(
            ring,
            build_rods(starts.reshape(-1, 3), np.roll(starts, -1, axis=1).reshape(-1, 3), 0.0006, 3),
            [0, 0, 0.002],
        )


@register("surface", "air", share=1.0)
def build_paper_stack(kit: Kit) -> None:
    """Sheets of paper that lie askew, a newspaper, cards fanned out."""
    rng = kit.rng
    count, wide = int(rng.integers(3, 24)), rng.choice([0.06, 0.15, 0.21, 0.3])
    slots = [kit.pick("paper", "print") for _ in range(3)]
    thick = rng.uniform(0.0004, 0.004)
    askew = rng.uniform(0.01, 0.35)
    for i in range(count):
        turn, shift = turn_about(2, rng.normal(0, askew)), rng.normal(0, 0.05 * wide, 2)
        mesh = build_boxes([0, 0, thick / 2], [wide, wide * 1.41, thick])
        kit.add(slots[int(rng.integers(3))], mesh, [*shift, i * thick * 1.02], turn)
    if rng.random() < 0.4:
        v, u = np.meshgrid(np.linspace(-0.5, 0.5, 8), np.linspace(-0.5, 0.5, 10), indexing="ij")
        rise = count * thick * 1.02 + 0.001 + wide * rng.uniform(0.05, 0.5) * np.maximum(u + v - 0.25, 0) ** 1.5
        kit.add(slots[0], build_sheet(np.stack([u * wide, v * wide * 1.41, rise], axis=2), 0.0005))


@register("surface", "floor", "air", share=1.0)
def build_paper_roll(kit: Kit) -> None:
    """Rolls of paper, tape or thread: spirals with a hole, standing, lying, in a heap."""
    rng = kit.rng
    for i in range(int(rng.choice([1, 1, 2, 3, 5]))):
        radius, high = rng.uniform(0.02, 0.07), rng.choice([rng.uniform(0.015, 0.05), rng.uniform(0.1, 0.3)])
        core = radius * rng.uniform(0.25, 0.75)
        body = build_lathe([[core, 0], [radius, 0], [radius, high], [core, high]], 30, closed=True)
        inner = build_lathe([[core * 0.93, 0], [core, 0], [core, high], [core * 0.93, high]], 24, closed=True)
        lying = rng.random() < 0.3
        turn = turn_about(2, rng.uniform(0, 3)) @ (turn_about(0, np.pi / 2) if lying else np.eye(3))
        at = [0.13 * i, rng.normal(0, 0.03), radius if lying else 0.0]
        kit.add(kit.pick("paper", "print", "fabric", "plastic"), body, at, turn)
        kit.add(kit.pick("paper", "plastic"), inner, at, turn)


@register("surface", "air", share=0.7)
def build_cards(kit: Kit) -> None:
    """A house of cards, or folded cards that stand."""
    rng = kit.rng
    slots = [kit.pick("print", "paper") for _ in range(4)]
    high = rng.uniform(0.07, 0.2)
    wide = high * rng.uniform(0.6, 1.4)
    if rng.random() < 0.5:
        base, lean = int(rng.integers(1, 4)), 0.32
        foot, rise = high * np.sin(lean), high * np.cos(lean)
        for row in range(base):
            for i in range(base - row):
                x = (i - (base - row - 1) / 2) * 2 * foot * 1.02
                z = row * (rise + 0.003)
                for side in (-1, 1):
                    card = build_boxes([0, 0, high / 2], [0.0012, wide, high])
                    kit.add(slots[int(rng.integers(4))], card, [x + side * foot, 0, z], turn_about(1, -side * lean))
                if i < base - row - 1:
                    kit.add(slots[0], build_boxes([x + foot, 0, z + rise + 0.0015], [2 * foot, wide, 0.0012]))
        return
    for i in range(int(rng.integers(1, 5))):
        half = rng.uniform(0.25, 0.7)
        with kit.move([i * wide * 0.7, rng.normal(0, 0.03), 0], turn_about(2, rng.normal(0, 0.4))):
            for side in (-1, 1):
                card = build_boxes([side * wide / 4, 0, high / 2], [wide / 2, 0.0012, high])
                kit.add(slots[i % 4], card, turn=turn_about(2, side * half))


@register("surface", "air", share=0.6)
def build_coins(kit: Kit) -> None:
    """Piles of discs: coins, counters, biscuits."""
    rng = kit.rng
    slot, radius = kit.pick("metal", "plastic", "wood", "paper"), rng.uniform(0.01, 0.03)
    thick = radius * rng.uniform(0.12, 0.4)
    disc = build_plate(draw_ellipse(2 * radius, 2 * radius, 22), thick)
    for _ in range(int(rng.integers(1, 6))):
        spot = rng.normal(0, radius * 3, 2)
        for i in range(int(rng.integers(1, 9))):
            kit.add(slot, disc, [*(spot + rng.normal(0, 0.05 * radius, 2)), i * thick])
