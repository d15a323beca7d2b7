"""Fences, gates, railings, hurdles, nets: one sees through all of them."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate
from stereo_exp.shapes.meshes.sheets import build_leaves
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames, stand_upright
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


def _add_posts(kit: Kit, slot: int, x: np.ndarray, high: float, thick: float, round_post: bool) -> None:
    if round_post:
        feet = np.column_stack([x, 0 * x, 0 * x])
        kit.add(slot, build_rods(feet, feet + np.array([0, 0, high]), thick / 2, 10))
    else:
        kit.add(
            slot, build_boxes(np.column_stack([x, 0 * x, 0 * x + high / 2]), [thick, thick, high], 0.004, grain=True)
        )


@register("ground", share=2.5)
def build_wooden_fence(kit: Kit) -> None:
    """Pickets, boards, rails or woven hurdles between posts, 1.2-3 m long."""
    rng = kit.rng
    wood, posts = kit.pick("wood", "wood", "paint"), kit.pick("wood", "stone")
    long, high = rng.uniform(1.2, 3.0), rng.uniform(0.6, 1.7)
    x = np.linspace(-0.5, 0.5, max(2, round(long / rng.uniform(0.9, 1.6)) + 1)) * long
    _add_posts(kit, posts, x, high * rng.uniform(1.0, 1.08), rng.uniform(0.07, 0.12), rng.random() < 0.3)
    style = rng.choice(["pickets", "boards", "rails", "lattice", "hurdle"], p=[0.35, 0.2, 0.2, 0.13, 0.12])
    if style in ("pickets", "boards", "lattice"):
        z = np.array([0.2, 0.8]) * high
        kit.add(wood, build_boxes(np.column_stack([0 * z, 0 * z - 0.045, z]), [long, 0.03, 0.07], 0.003, grain=True))
    if style == "pickets":
        _add_pickets(kit, wood, long, high)
    elif style == "boards":
        count = int(high / 0.14)
        z = (np.arange(count) + 0.6) * high / count
        kit.add(
            wood,
            build_boxes(
                np.column_stack([0 * z, 0 * z - 0.07, z]),
                [long, 0.02, high / count * rng.uniform(0.5, 0.9)],
                0.003,
                grain=True,
            ),
        )
    elif style == "rails":
        for z in np.linspace(0.3, 0.9, int(rng.integers(2, 5))) * high:
            bow = np.column_stack(
                [np.linspace(-0.53, 0.53, 5) * long, rng.normal(0, 0.012, 5), z + rng.normal(0, 0.012, 5)]
            )
            kit.add(wood, build_tubes(bow, rng.uniform(0.025, 0.045), 7))
    elif style == "lattice":
        _add_lattice(kit, wood, long, high)
    else:
        _add_hurdle(kit, wood, long, high)


def _add_pickets(kit: Kit, slot: int, long: float, high: float) -> None:
    rng = kit.rng
    wide = rng.uniform(0.04, 0.1)
    count = int(long / (wide * rng.uniform(1.3, 2.2)))
    x = np.linspace(-0.5, 0.5, count) * (long - wide)
    arch = rng.uniform(-0.15, 0.15) * np.cos(x / long * 2 * np.pi * rng.choice([1, 2]))
    tall = high * (0.92 + arch) + rng.normal(0, 0.004, count)
    top = rng.choice(["flat", "point", "round"])
    if top == "flat":
        kit.add(
            slot,
            build_boxes(
                np.column_stack([x, 0 * x - 0.07, tall / 2 + 0.04]),
                np.column_stack([0 * x + wide, 0 * x + 0.018, tall]),
                0.002,
                grain=True,
            ),
        )
        return
    t = np.linspace(0, np.pi, 7 if top == "round" else 3)
    cap = wide / 2 * np.column_stack([np.cos(t), np.sin(t) * (1 if top == "round" else 1.2)])
    for i in range(count):
        outline = np.concatenate([[[-wide / 2, 0], [wide / 2, 0]], cap + np.array([0, tall[i]])])
        outline = outline[np.concatenate([[True], np.linalg.norm(np.diff(outline, axis=0), axis=1) > 1e-6])]
        kit.add(slot, build_plate(outline, 0.018), [x[i], -0.062, 0.04], stand_upright())


def _add_lattice(kit: Kit, slot: int, long: float, high: float) -> None:
    pitch = kit.rng.uniform(0.08, 0.16)
    starts, ends = [], []
    for side in (-1, 1):
        at = np.arange(-long / 2 - high, long / 2 + high, pitch)
        low = np.clip((side * -long / 2 - at) * side, 0, high)
        top = np.clip((side * long / 2 - at) * side, 0, high)
        kept = top - low > 0.05
        y = np.full(int(kept.sum()), -0.06 + side * 0.006)
        starts.append(np.column_stack([at[kept] + side * low[kept], y, low[kept]]))
        ends.append(np.column_stack([at[kept] + side * top[kept], y, top[kept]]))
    kit.add(slot, build_rods(np.concatenate(starts), np.concatenate(ends), 0.011, 4, flat=0.5))


def _add_hurdle(kit: Kit, slot: int, long: float, high: float) -> None:
    """Rods woven between stakes."""
    rng = kit.rng
    stakes = int(long / 0.22) + 2
    x = np.linspace(-0.5, 0.5, stakes) * long
    feet = np.column_stack([x, 0 * x, 0 * x])
    kit.add(slot, build_rods(feet, feet + np.array([0, 0, high * 1.02]), 0.016, 6))
    rows = int(high / 0.045)
    t = np.linspace(-0.5, 0.5, 2 * stakes - 1) * long
    wave = 0.022 * np.cos(np.arange(len(t)) * np.pi / 2 * 1.0)
    flip = np.where(np.arange(rows) % 2 == 0, 1, -1)[:, None]
    z = (np.arange(rows)[:, None] + 0.6) * high / rows + rng.normal(0, 0.006, (rows, len(t)))
    kit.add(slot, build_tubes(np.stack(np.broadcast_arrays(t, flip * wave, z), axis=2), rng.uniform(0.007, 0.014), 5))


@register("ground", share=2.0)
def build_wire_fence(kit: Kit) -> None:
    """Wires of 2-3 mm between posts: meshes of squares or lozenges, or strands, some of them barbed."""
    rng = kit.rng
    post, wire = kit.pick("metal", "wood", "stone"), kit.pick("metal", "plastic")
    long, high, thick = rng.uniform(1.2, 2.6), rng.uniform(0.7, 1.6), rng.uniform(0.001, 0.0016)
    x = np.linspace(-0.5, 0.5, int(rng.integers(2, 4))) * long
    _add_posts(kit, post, x, high * 1.05, rng.uniform(0.035, 0.09), rng.random() < 0.7)
    style = rng.choice(["squares", "links", "strands", "panel"])
    if style == "links":
        _add_links(kit, wire, long, high, thick)
    elif style == "strands":
        for z in np.linspace(0.2, 0.97, int(rng.integers(3, 7))) * high:
            sag = smooth_points(
                np.array([[-long / 2, 0, z], [0, rng.normal(0, 0.01), z - rng.uniform(0, 0.04)], [long / 2, 0, z]]), 12
            )
            kit.add(wire, build_tubes(sag, thick * 1.2, 5))
            if rng.random() < 0.5:
                at = np.column_stack(
                    [
                        np.arange(-long / 2, long / 2, 0.11),
                        0 * np.arange(-long / 2, long / 2, 0.11),
                        0 * np.arange(-long / 2, long / 2, 0.11) + z,
                    ]
                )
                way = rng.normal(0, 1, at.shape) * [0.4, 1, 1] * 0.012
                kit.add(wire, build_rods(at - way, at + way, thick * 0.8, 3))
    else:
        pitch_x, pitch_z = (rng.uniform(0.05, 0.12), rng.uniform(0.05, 0.15)) if style == "squares" else (0.055, 0.22)
        across = np.arange(-long / 2, long / 2, pitch_x)
        up = np.arange(0.05, high, pitch_z)
        kit.add(
            wire,
            build_rods(
                np.column_stack([across, 0 * across, 0 * across + 0.04]),
                np.column_stack([across, 0 * across, 0 * across + high]),
                thick,
                4,
            ),
        )
        kit.add(
            wire,
            build_rods(
                np.column_stack([0 * up - long / 2, 0 * up - thick, up]),
                np.column_stack([0 * up + long / 2, 0 * up - thick, up]),
                thick * (2 if style == "panel" else 1),
                4,
            ),
        )


def _add_links(kit: Kit, slot: int, long: float, high: float, thick: float) -> None:
    """Chain links: upright zigzags, each hooked into its neighbour."""
    pitch = kit.rng.uniform(0.06, 0.09)
    columns, rows = int(long / pitch), int(high / pitch) * 2 + 1
    z = np.linspace(0.03, high, rows)
    zigzag = np.where(np.arange(rows) % 2 == 0, -0.52, 0.52) * pitch
    x = (np.arange(columns) - (columns - 1) / 2)[:, None] * pitch
    depth = np.where(np.arange(rows) % 2 == 0, 1, -1) * thick * 1.1
    paths = np.stack(
        np.broadcast_arrays(x + zigzag * np.where(np.arange(columns)[:, None] % 2 == 0, 1, -1), depth, z), axis=2
    )
    kit.add(slot, build_tubes(paths, thick, 3))
    for at in (0.03, high):
        kit.add(slot, build_rods([-long / 2, 0, at], [long / 2, 0, at], thick * 1.5, 5))


@register("ground", "floor", share=1.2)
def build_railing(kit: Kit) -> None:
    """A railing of iron or wood: bars, rings, spear heads, wires or ropes between posts."""
    rng = kit.rng
    iron = kit.pick("metal", "metal", "paint", "wood")
    long, high = rng.uniform(0.8, 2.2), rng.uniform(0.75, 1.15)
    x = np.linspace(-0.5, 0.5, 3) * long
    _add_posts(kit, iron, x, high, 0.04, rng.random() < 0.5)
    kit.add(iron, build_rods([-long / 2 - 0.04, 0, high], [long / 2 + 0.04, 0, high], 0.024, 10))
    style = rng.choice(["bars", "rings", "cross", "ropes"])
    if style in ("bars", "rings"):
        count = int(long / rng.uniform(0.09, 0.14))
        bars = np.linspace(-0.5, 0.5, count) * long
        low = np.column_stack([bars, 0 * bars, 0 * bars + 0.1])
        kit.add(iron, build_rods(low, low + np.array([0, 0, high - 0.1]), rng.uniform(0.005, 0.009), 6))
        kit.add(iron, build_rods([-long / 2, 0, 0.1], [long / 2, 0, 0.1], 0.012, 6))
        if style == "rings":
            ring = build_ring(0.045, 0.005, 18, 5)
            for each in bars[:-1] + (bars[1] - bars[0]) / 2:
                kit.add(iron, ring, [each, 0, high - 0.08], stand_upright())
        else:
            kit.add(iron, build_balls(low + np.array([0, 0, high * 0.5]), 0.02, 1))
    elif style == "cross":
        for i in range(2):
            a, b = x[i], x[i + 1]
            kit.add(iron, build_rods([[a, 0, 0.08], [a, 0, high]], [[b, 0, high], [b, 0, 0.08]], 0.009, 6))
    else:
        rope = kit.pick("fabric", "metal")
        for z in np.linspace(0.15, 0.88, int(rng.integers(2, 8))) * high:
            for i in range(2):
                sag = np.array([[x[i], 0, z], [(x[i] + x[i + 1]) / 2, 0, z - rng.uniform(0, 0.08)], [x[i + 1], 0, z]])
                kit.add(rope, build_tubes(smooth_points(sag, 9), rng.choice([0.0015, 0.003, 0.009]), 5))


@register("ground", share=1.0)
def build_gate(kit: Kit) -> None:
    """A garden gate between two pillars: iron scrolls or boards with a brace."""
    rng = kit.rng
    pillar, leaf = kit.pick("stone", "wood", "paint"), kit.pick("metal", "wood")
    wide, high, thick = rng.uniform(0.8, 1.3), rng.uniform(0.8, 1.6), rng.uniform(0.15, 0.35)
    x = np.array([-1, 1]) * (wide + thick) / 2
    kit.add(pillar, build_boxes(np.column_stack([x, 0 * x, 0 * x + high * 0.55]), [thick, thick, high * 1.1], 0.01))
    kit.add(
        pillar,
        build_boxes(np.column_stack([x, 0 * x, 0 * x + high * 1.1 + 0.02]), [thick * 1.25, thick * 1.25, 0.05], 0.01),
    )
    count = int(rng.integers(5, 12))
    bars = np.linspace(-0.46, 0.46, count) * wide
    tall = high * (0.85 + rng.uniform(-0.15, 0.15) * np.cos(bars / wide * 2 * np.pi))
    low = np.column_stack([bars, 0 * bars, 0 * bars + 0.06])
    if rng.random() < 0.5:
        kit.add(
            leaf,
            build_boxes(
                low + np.column_stack([0 * bars, 0 * bars, tall / 2]),
                np.column_stack([0 * bars + wide / count * 0.75, 0 * bars + 0.02, tall]),
                0.003,
                grain=True,
            ),
        )
    else:
        kit.add(leaf, build_rods(low, low + np.column_stack([0 * bars, 0 * bars, tall]), 0.007, 6))
        kit.add(leaf, build_balls(low + np.column_stack([0 * bars, 0 * bars, tall]), [0.012, 0.012, 0.03], 1))
        t = np.linspace(0, 4.5, 22)
        curl = np.column_stack([0.1 * np.exp(-0.25 * t) * np.cos(t), 0 * t, 0.1 * np.exp(-0.25 * t) * np.sin(t)]) * wide
        for side in (-1, 1):
            kit.add(leaf, build_tubes(curl * [side, 1, 1], 0.006, 5), [side * wide * 0.2, 0.01, high * 0.5])
    for z in (0.15, 0.7):
        kit.add(leaf, build_rods([-wide / 2, 0.012, z * high], [wide / 2, 0.012, z * high], 0.013, 4))
    kit.add(leaf, build_rods([-wide * 0.46, 0.014, 0.15 * high], [wide * 0.46, 0.014, 0.7 * high], 0.01, 4))
    kit.add(kit.pick("metal"), build_cylinder(0.008, 0.1, 8), [wide * 0.44, -0.03, high * 0.55])


@register("ground", "wall", share=0.8, elevation=(0.0, 0.3))
def build_trellis(kit: Kit) -> None:
    """A lattice of thin slats with a climbing plant."""
    rng = kit.rng
    wood, stem, leaf = kit.pick("wood", "metal"), kit.pick("bark", "leaf"), kit.pick("leaf")
    wide, high, pitch = rng.uniform(0.5, 1.3), rng.uniform(1.0, 2.0), rng.uniform(0.1, 0.22)
    x, z = np.arange(-wide / 2, wide / 2 + 0.01, pitch), np.arange(0.1, high, pitch)
    kit.add(wood, build_boxes(np.column_stack([x, 0 * x, 0 * x + high / 2]), [0.018, 0.008, high], grain=True))
    kit.add(wood, build_boxes(np.column_stack([0 * z, 0 * z - 0.008, z]), [wide, 0.008, 0.018], grain=True))
    count = int(rng.integers(3, 9))
    t = np.linspace(0, 1, 12)
    reach = rng.uniform(0.4, 1.0, count)[:, None]
    sway = rng.normal(0, 0.05, (count, 12)).cumsum(axis=1)
    paths = np.stack(
        [
            rng.uniform(-0.4, 0.4, (count, 1)) * wide + sway * wide,
            -0.02 - 0.02 * rng.random((count, 12)),
            t * reach * high,
        ],
        axis=2,
    )
    kit.add(stem, build_tubes(paths, 0.004 * np.linspace(1, 0.4, 12), 5))
    pick = rng.random((count, 12, 14)) < rng.uniform(0.3, 1.0)
    at = (paths[:, :, None] + rng.normal(0, 0.05, (count, 12, 14, 3)) * [1, 0.3, 1])[pick]
    at[:, 2] = np.maximum(at[:, 2], 0.03)
    ways = rng.normal(0, 1, at.shape) * [1, 0.4, 1] + np.array([0, -0.4, -0.3])
    outline = [[0, 0], [0.15, 0.26], [0.45, 0.34], [0.75, 0.18], [1, 0]]
    small = [[0, 0], [0.35, 0.34], [1, 0]]
    frames = aim_frames(at, ways, rng.uniform(0.04, 0.08) * rng.uniform(0.7, 1.2, len(at)), (0, -1, 0.3))
    kit.add(leaf, build_leaves(small if len(at) > 500 else outline, frames, 0.3, 0.2))
