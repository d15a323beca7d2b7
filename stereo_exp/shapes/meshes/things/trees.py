"""Trees with trunk, branches and leaves; bare ones, conifers, saplings, logs, stumps."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe
from stereo_exp.shapes.meshes.sheets import build_leaves
from stereo_exp.shapes.meshes.things.bushes import add_crown
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


def grow_branches(
    rng: np.random.Generator, trunk: np.ndarray, levels: int, each: int, length: float, rise: float
) -> list[np.ndarray]:
    """Branches upon branches: a list with one array n×6×3 for each level, the trunk's own apart.

    Args:
        rng: draws them.
        trunk: k×3, metres.
        levels: how often they fork.
        each: children of every branch.
        length: of the first branches, metres.
        rise: how steep they go up, 0 level, 1 straight up.
    """
    parents, made = trunk[None], []
    t = np.linspace(0, 1, 6)
    for level in range(levels):
        count = len(parents) * each
        k = parents.shape[1]
        share = np.tile(np.linspace(0.4 if level == 0 else 0.25, 1.0, each), len(parents)) * (k - 1)
        low = np.minimum(share.astype(int), k - 2)
        owner = np.repeat(np.arange(len(parents)), each)
        step = parents[owner, low + 1] - parents[owner, low]
        start = parents[owner, low] + (share - low)[:, None] * step
        along = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
        turn = 2.4 * np.arange(count) + rng.uniform(0, 6) + rng.normal(0, 0.3, count)
        flat = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(count)])
        way = flat + along * rng.uniform(0.4, 1.1, (count, 1)) + np.array([0, 0, rise])
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        reach = length * rng.uniform(0.6, 1.1, count) * (1.15 - 0.6 * share / (k - 1)) * 0.6**level
        paths = start[:, None] + way[:, None] * (t[:, None] * reach[:, None, None])
        wiggle = rng.normal(0, 0.06, paths.shape).cumsum(axis=1) * reach[:, None, None]
        paths[:, 1:] += wiggle[:, 1:] + (t[1:, None] ** 2 * reach[:, None, None]) * np.array([0, 0, 0.25 * rise])
        made.append(paths)
        parents = paths
    return made


def _add_trunk(kit: Kit, slot: int, height: float, thick: float) -> np.ndarray:
    rng = kit.rng
    z = np.linspace(0, 1, 5)
    lean = rng.normal(0, 0.035, (5, 2)).cumsum(axis=0)
    path = smooth_points(np.column_stack([lean * height, z * height]), 14)
    radii = thick * np.linspace(1, 0.4, 14)
    radii[:2] *= [1.5, 1.15]
    kit.add(slot, build_tubes(path, radii, 12))
    for a in rng.uniform(0, 2 * np.pi, int(rng.integers(3, 6))):
        way = np.array([np.cos(a), np.sin(a), 0])
        root = np.stack(
            [
                path[0] + [0, 0, thick * 1.2],
                way * thick * 1.2 + [0, 0, 0.4 * thick],
                way * thick * 2.6 + [0, 0, 0.02 * thick],
            ]
        )
        kit.add(slot, build_tubes(root, thick * np.array([0.7, 0.5, 0.15]), 6))
    return path


def _add_levels(kit: Kit, slot: int, made: list[np.ndarray], thick: float) -> None:
    for level, paths in enumerate(made):
        kit.add(
            slot,
            build_tubes(paths, thick * 0.5**level * np.array([1, 0.85, 0.7, 0.55, 0.4, 0.2]), (8, 5, 4)[min(level, 2)]),
        )


@register("ground", share=3.0)
def build_tree(kit: Kit) -> None:
    """A broad-leaved tree of 1.8-6 m with up to 4,200 leaves at the ends of its branches."""
    rng = kit.rng
    bark, leaf = kit.pick("bark"), kit.pick("leaf")
    height = np.exp(rng.uniform(np.log(1.2), np.log(3.6)))
    thick = height * rng.uniform(0.018, 0.04)
    trunk = _add_trunk(kit, bark, height, thick)
    made = grow_branches(rng, trunk, 2, int(rng.integers(5, 8)), height * rng.uniform(0.4, 0.65), rng.uniform(0.1, 0.8))
    _add_levels(kit, bark, made, thick * 0.4)
    tips = np.concatenate([made[1][:, 3], made[1][:, -1], made[0][:, -1]])
    count = int(rng.integers(1800, 4000))
    radii = np.full((len(tips), 3), height * rng.uniform(0.09, 0.16))
    add_crown(kit, leaf, tips, radii, count, height * rng.uniform(0.025, 0.05) + 0.03, 0.0)


@register("ground", share=1.5)
def build_bare_tree(kit: Kit) -> None:
    """A tree in winter: three levels of twigs, thin against the sky; some with a few leaves left."""
    rng = kit.rng
    bark = kit.pick("bark")
    height = np.exp(rng.uniform(np.log(0.8), np.log(3.2)))
    thick = height * rng.uniform(0.015, 0.035)
    trunk = _add_trunk(kit, bark, height, thick)
    made = grow_branches(rng, trunk, 3, int(rng.integers(5, 7)), height * rng.uniform(0.4, 0.6), rng.uniform(0.2, 0.9))
    _add_levels(kit, bark, made, thick * 0.4)
    if rng.random() < 0.4:
        ends = made[2][:: int(rng.integers(1, 4)), -1]
        frames = aim_frames(ends, rng.normal(0, 1, ends.shape), 0.05 + 0.01 * height)
        kit.add(kit.pick("leaf"), build_leaves([[0, 0], [0.4, 0.25], [1, 0]], frames, 0.3))


@register("ground", share=1.5)
def build_conifer(kit: Kit) -> None:
    """Whorls of branches that get shorter upwards, set with flat needles' fans; 0.6-4 m."""
    rng = kit.rng
    bark, leaf = kit.pick("bark"), kit.pick("leaf")
    height = np.exp(rng.uniform(np.log(0.5), np.log(4.0)))
    thick, wide = height * rng.uniform(0.015, 0.03), height * rng.uniform(0.18, 0.36)
    kit.add(bark, build_rods([0, 0, 0], [0, 0, height], [[thick, thick * 0.15]], 10))
    whorls, each = int(rng.integers(8, 15)), int(rng.integers(6, 10))
    share = np.repeat(np.linspace(0.1, 0.96, whorls), each)
    turn = (
        np.tile(np.arange(each) * 2 * np.pi / each, whorls)
        + np.repeat(rng.uniform(0, 6, whorls), each)
        + rng.normal(0, 0.15, whorls * each)
    )
    reach = wide * (1.03 - share) ** rng.uniform(0.7, 1.1) * rng.uniform(0.8, 1.15, whorls * each)
    droop = rng.uniform(-0.25, 0.3)
    flat = np.column_stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)])
    t = np.linspace(0, 1, 5)[:, None]
    paths = np.column_stack([0 * share, 0 * share, share * height])[:, None] + reach[:, None, None] * (
        flat[:, None] * t + np.array([0, 0, 1]) * (0.12 * t - droop * t**2)
    )
    kit.add(bark, build_tubes(paths, (thick * 0.25 + 0.001) * np.array([1, 0.8, 0.6, 0.4, 0.2]), 4))
    pairs = 9
    s = np.linspace(0.15, 1.0, pairs)
    at = paths[:, :1] + (paths[:, -1:] - paths[:, :1]) * s[:, None]
    along = (paths[:, -1] - paths[:, 0])[:, None] / np.maximum(reach, 1e-6)[:, None, None]
    across = np.cross(along, [0.0, 0.0, 1.0])
    length = (0.35 * reach[:, None] * (1.15 - 0.6 * s) + 0.015 * height).ravel()
    for side in (-1, 1):
        ways = (side * across + 0.8 * along + 0 * at).reshape(-1, 3) + rng.normal(0, 0.15, (at.shape[0] * pairs, 3))
        kit.add(
            leaf, build_leaves([[0, 0], [0.45, 0.13], [1, 0]], aim_frames(at.reshape(-1, 3), ways, length), 0.3, 0.15)
        )


