"""Plants in pots, flowers in vases, cacti."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe, hollow_profile, round_rim
from stereo_exp.shapes.meshes.sheets import build_leaves
from stereo_exp.shapes.meshes.solids import build_balls
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.vessels import draw_vase
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

OUTLINES = {
    "lance": [[0, 0], [0.2, 0.07], [0.45, 0.1], [0.75, 0.06], [1, 0]],
    "oval": [[0, 0], [0.12, 0.13], [0.4, 0.27], [0.7, 0.2], [1, 0]],
    "heart": [[0, 0], [0.06, 0.28], [0.25, 0.4], [0.6, 0.26], [1, 0]],
    "round": [[0, 0], [0.15, 0.3], [0.5, 0.46], [0.85, 0.3], [1, 0]],
    "strap": [[0, 0], [0.1, 0.035], [0.35, 0.045], [0.7, 0.04], [1, 0]],
    "spade": [[0, 0], [0.35, 0.1], [0.6, 0.24], [0.82, 0.2], [1, 0]],
}
"""Outlines of leaves: (how far along, half the width), shares of the length."""


def draw_leaf(rng: np.random.Generator, kinds: tuple[str, ...] = tuple(OUTLINES)) -> np.ndarray:
    """An outline of a leaf, somewhat wider or narrower than its kind."""
    outline = np.array(OUTLINES[str(rng.choice(kinds))], float)
    outline[:, 1] *= rng.uniform(0.75, 1.25)
    return outline


def spread_ways(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Directions round about, the golden angle apart: n×3; they rise by `low` to `high`, radians."""
    turn = 2.39996 * np.arange(count) + rng.normal(0, 0.25, count) + rng.uniform(0, 6)
    rise = np.linspace(low, high, count) + rng.normal(0, 0.1, count)
    return np.stack([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)], axis=1)


def add_blades(
    kit: Kit, slot: int, at: np.ndarray, ways: np.ndarray, lengths: np.ndarray, wide: float, bend: float, steps: int = 7
) -> None:
    """Long blades that rise and hang over, flat in section: grass, lilies, palms.

    Args:
        kit: where they go.
        slot: their material.
        at: where they start, n×3, metres.
        ways: unit vectors n×3.
        lengths: n, metres.
        wide: half the width of the widest, metres.
        bend: how far they hang over, share of the length.
        steps: points along each; below six they are three-sided.
    """
    t = np.linspace(0, 1, steps)
    out = ways[:, None] * t[:, None] * lengths[:, None, None]
    drop = bend * lengths[:, None] * t**2.4
    paths = at[:, None] + out
    paths[..., 2] -= drop * (1 - 0.4 * np.abs(ways[:, None, 2]))
    flat = np.cross(ways, [0.0, 0.0, 1.0]) + 1e-3
    radii = wide * np.interp(t, [0, 0.17, 0.33, 0.5, 0.83, 1], [0.55, 0.9, 1.0, 0.9, 0.4, 0.06])
    kit.add(slot, build_tubes(paths, radii, 4 if steps > 5 else 3, flat=0.12, up=turn_square(flat, ways)))


