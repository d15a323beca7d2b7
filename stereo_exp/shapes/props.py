"""Furniture, vehicles, plants and clutter, put together from a stage's boxes, tubes, balls and panels.

Each maker stands its thing on the world point `foot` (x, y, z in metres, y of the ground that it stands on).
"""

from __future__ import annotations

import math

import numpy as np

from stereo_exp.shapes.space import turn
from stereo_exp.shapes.stage import Stage

Foot = tuple[float, float, float]


def clutter(stage: Stage, foot: Foot, size: float) -> None:
    """One thing of about `size` metres: a box, a tube, a ball, a bottle, a pile of boxes."""
    rng = stage.rng
    x, y, z = foot
    kind = rng.choice(["box", "tube", "ball", "bottle", "pile", "leaning"], p=[0.34, 0.2, 0.14, 0.1, 0.12, 0.1])
    yaw = float(rng.uniform(-math.pi, math.pi))
    wide, high, deep = (float(size * math.exp(v)) for v in rng.normal(0, 0.35, 3))
    stage.shadow(x, z, 0.75 * wide, 0.75 * deep)
    if kind == "box":
        stage.box(foot, (wide, high, deep), yaw)
    elif kind == "tube":
        stage.tube(np.array(foot), high * 1.2, wide / 2)
    elif kind == "ball":
        radii = (wide / 2, wide / 2 * float(rng.choice([1.0, rng.uniform(0.5, 1.6)])), wide / 2)
        stage.ball(np.array([x, y - radii[1], z]), radii, yaw)
    elif kind == "bottle":
        stage.tube(np.array(foot), high, wide / 3)
        stage.tube(np.array([x, y - high, z]), high * 0.5, wide / 9)
    elif kind == "pile":
        for _ in range(int(rng.integers(2, 6))):
            thick = high * float(rng.uniform(0.1, 0.4))
            if not stage.box((x, y, z), (wide * 1.2, thick, deep * 1.2), yaw + float(rng.normal(0, 0.2))):
                return
            y -= thick
    else:
        stage.box(foot, (wide * 0.25, high * 1.6, deep), yaw, tilt=(0.0, float(rng.normal(0, 0.25))))


def chair(stage: Stage, foot: Foot) -> None:
    """A seat on four thin legs, with a back of slats or of one board."""
    rng = stage.rng
    yaw, side, seat = float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(0.38, 0.5)), float(rng.uniform(0.4, 0.5))
    axes = turn(yaw)
    base = np.array(foot)
    atlas = stage.wardrobe.atlas()
    stage.shadow(foot[0], foot[2], side * 0.7, side * 0.7)
    radius, splay = float(rng.uniform(0.01, 0.022)), float(rng.uniform(1.0, 1.2))
    for i in (-0.5, 0.5):
        for k in (-0.5, 0.5):
            top = base + axes[0] * i * side + axes[2] * k * side - axes[1] * seat
            stage.rod(base + (axes[0] * i + axes[2] * k) * side * splay, top, radius, atlas)
    if not stage.box((foot[0], foot[1] - seat, foot[2]), (side, 0.04, side), yaw, [atlas]):
        return
    high, behind = float(rng.uniform(0.35, 0.55)), base + axes[2] * side / 2 - axes[1] * seat
    if rng.random() < 0.6:
        for i in np.linspace(-0.5, 0.5, int(rng.integers(3, 7))):
            start = behind + axes[0] * i * side
            stage.rod(start, start - axes[1] * high, radius * 0.8, atlas)
        stage.rod(
            behind - axes[1] * high - axes[0] * side / 2, behind - axes[1] * high + axes[0] * side / 2, radius, atlas
        )
    else:
        corners = [
            behind + axes[0] * i * side / 2 - axes[1] * j * high for i, j in ((-1, 0.2), (1, 0.2), (1, 1), (-1, 1))
        ]
        stage.panel(np.stack(corners), atlas)