@register("ground", "air", share=1.0)
def build_sapling(kit: Kit) -> None:
    """A thin stem with few branches and broad leaves, tied to a stake."""
    rng = kit.rng
    bark, leaf = kit.pick("bark"), kit.pick("leaf")
    height = rng.uniform(0.6, 1.8)
    path = smooth_points(np.column_stack([rng.normal(0, 0.03, (4, 2)) * height, np.linspace(0, height, 4)]), 10)
    kit.add(bark, build_tubes(path, np.linspace(0.012, 0.003, 10), 6))
    made = grow_branches(rng, path, 1, int(rng.integers(5, 12)), height * 0.4, 0.6)
    kit.add(bark, build_tubes(made[0], 0.004 * np.array([1, 0.8, 0.6, 0.5, 0.4, 0.3]), 5))
    at = made[0][:, 2:].reshape(-1, 3)
    at = np.concatenate([at, at, path[4:]])
    ways = rng.normal(0, 1, at.shape) * [1, 1, 0.4]
    outline = [[0, 0], [0.2, 0.2], [0.5, 0.28], [0.8, 0.14], [1, 0]]
    kit.add(leaf, build_leaves(outline, aim_frames(at, ways, height * rng.uniform(0.05, 0.1, len(at))), 0.2, 0.3))
    if rng.random() < 0.5:
        kit.add(kit.pick("wood"), build_rods([0.05, 0.02, 0], [0.05, 0.02, height * 0.7], 0.014, 8))
        kit.add(
            kit.pick("fabric"),
            build_rods([0.055, 0.02, height * 0.55], [path[5, 0], path[5, 1], height * 0.55], 0.006, 5),
        )