def turn_square(flat: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """The start of a four-sided tube's frame that lays its wide diagonal along `flat`: half a corner back."""
    normal = np.cross(ways, flat)
    return np.asarray(flat * np.cos(np.pi / 4) - normal * np.sin(np.pi / 4))


def add_leafed_stems(
    kit: Kit, stem: int, leaf: int, paths: np.ndarray, thick: float, outline: np.ndarray, size: float, each: int
) -> None:
    """Stems n×k×3 with `each` leaves along the upper part of every one."""
    rng = kit.rng
    count, k = paths.shape[:2]
    kit.add(stem, build_tubes(paths, thick * np.linspace(1, 0.4, k), 5))
    share = np.linspace(rng.uniform(0.15, 0.5), 1.0, each)
    place = share * (k - 1)
    low = np.minimum(place.astype(int), k - 2)
    at = paths[:, low] + (place - low)[:, None] * (paths[:, low + 1] - paths[:, low])
    along = paths[:, low + 1] - paths[:, low]
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    ways = spread_ways(rng, count * each, 0.1, 0.5).reshape(count, each, 3) + 0.5 * along
    length = size * (1 - 0.35 * share)[None] * rng.uniform(0.7, 1.2, (count, each))
    frames = aim_frames(at.reshape(-1, 3), ways.reshape(-1, 3), length.ravel())
    kit.add(leaf, build_leaves(outline, frames, rng.uniform(0.1, 0.4), rng.uniform(0.0, 0.5)))


def add_pot(kit: Kit, radius: float, height: float) -> None:
    """A pot on z = 0 filled with soil."""
    rng = kit.rng
    slot = kit.pick("ceramic", "ceramic", "plastic", "stone", "wicker", "metal")
    foot = radius * rng.uniform(0.6, 0.95)
    line = [[foot, 0], [foot * 0.4 + radius * 0.6, height * 0.5], [radius, height]]
    if rng.random() < 0.5:
        line[-1:] = [[radius, height * 0.82], [radius * 1.08, height * 0.83], [radius * 1.09, height]]
    rim = round_rim(28, rng.uniform(0.5, 1.0)) if rng.random() < 0.25 else None
    kit.add(slot, build_lathe(hollow_profile(np.array(line), 0.06 * radius), 28, rim))
    level = height * 0.9
    inside = radius * 0.92
    kit.add(
        kit.pick("soil"),
        build_lathe([[0, level - 0.01], [inside, level - 0.008], [inside * 0.6, level], [0, level + 0.004]], 28, rim),
    )


@register("surface", "air", share=4.0)
def build_potted_plant(kit: Kit) -> None:
    """A pot of 8-20 cm with one of seven habits: rosette, blades, stems, a small tree, a palm, a fern, runners."""
    _draft_plant(kit, np.exp(kit.rng.uniform(np.log(0.035), np.log(0.085))))


@register("floor", share=3.0)
def build_floor_plant(kit: Kit) -> None:
    """A pot of 20-40 cm with a plant of up to two metres, of the same habits."""
    _draft_plant(kit, kit.rng.uniform(0.1, 0.2))


def _draft_plant(kit: Kit, radius: float) -> None:
    rng = kit.rng
    height = radius * rng.uniform(1.2, 2.0)
    add_pot(kit, radius, height)
    habit = rng.choice(["rosette", "blades", "stems", "tree", "palm", "fern", "runners"])
    leaf, stem = kit.pick("leaf"), kit.pick("leaf", "bark")
    top = np.array([0, 0, height * 0.9])
    size = radius * rng.uniform(1.0, 2.2)
    if habit == "rosette":
        count = int(rng.integers(10, 40))
        frames = aim_frames(
            np.tile(top, (count, 1)), spread_ways(rng, count, 0.0, 1.4), size * rng.uniform(0.6, 1.1, count)
        )
        kit.add(
            leaf, build_leaves(draw_leaf(rng, ("lance", "oval", "spade")), frames, 0.4, rng.uniform(-0.3, 0.4), 0.003)
        )
    elif habit == "blades":
        count = int(rng.integers(14, 60))
        at = top + 0.3 * radius * rng.normal(0, 1, (count, 3)) * [1, 1, 0]
        add_blades(
            kit,
            leaf,
            at,
            spread_ways(rng, count, 0.5, 1.5),
            size * rng.uniform(1.0, 2.2, count),
            radius * rng.uniform(0.03, 0.12),
            rng.uniform(0.1, 0.9),
        )
    elif habit == "palm":
        _add_palm(kit, leaf, stem, top, size * 1.8)
    elif habit == "fern":
        _add_fern(kit, leaf, top, size * 1.4, int(rng.integers(9, 20)))
    else:
        _add_stems(kit, leaf, stem, top, radius, size, str(habit))


def _add_stems(kit: Kit, leaf: int, stem: int, top: np.ndarray, radius: float, size: float, habit: str) -> None:
    rng = kit.rng
    if habit == "tree":
        trunk = smooth_points(
            top + np.column_stack([rng.normal(0, 0.08, (4, 2)) * size, [0, 0.6, 1.2, 1.8]]) * [1, 1, size], 10
        )
        kit.add(stem, build_tubes(trunk, radius * 0.09 * np.linspace(1, 0.6, 10), 7))
        count = int(rng.integers(5, 12))
        start = trunk[rng.integers(5, 10, count)]
        ways = spread_ways(rng, count, 0.2, 1.2)
    else:
        count = int(rng.integers(3, 10))
        start = top + 0.35 * radius * rng.normal(0, 1, (count, 3)) * [1, 1, 0]
        ways = spread_ways(rng, count, 0.7, 1.45)
    t = np.linspace(0, 1, 8)[:, None]
    reach = size * rng.uniform(0.9, 2.0, count)[:, None, None]
    if habit == "runners":
        over = spread_ways(rng, count, 0.0, 0.2) * [1, 1, 0]
        paths = start[:, None] + reach * (
            over[:, None] * (1 - (1 - t) ** 2) * 0.8 + np.array([0, 0, 1.0]) * (0.9 * t - 1.9 * t**2)
        )
        # What hangs over the pot's rim must not fall below the ground it stands on.
        paths[..., 2] = np.maximum(paths[..., 2], 0.01 + 0.02 * rng.random(paths.shape[:2]))
    else:
        paths = start[:, None] + reach * ways[:, None] * t
    paths[:, 1:] += (0.05 * size * rng.normal(0, 1, paths.shape)).cumsum(axis=1)[:, 1:] * 0.4
    paths[..., 2] = np.maximum(paths[..., 2], 0.01)
    each = int(rng.integers(8, 20))
    outline = draw_leaf(rng, ("lance", "oval", "heart", "round", "spade"))
    add_leafed_stems(kit, stem, leaf, paths, 0.0025 + 0.01 * size, outline, size * rng.uniform(0.3, 0.6), each)


def _add_palm(kit: Kit, leaf: int, stem: int, top: np.ndarray, size: float) -> None:
    """Fronds with leaflets on both sides of an arched rib."""
    rng = kit.rng
    count, pairs = int(rng.integers(5, 11)), int(rng.integers(9, 16))
    ways = spread_ways(rng, count, 0.6, 1.3)
    t = np.linspace(0, 1, 9)[:, None]
    ribs = top + size * rng.uniform(0.7, 1.1, count)[:, None, None] * (
        ways[:, None] * t - np.array([0, 0, 1]) * 0.5 * t**2.2
    )
    kit.add(stem, build_tubes(ribs, 0.008 * size + 0.0015 * np.linspace(1, 0.2, 9), 5))
    _add_leaflets(
        kit, leaf, ribs, size * rng.uniform(0.25, 0.4), pairs, np.array(OUTLINES["lance"]) * [1, rng.uniform(0.5, 1.0)]
    )


def _add_fern(kit: Kit, leaf: int, top: np.ndarray, size: float, count: int) -> None:
    rng = kit.rng
    ways = spread_ways(rng, count, 0.4, 1.3)
    t = np.linspace(0, 1, 9)[:, None]
    ribs = top + size * rng.uniform(0.6, 1.1, count)[:, None, None] * (
        ways[:, None] * t - np.array([0, 0, 1]) * 0.55 * t**2
    )
    kit.add(leaf, build_tubes(ribs, 0.0012, 4))
    _add_leaflets(kit, leaf, ribs, size * 0.16, 14, np.array([[0, 0], [0.3, 0.16], [1, 0]]))


def _add_leaflets(kit: Kit, leaf: int, ribs: np.ndarray, size: float, pairs: int, outline: np.ndarray) -> None:
    count, k = ribs.shape[:2]
    share = np.linspace(0.15, 0.98, pairs) * (k - 1)
    low = np.minimum(share.astype(int), k - 2)
    along = ribs[:, low + 1] - ribs[:, low]
    at = ribs[:, low] + (share - low)[:, None] * along
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    across = np.cross(along, [0.0, 0.0, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    length = size * np.sin(np.pi * (0.12 + 0.84 * share / (k - 1))) ** 0.7
    lengths = np.broadcast_to(length, (count, pairs)).ravel()
    for side in (-1, 1):
        ways = side * across + 0.6 * along - np.array([0, 0, 0.15])
        frames = aim_frames(at.reshape(-1, 3), ways.reshape(-1, 3), lengths)
        kit.add(leaf, build_leaves(outline, frames, 0.25, 0.15))


@register("surface", "air", share=2.0)
def build_flowers(kit: Kit) -> None:
    """A bunch of flowers in a vase: stems, leaves, heads of several builds."""
    rng = kit.rng
    height = rng.uniform(0.12, 0.28)
    line = draw_vase(rng, height)
    line[:, 0] *= 0.7
    kit.add(kit.pick("ceramic", "ceramic", "metal"), build_lathe(hollow_profile(line, 0.004), 26))
    stem, leaf = kit.pick("leaf"), kit.pick("leaf")
    petals = [kit.pick("paint", "paper", "fabric") for _ in range(int(rng.integers(1, 4)))]
    heart = kit.pick("soil", "paint")
    count, mouth = int(rng.integers(3, 14)), float(line[-1, 0])
    ways = spread_ways(rng, count, 0.75, 1.5)
    start = np.column_stack([ways[:, :2] * mouth * 0.3, np.full(count, height * 0.4)])
    lip = np.column_stack([ways[:, :2] * mouth * 0.6, np.full(count, height)])
    reach = height * rng.uniform(0.5, 1.2, count)
    ends = lip + ways * reach[:, None]
    paths = smooth_points(np.stack([start, lip, (lip + ends) / 2 + [0, 0, 0.01], ends], axis=1), 8)
    add_leafed_stems(
        kit, stem, leaf, paths, 0.0022, draw_leaf(rng, ("lance", "oval")), height * 0.35, int(rng.integers(2, 6))
    )
    kind, size = str(rng.choice(["daisy", "tulip", "ball", "spike"])), rng.uniform(0.025, 0.06)
    for i in range(count):
        way = paths[i, -1] - paths[i, -2]
        _add_head(
            kit, petals[i % len(petals)], heart, ends[i], way / np.linalg.norm(way), size * rng.uniform(0.75, 1.2), kind
        )


def _add_head(kit: Kit, petal: int, heart: int, at: np.ndarray, way: np.ndarray, size: float, kind: str) -> None:
    """The head of a flower at the end of its stem."""
    rng = kit.rng
    side = np.cross(way, [1.0, 0.2, 0.1])
    side /= np.linalg.norm(side)
    other = np.cross(way, side)

    def ring(count: int, rise: float, shift: float = 0.0) -> np.ndarray:
        a = np.arange(count) * 2 * np.pi / count + shift
        flat = np.cos(a)[:, None] * side + np.sin(a)[:, None] * other
        return np.asarray(np.cos(rise) * flat + np.sin(rise) * way)

    if kind == "ball":
        kit.add(petal, build_balls(at, size * 0.5, 1))
        spikes = rng.normal(0, 1, (40, 3))
        spikes /= np.linalg.norm(spikes, axis=1, keepdims=True)
        kit.add(
            petal,
            build_leaves(
                [[0, 0], [0.6, 0.25], [1, 0]], aim_frames(at + spikes * size * 0.3, spikes, size * 0.5, way), 0.3
            ),
        )
    elif kind == "spike":
        count = 24
        share = np.linspace(0, 1, count)
        a = 2.4 * np.arange(count)
        flat = np.cos(a)[:, None] * side + np.sin(a)[:, None] * other
        frames = aim_frames(at + way * (share * size * 3)[:, None], flat + 0.5 * way, size * (0.6 - 0.4 * share), way)
        kit.add(petal, build_leaves(OUTLINES["oval"], frames, 0.4, 0.2))
        kit.add(petal, build_rods(at, at + way * size * 3.1, 0.0015, 4))
    else:
        layers = [(int(rng.integers(8, 18)), 0.15), (8, 0.6)] if kind == "daisy" else [(3, 1.15), (3, 1.3)]
        outline = OUTLINES["strap" if kind == "daisy" else "oval"]
        wide = 2.2 if kind == "daisy" else 1.5
        for i, (count, rise) in enumerate(layers):
            frames = aim_frames(np.tile(at, (count, 1)), ring(count, rise, 0.5 * i), size, way, wide)
            kit.add(petal, build_leaves(outline, frames, 0.3, -0.3 if kind == "tulip" else 0.1))
        if kind == "daisy":
            kit.add(heart, build_balls(at + way * size * 0.08, size * 0.24, 1))


@register("surface", "floor", "air", share=1.0)
def build_cactus(kit: Kit) -> None:
    """Ribbed columns, balls or flat pads in a pot, with thorns."""
    rng = kit.rng
    radius = rng.uniform(0.04, 0.12)
    height = radius * rng.uniform(1.0, 1.6)
    add_pot(kit, radius, height)
    body, thorn = kit.pick("leaf"), kit.pick("wood", "paint")
    if rng.random() < 0.35:
        _add_pads(kit, body, np.array([0, 0, height * 0.85]), np.array([0, 0, 1.0]), radius * 1.3, 3)
        return
    ribs, segments = int(rng.integers(7, 14)), 56
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rim = 1 + rng.uniform(0.08, 0.22) * np.cos(angle * ribs)
    for i in range(int(rng.integers(1, 4))):
        wide, tall = radius * rng.uniform(0.35, 0.7), radius * rng.uniform(0.9, 4.0)
        t = np.linspace(0, np.pi, 12)
        profile = np.column_stack([wide * np.sin(t) ** 0.6, tall * (1 - np.cos(t)) / 2])
        profile[[0, -1], 0] = 0
        spot = np.array([0.4 * radius * np.cos(2.1 * i), 0.4 * radius * np.sin(2.1 * i), 0]) * (i > 0) + np.array(
            [0, 0, height * 0.85]
        )
        kit.add(body, build_lathe(profile, segments, rim), spot)
        k = np.tile(np.arange(2, 11), ribs)
        a = np.repeat(np.arange(ribs) * 2 * np.pi / ribs, 9)
        way = np.stack([-np.sin(a), np.cos(a), 0 * a], axis=1)
        foot = way * (profile[k, 0] * rim.max())[:, None] + np.column_stack([0 * a, 0 * a, profile[k, 1]])
        tips = foot + (way + rng.normal(0, 0.4, way.shape)) * radius * 0.12
        kit.add(thorn, build_rods(foot, tips, [[0.0007, 0.0003]], 3), spot)


def _add_pads(kit: Kit, slot: int, at: np.ndarray, way: np.ndarray, size: float, depth: int) -> None:
    """A flat pad with further ones upon its rim."""
    rng = kit.rng
    side = turn_about(way, rng.uniform(0, 3)) @ np.cross(way, [0.3, 1.0, 0.2])
    side /= np.linalg.norm(side)
    frame = np.column_stack([side, np.cross(way, side), way])
    middle = at + way * size * 0.9
    kit.add(slot, build_balls([0, 0, 0], [size * 0.6, size * 0.16, size], 2), middle, frame)
    if depth > 1:
        for _ in range(int(rng.integers(1, 4))):
            a = rng.uniform(-1.0, 1.0)
            branch = np.sin(a) * side + np.cos(a) * way
            _add_pads(
                kit,
                slot,
                middle + (np.sin(a) * side * 0.5 + np.cos(a) * way * 0.9) * size,
                branch,
                size * rng.uniform(0.6, 0.85),
                depth - 1,
            )