def table(stage: Stage, foot: Foot, laden: bool = True) -> None:
    """A board on four legs, with things upon it."""
    rng = stage.rng
    yaw = float(rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.3))
    wide, deep, high = float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.4, 0.8))
    axes, base, atlas = turn(yaw), np.array(foot), stage.wardrobe.atlas()
    stage.shadow(foot[0], foot[2], wide * 0.6, deep * 0.6)
    if not stage.box((foot[0], foot[1] - high, foot[2]), (wide, 0.04, deep), yaw, [atlas]):
        return
    for i in (-0.46, 0.46):
        for k in (-0.45, 0.45):
            place = base + axes[0] * i * wide + axes[2] * k * deep
            stage.rod(place, place - axes[1] * high, float(rng.uniform(0.015, 0.04)), atlas)
    if laden:
        for _ in range(int(rng.integers(1, 6))):
            i, k = rng.uniform(-0.42, 0.42, 2)
            place = base + axes[0] * i * wide + axes[2] * k * deep - axes[1] * (high + 0.04)
            clutter(stage, (float(place[0]), float(place[1]), float(place[2])), float(rng.uniform(0.06, 0.3)))


def shelf(stage: Stage, foot: Foot, yaw: float, size: tuple[float, float, float]) -> None:
    """Boards one above the other with books and boxes between them; `size` is width, height, depth."""
    rng = stage.rng
    wide, high, deep = size
    axes, base, atlas = turn(yaw), np.array(foot), stage.wardrobe.atlas()
    count = int(rng.integers(2, 6))
    gap = high / count
    stage.panel(_upright(base + axes[2] * deep / 2, axes, wide, high), stage.wardrobe.atlas())
    for i in (-0.5, 0.5):
        place = base + axes[0] * i * wide
        stage.box((float(place[0]), foot[1], float(place[2])), (0.03, high, deep), yaw, [atlas])
    for level in range(count + 1):
        stage.box((foot[0], foot[1] - level * gap, foot[2]), (wide, 0.025, deep), yaw, [atlas])
        if level == count:
            break
        along = -0.48 * wide
        while along < 0.4 * wide:
            thick = float(rng.uniform(0.03, 0.16)) * max(1.0, wide / 1.2)
            if rng.random() < 0.85:
                tall = gap * float(rng.uniform(0.45, 0.85))
                place = base + axes[0] * (along + thick / 2) - axes[1] * (level * gap + 0.025)
                depth = deep * float(rng.uniform(0.5, 0.9))
                stage.box((float(place[0]), float(place[1]), float(place[2])), (thick * 0.95, tall, depth), yaw)
            along += thick


def person(stage: Stage, foot: Foot) -> None:
    """Someone who stands: a head, a body and legs."""
    rng = stage.rng
    x, y, z = foot
    tall, yaw = float(rng.uniform(1.1, 1.9)), float(rng.uniform(-math.pi, math.pi))
    stage.shadow(x, z, 0.35, 0.3)
    if not stage.ball(np.array([x, y - 0.62 * tall, z]), (0.13 * tall, 0.23 * tall, 0.09 * tall), yaw):
        return
    for i in (-0.06, 0.06):
        stage.tube(np.array([x + i * tall, y, z]), 0.48 * tall, 0.045 * tall, (float(rng.normal(0, 0.04)), 0.0))
    stage.ball(np.array([x, y - 0.92 * tall, z]), (0.06 * tall, 0.08 * tall, 0.07 * tall), yaw)