@register("ground", share=1.0)
def build_trunk(kit: Kit) -> None:
    """The lower part of an old tree without its crown: bark with ridges, roots, stubs of branches; 1.5-3 m."""
    rng = kit.rng
    bark = kit.pick("bark")
    height, radius = rng.uniform(1.5, 3.0), rng.uniform(0.1, 0.35)
    z = np.linspace(0, 1, 16)
    segments = 40
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ridges = (
        1
        + 0.05 * np.cos(angle * rng.integers(9, 16) + rng.uniform(0, 6))
        + 0.07 * np.cos(angle * 3 + rng.uniform(0, 6))
    )
    wide = radius * (1 - 0.25 * z + 0.8 * np.exp(-z * 9)) * (1 + 0.03 * rng.normal(0, 1, 16))
    kit.add(
        bark,
        build_lathe(np.concatenate([[[0, 0]], np.column_stack([wide, z * height]), [[0, height]]]), segments, ridges),
    )
    for _ in range(int(rng.integers(0, 5))):
        a, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.95) * height
        way = np.array([np.cos(a), np.sin(a), rng.uniform(0, 0.8)])
        long = rng.uniform(0.2, 0.8)
        path = (
            np.array([0, 0, up])
            + way * np.linspace(0, long + radius, 6)[:, None]
            + rng.normal(0, 0.02, (6, 3)).cumsum(axis=0)
        )
        kit.add(bark, build_tubes(path, radius * rng.uniform(0.15, 0.4) * np.linspace(1, 0.6, 6), 9))


@register("ground", "floor", "air", share=1.0)
def build_logs(kit: Kit) -> None:
    """A stump or a pile of logs with bright ends."""
    rng = kit.rng
    bark, wood = kit.pick("bark"), kit.pick("wood")
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)

    def add_log(radius: float, long: float, at: np.ndarray, turn: np.ndarray) -> None:
        rim = 1 + 0.05 * np.cos(angle * 3 + rng.uniform(0, 6)) + 0.03 * rng.normal(0, 1, 20)
        kit.add(
            bark,
            build_lathe([[0, 0], [radius, 0], [radius * 1.02, long / 2], [radius * 0.97, long], [0, long]], 20, rim),
            at,
            turn,
        )
        for end in (-0.0012, long - 0.0008):
            kit.add(
                wood,
                build_lathe([[0, 0], [radius * 0.9, 0], [radius * 0.9, 0.002], [0, 0.002]], 20, rim),
                at + turn @ [0, 0, end],
                turn,
            )

    if rng.random() < 0.3:
        add_log(rng.uniform(0.12, 0.3), rng.uniform(0.2, 0.5), np.zeros(3), np.eye(3))
        return
    base, radius, long = int(rng.integers(2, 6)), rng.uniform(0.04, 0.1), rng.uniform(0.25, 0.9)
    lie = turn_about(0, -np.pi / 2)
    for row in range(int(rng.integers(1, base + 1))):
        for i in range(base - row):
            x = (i - (base - row - 1) / 2) * radius * 2.02
            add_log(
                radius * rng.uniform(0.8, 1.0),
                long,
                np.array([x, rng.normal(-long / 2, 0.02), radius * (1 + 1.7 * row)]),
                lie,
            )
