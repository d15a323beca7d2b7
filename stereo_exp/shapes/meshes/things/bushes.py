"""Bushes, hedges, grass, weeds: many small leaves and blades."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.sheets import build_leaves, build_sheet, ripple
from stereo_exp.shapes.meshes.solids import build_balls
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.plants import add_blades, spread_ways
from stereo_exp.shapes.meshes.tubes import build_tubes

DIAMONDS = np.array([[0.42, 0.2], [0.5, 0.3], [0.35, 0.36], [0.55, 0.14]])
"""The widest point of four-sided leaves: (how far along, half the width), shares of the length."""


def build_foliage(rng: np.random.Generator, at: np.ndarray, outwards: np.ndarray, size: float) -> np.ndarray:
    """Frames n×3×4 of leaves of about `size` metres, turned half outwards and half anyhow."""
    ways = outwards + rng.normal(0, 0.7, at.shape)
    up = outwards + rng.normal(0, 0.6, at.shape) + np.array([0, 0, 0.8])
    return aim_frames(at, ways, size * rng.uniform(0.6, 1.3, len(at)), up)


def add_crown(
    kit: Kit, slot: int, centers: np.ndarray, radii: np.ndarray, count: int, size: float, hollow: float = 0.55
) -> None:
    """Leaves of four triangles about a set of balls, most of them near the outside.

    Args:
        kit: where they go.
        slot: their material.
        centers: n×3, metres.
        radii: n×3, metres.
        count: how many leaves in all.
        size: of a leaf, metres.
        hollow: share of the radius below which there are none.
    """
    rng = kit.rng
    volume = radii.prod(axis=1) ** (2 / 3)
    ball = rng.choice(len(centers), count, p=volume / volume.sum())
    way = rng.normal(0, 1, (count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    out = hollow + (1 - hollow) * rng.random(count) ** 0.6
    at = centers[ball] + way * radii[ball] * out[:, None]
    at[:, 2] = np.maximum(at[:, 2], 0.02 + 0.05 * rng.random(count))
    middle = DIAMONDS[int(rng.integers(len(DIAMONDS)))]
    kit.add(slot, build_leaves([[0, 0], middle, [1, 0]], build_foliage(rng, at, way, size), 0.35, rng.uniform(0, 0.3)))


def add_branches(kit: Kit, slot: int, root: np.ndarray, ends: np.ndarray, thick: float) -> None:
    """Branches from one point to many, bowed a little."""
    rng = kit.rng
    t = np.linspace(0, 1, 5)[:, None]
    bow = rng.normal(0, 0.12, (len(ends), 1, 3)) * np.linalg.norm(ends - root, axis=1)[:, None, None]
    paths = root + (ends - root)[:, None] * t + bow * (t * (1 - t) * 2)
    kit.add(slot, build_tubes(paths, thick * np.array([1, 0.75, 0.55, 0.35, 0.12]), 5))


@register("ground", "air", share=4.0)
def build_bush(kit: Kit) -> None:
    """A bush of 0.3-1.6 m: branches, up to 4,000 leaves in clusters; some in flower."""
    rng = kit.rng
    leaf, bark = kit.pick("leaf"), kit.pick("bark")
    size = rng.uniform(0.15, 0.8)
    clusters = int(rng.integers(4, 13))
    at = rng.normal(0, 0.36, (clusters, 3)).clip(-0.75, 0.75) * [1, 1, 0.5] * size
    at[:, 2] += size * rng.uniform(0.7, 1.1)
    radii = size * rng.uniform(0.35, 0.65, (clusters, 1)) * np.array([[1, 1, 0.8]])
    count = int(np.clip(rng.uniform(1200, 4000) * (0.4 + size), 700, 4000))
    add_crown(kit, leaf, at, radii, count, size * rng.uniform(0.09, 0.2), rng.uniform(0.3, 0.7))
    add_branches(
        kit,
        bark,
        np.zeros(3),
        np.concatenate([at, at + rng.normal(0, 0.3, at.shape) * size]).clip([-9, -9, 0.05]),
        0.02 * size + 0.004,
    )
    if rng.random() < 0.3:
        bloom = kit.pick("paint", "paper")
        k = int(rng.integers(15, 60))
        pick = rng.integers(0, clusters, k)
        way = rng.normal(0, 1, (k, 3)) + np.array([0, 0, 0.5])
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        kit.add(bloom, build_balls(np.maximum(at[pick] + way * radii[pick], 0.03), size * rng.uniform(0.03, 0.06), 1))


@register("ground", share=1.0)
def build_hedge(kit: Kit) -> None:
    """A clipped hedge: a box, a row of balls or a cone full of leaves."""
    rng = kit.rng
    leaf, bark = kit.pick("leaf"), kit.pick("bark")
    long, deep, high = rng.uniform(0.8, 2.4), rng.uniform(0.35, 0.7), rng.uniform(0.5, 1.6)
    style = rng.choice(["box", "balls", "cone"])
    count = 4600
    if style == "balls":
        n = int(rng.integers(1, 4))
        at = np.column_stack(
            [np.linspace(-0.5, 0.5, n) * long if n > 1 else [0.0], np.zeros(n), np.full(n, high * 0.5)]
        )
        add_crown(kit, leaf, at, np.tile([[deep, deep, high * 0.5]], (n, 1)), count, 0.07, 0.8)
        add_branches(kit, bark, np.array([0, 0, 0.0]), at, 0.03)
        return
    place = rng.uniform(-1, 1, (count, 3))
    # Leaves that would cover the sides twice.
    size = np.sqrt(2 * (2 * (long + deep) * high + long * deep) / (0.28 * count))
    # Towards one of the sides, so that the inside stays empty.
    axis = rng.choice(3, count, p=[0.2, 0.5, 0.3])
    place[np.arange(count), axis] = np.where(rng.random(count) < 0.5, -1, 1) * rng.uniform(0.85, 1, count)
    outward = np.zeros_like(place)
    outward[np.arange(count), axis] = np.sign(place[np.arange(count), axis])
    scale = np.array([long / 2, deep / 2, high / 2])
    at = place * scale + np.array([0, 0, high / 2])
    if style == "cone":
        narrow = 1 - 0.92 * at[:, 2:] / high
        at = at * np.concatenate([narrow * deep / long * 1.3, narrow * 1.3, np.ones_like(narrow)], axis=1)
    at += 0.02 * rng.normal(0, 1, at.shape)
    at[:, 2] = np.maximum(at[:, 2], 0.03)
    kit.add(
        leaf,
        build_leaves([[0, 0], [0.45, 0.28], [1, 0]], build_foliage(rng, at, outward, size), 0.35, 0.1),
    )
    ends = at[rng.integers(0, count, 24)]
    add_branches(kit, bark, np.zeros(3), ends, 0.014)


@register("ground", "air", share=3.0)
def build_grass_tuft(kit: Kit) -> None:
    """A tuft of 40-220 blades, high or low, with or without ears."""
    rng = kit.rng
    count, high = int(rng.integers(40, 220)), rng.uniform(0.1, 0.9)
    at = 0.12 * high * rng.normal(0, 1, (count, 3)) * [1, 1, 0]
    lengths = high * rng.uniform(0.5, 1.2, count)
    add_blades(
        kit,
        kit.pick("leaf"),
        at,
        spread_ways(rng, count, 0.7, 1.5),
        lengths,
        rng.uniform(0.0015, 0.004) * (1 + high),
        rng.uniform(0.1, 0.7),
        5,
    )
    if rng.random() < 0.35:
        n = int(rng.integers(5, 20))
        ways = spread_ways(rng, n, 1.1, 1.5)
        tops = ways * high * rng.uniform(1.1, 1.5, n)[:, None]
        t = np.linspace(0, 1, 5)[:, None]
        kit.add(kit.pick("leaf"), build_tubes(tops[:, None] * t, 0.0012, 4))
        kit.add(kit.pick("wood", "fabric"), build_balls(tops, [0.006, 0.006, 0.03 * (1 + high)], 1))


@register("ground", share=2.0)
def build_grass_patch(kit: Kit) -> None:
    """A piece of meadow of about a square metre: uneven soil with up to 800 blades, some clover or flowers."""
    rng = kit.rng
    size, high = rng.uniform(0.35, 0.8), rng.uniform(0.06, 0.3)
    u = np.linspace(-0.5, 0.5, 12)
    y, x = np.meshgrid(u * size, u * size, indexing="ij")
    ground = 0.02 * ripple((12, 12), rng, 5, 2)
    kit.add(kit.pick("soil"), build_sheet(np.stack([x, y, ground - ground.min() + 0.01], axis=2), 0.01))
    count = int(rng.integers(400, 800))
    at = np.column_stack([rng.uniform(-0.49, 0.49, (count, 2)) * size, np.full(count, 0.02)])
    add_blades(
        kit,
        kit.pick("leaf"),
        at,
        spread_ways(rng, count, 0.8, 1.5)[rng.permutation(count)],
        high * rng.uniform(0.5, 1.3, count),
        0.0035,
        0.3,
        4,
    )
    if rng.random() < 0.5:
        n = int(rng.integers(8, 40))
        foot = np.column_stack([rng.uniform(-0.45, 0.45, (n, 2)) * size, np.full(n, 0.02)])
        top = foot + np.column_stack([rng.normal(0, 0.02, (n, 2)), high * rng.uniform(0.8, 1.4, n)])
        kit.add(kit.pick("leaf"), build_tubes(np.stack([foot, (foot + top) / 2, top], axis=1), 0.001, 4))
        kit.add(kit.pick("paint", "paper"), build_balls(top, 0.01, 1))


@register("ground", "air", share=1.5)
def build_weed(kit: Kit) -> None:
    """Broad leaves low on the ground, or upright stems with pairs of leaves."""
    rng = kit.rng
    leaf = kit.pick("leaf")
    size = rng.uniform(0.12, 0.5)
    if rng.random() < 0.5:
        count = int(rng.integers(10, 40))
        frames = aim_frames(
            np.full((count, 3), [0, 0, 0.01]), spread_ways(rng, count, 0.25, 1.3), size * rng.uniform(0.5, 1.1, count)
        )
        outline = np.array(
            [[0, 0], [0.15, 0.05], [0.45, rng.uniform(0.1, 0.25)], [0.75, rng.uniform(0.1, 0.3)], [0.92, 0.12], [1, 0]]
        )
        kit.add(leaf, build_leaves(outline, frames, 0.25, 0.4, 0.002))
        return
    count, pairs = int(rng.integers(4, 16)), int(rng.integers(4, 9))
    start = 0.2 * size * rng.normal(0, 1, (count, 3)) * [1, 1, 0]
    tops = start + spread_ways(rng, count, 1.0, 1.5) * size * rng.uniform(0.8, 1.8, count)[:, None]
    kit.add(leaf, build_tubes(np.stack([start, start * 0.5 + tops * 0.5, tops], axis=1), 0.0025, 5))
    share = np.tile(np.repeat(np.linspace(0.25, 1, pairs), 2), count)[:, None]
    at = np.repeat(start, 2 * pairs, axis=0) * (1 - share) + np.repeat(tops, 2 * pairs, axis=0) * share
    turn = np.arange(len(at)) * np.pi + np.repeat(np.arange(len(at) // 2), 2) * 1.6
    ways = np.column_stack([np.cos(turn), np.sin(turn), rng.uniform(0.1, 0.5, len(at))])
    kit.add(
        leaf,
        build_leaves(
            [[0, 0], [0.2, 0.16], [0.5, 0.2], [0.8, 0.1], [1, 0]],
            aim_frames(at, ways, size * (0.45 - 0.25 * share[:, 0])),
            0.2,
            0.3,
        ),
    )