def car(stage: Stage, foot: Foot, yaw: float) -> None:
    """Body, cabin and four wheels."""
    rng = stage.rng
    x, y, z = foot
    wide, long = float(rng.uniform(1.6, 1.9)), float(rng.uniform(3.4, 4.8))
    body, cabin = float(rng.uniform(0.55, 0.8)), float(rng.uniform(0.45, 0.9))
    axes = turn(yaw)
    stage.shadow(x, z, wide * 0.75, long * 0.55, 0.7)
    paint = [stage.wardrobe.bare() if rng.random() < 0.8 else stage.wardrobe.atlas()]
    if not stage.box((x, y - 0.3, z), (wide, body, long), yaw, paint):
        return
    glass = [stage.wardrobe.atlas()]
    place = np.array(foot) + axes[2] * float(rng.uniform(-0.1, 0.1)) * long
    stage.box((float(place[0]), y - 0.3 - body, float(place[2])), (wide * 0.88, cabin, long * 0.55), yaw, glass)
    for i in (-0.44, 0.44):
        for k in (-0.32, 0.32):
            hub = np.array(foot) + axes[0] * i * wide + axes[2] * k * long
            stage.ball(np.array([hub[0], y - 0.32, hub[2]]), (0.12, 0.32, 0.32), yaw)


def pole(stage: Stage, foot: Foot, height: float, radius: float) -> None:
    """A post, some with an arm or a sign."""
    rng = stage.rng
    x, y, z = foot
    lean = float(rng.normal(0, 0.03)) * height
    top = np.array([x + lean, y - height, z])
    stage.shadow(x, z, radius * 3, radius * 3)
    if not stage.rod(np.array(foot), top, radius):
        return
    kind = rng.random()
    if kind < 0.4:
        arm = float(rng.uniform(-1.5, 1.5))
        stage.rod(top, top + np.array([arm, -0.15 * abs(arm), 0.0]), radius * 0.7)
    elif kind < 0.75:
        side = float(rng.uniform(0.2, 0.5))
        stage.box(
            (float(top[0]), float(top[1] + side), z - radius * 2), (side * 1.5, side, 0.03), float(rng.normal(0, 0.2))
        )


def fence(stage: Stage, start: np.ndarray, end: np.ndarray, height: float, radius: float, count: int) -> None:
    """Upright rods between two ground points, held by two rails."""
    atlas = stage.wardrobe.atlas()
    up = np.array([0.0, -height, 0.0])
    for share in np.linspace(0, 1, count):
        place = start + share * (end - start)
        stage.rod(place, place + up, radius, atlas)
    for level in (0.25, 0.9):
        stage.rod(start + up * level, end + up * level, radius, atlas)


def twigs(stage: Stage, root: np.ndarray, size: float, num_leaves: int) -> None:
    """A stem that forks into branches with leaves, of about `size` metres."""
    rng = stage.rng
    bark, leaf = stage.wardrobe.atlas(), stage.wardrobe.atlas()
    tips = []
    for _ in range(int(rng.integers(2, 6))):
        bend = root + np.array([rng.normal(0, 0.12), -rng.uniform(0.25, 0.5), rng.normal(0, 0.12)]) * size
        tip = bend + np.array([rng.normal(0, 0.3), -rng.uniform(0.1, 0.6), rng.normal(0, 0.25)]) * size
        thick = size * float(rng.uniform(0.006, 0.018))
        stage.rod(root, bend, thick * 1.4, bark)
        stage.rod(bend, tip, thick, bark)
        tips.append((bend, tip))
    for _ in range(num_leaves):
        bend, tip = tips[int(rng.integers(len(tips)))]
        base = bend + rng.uniform(0, 1.1) * (tip - bend)
        along, across = rng.normal(0, 1, (2, 3))
        along *= size * rng.uniform(0.08, 0.2) / np.linalg.norm(along)
        across *= size * rng.uniform(0.03, 0.07) / np.linalg.norm(across)
        middle = base + along * 0.45
        stage.panel(np.stack([base, middle + across, base + along, middle - across]), leaf)


def _upright(foot: np.ndarray, axes: np.ndarray, wide: float, high: float) -> np.ndarray:
    """The corners, 4×3, of an upright rectangle that stands on a world point."""
    return np.stack([foot + axes[0] * i * wide / 2 - axes[1] * j * high for i, j in ((-1, 0), (1, 0), (1, 1), (-1, 1))])
