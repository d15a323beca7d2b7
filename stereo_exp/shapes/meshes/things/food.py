"""Fruit, bread and other food."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import Numbers, smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe
from stereo_exp.shapes.meshes.sheets import build_leaves
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.stones import build_lump
from stereo_exp.shapes.meshes.tubes import build_tubes

ROUND = ("apple", "orange", "pear", "lemon", "tomato", "pumpkin")


def add_fruit(kit: Kit, size: float, at: Numbers, kind: str | None = None) -> None:
    """One fruit of `size` metres across about a point, lying anyhow."""
    rng = kit.rng
    name = str(rng.choice(ROUND)) if kind is None else kind
    slot, radius = kit.pick("paint", "plastic"), size / 2
    t = np.linspace(0, np.pi, 15)
    around, height = np.sin(t), -np.cos(t)
    segments, rim = 22, None
    if name == "apple":
        around, height = (
            around * (1 - 0.1 * height),
            height * 0.9 - 0.25 * np.exp(-((t - np.pi) ** 2) * 6) + 0.12 * np.exp(-(t**2) * 8),
        )
    elif name == "pear":
        around, height = around * np.where(height > 0, 1 - 0.5 * height, 1), np.where(height > 0, height * 1.5, height)
    elif name == "lemon":
        around, height = around * 0.8, height * 1.05 + 0.12 * np.sign(height) * np.exp(-((around) ** 2) * 30)
    elif name in ("tomato", "pumpkin"):
        height = height * 0.75 - 0.15 * np.exp(-((t - np.pi) ** 2) * 5)
        angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
        rim = 1 + (0.03 if name == "tomato" else 0.08) * np.abs(np.cos(angle * 2.5))
    profile = np.column_stack([np.maximum(around, 0) * radius, height * radius])
    profile[[0, -1], 0] = 0
    turn = turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 1.2))
    kit.add(slot, build_lathe(profile, segments, rim), at, turn)
    if rng.random() < 0.7:
        top = float(profile[-1, 1])
        stem = np.array([[0, 0, top - 0.03 * size], [0, 0, top + 0.06 * size], [0.04 * size, 0, top + 0.14 * size]])
        kit.add(kit.pick("bark"), build_tubes(stem, max(0.02 * size, 0.001), 5), at, turn)


@register("surface", "air", share=1.5)
def build_fruit(kit: Kit) -> None:
    """One fruit, or a few of one kind, or bananas."""
    rng = kit.rng
    if rng.random() < 0.2:
        _add_bananas(kit)
        return
    kind, size = str(rng.choice(ROUND)), rng.uniform(0.05, 0.1)
    if kind == "pumpkin":
        size = rng.uniform(0.12, 0.3)
    count = 1 if kind == "pumpkin" else int(rng.choice([1, 1, 2, 3, 4, 5]))
    for i in range(count):
        angle = 2.4 * i
        out = 0.52 * size * np.sqrt(i) * 1.1 + (0.05 * size if i else 0)
        add_fruit(kit, size * rng.uniform(0.88, 1.08), [out * np.cos(angle), out * np.sin(angle), size / 2], kind)


def _add_bananas(kit: Kit) -> None:
    rng = kit.rng
    slot = kit.pick("paint", "plastic")
    for i in range(int(rng.integers(1, 6))):
        long, thick = rng.uniform(0.15, 0.2), rng.uniform(0.014, 0.019)
        t = np.linspace(-0.7, 0.75, 14)
        path = np.column_stack([long * 0.75 * np.sin(t), np.zeros(14), long * 0.75 * (1 - np.cos(t))])
        radius = thick * np.array([0.3, 0.75, 0.95, 1, 1, 1, 1, 1, 1, 0.98, 0.85, 0.55, 0.3, 0.28])
        turn = turn_about(2, 0.22 * i) @ turn_about(0, np.pi / 2 - 0.12 * i)
        kit.add(slot, build_tubes(path, radius, 6), [0.01 * i, 0.028 * i, 0.02 + 0.003 * i], turn)


@register("surface", "air", share=0.7)
def build_bread(kit: Kit) -> None:
    """A loaf, a long bread or rolls."""
    rng = kit.rng
    slot = kit.pick("wood", "soil", "paper")
    long = rng.choice([rng.uniform(0.06, 0.1), rng.uniform(0.2, 0.3), rng.uniform(0.4, 0.6)])
    wide = rng.uniform(0.06, 0.1) if long > 0.35 else long * rng.uniform(0.45, 0.8)
    for i in range(int(rng.integers(1, 5)) if long < 0.12 else 1):
        loaf = build_lump(rng, [long / 2, wide / 2, wide * rng.uniform(0.28, 0.42)], 3, 0.05, flat_base=0.5, boxy=2.6)
        kit.add(slot, loaf, [0.06 * i, rng.uniform(-0.07, 0.07), 0], turn_about(2, rng.uniform(-0.5, 0.5)))


@register("surface", "air", share=0.7)
def build_vegetable(kit: Kit) -> None:
    """A carrot, a leek, a radish: a root with its leaves."""
    rng = kit.rng
    root, leaf = kit.pick("paint", "plastic"), kit.pick("leaf")
    for i in range(int(rng.integers(1, 5))):
        long, thick = rng.uniform(0.1, 0.22), rng.uniform(0.01, 0.022)
        x = np.linspace(0, long, 8)
        path = np.column_stack([x, rng.normal(0, 0.0015, 8).cumsum(), np.full(8, thick)])
        at, turn = [0, i * 0.05, 0], turn_about(2, rng.normal(0, 0.2))
        kit.add(root, build_tubes(path, thick * np.array([0.5, 0.95, 1, 0.9, 0.75, 0.55, 0.3, 0.05]), 10), at, turn)
        count = int(rng.integers(4, 9))
        start = np.tile([0.0, 0.0, thick], (count, 1))
        way = np.column_stack([np.full(count, -1.0), rng.uniform(-0.5, 0.5, count), rng.uniform(-0.05, 0.5, count)])
        stalk = np.stack([start, start + 0.05 * way, start + 0.1 * way - [0, 0, 0.01]], axis=1)
        kit.add(leaf, build_tubes(smooth_points(stalk, 5), 0.0015, 4), at, turn)
        frames = aim_frames(stalk[:, 1], way, 0.1, wide=0.8)
        kit.add(leaf, build_leaves([[0, 0], [0.3, 0.1], [0.6, 0.16], [0.85, 0.1], [1, 0]], frames, 0.2, 0.2), at, turn)
