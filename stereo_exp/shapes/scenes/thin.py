"""Thin things near the cameras: wires, fences, branches, chair legs, before a room, a street or a table."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from stereo_exp.shapes import props
from stereo_exp.shapes.scene import Composition, Frame
from stereo_exp.shapes.scenes.indoors import dress_room, dress_table
from stereo_exp.shapes.scenes.street import dress_street
from stereo_exp.shapes.stage import Stage


def compose_thin(rng: np.random.Generator, frame: Frame) -> Composition:
    """Another scene of space, sparsely furnished, with 2-4 groups of thin things in its front half."""
    dress = (dress_room, dress_street, dress_table)[int(rng.integers(3))]
    stage, depth = dress(rng, frame, 0.35)
    closest = stage.rig.power / stage.limit
    for _ in range(int(rng.integers(2, 5))):
        z = math.exp(rng.uniform(math.log(closest * 1.08), math.log(max(min(closest * 3.5, depth), closest * 1.2))))
        kind = rng.choice(["wires", "fence", "branch", "grate", "chair"], p=[0.25, 0.2, 0.25, 0.15, 0.15])
        _GROUPS[str(kind)](stage, z)
    return stage.finish()


def _place(stage: Stage, z: float) -> np.ndarray:
    """A world point in sight at about the depth z."""
    rng, rig = stage.rng, stage.rig
    ray = rig.ray(rng.uniform(0, 1.1) * rig.width, rng.uniform(0, 1) * rig.height)
    point: np.ndarray = ray / ray[2] * z
    return point


def _pixels(stage: Stage, z: float, low: float, high: float) -> float:
    """Metres at depth z that look between `low` and `high` pixels wide; at 256 rows, in proportion at others."""
    scale = max(stage.rig.height / 256, 0.5)
    return math.exp(stage.rng.uniform(math.log(low * scale), math.log(high * scale))) * z / stage.rig.focal


def _wires(stage: Stage, z: float) -> None:
    """Ropes and cables that sag, side by side."""
    rng = stage.rng
    span = stage.rig.width / stage.rig.focal * z
    middle, slope = _place(stage, z), rng.normal(0, 0.5)
    radius, atlas = _pixels(stage, z, 0.6, 2.0), stage.wardrobe.atlas()
    upright, sag = rng.random() < 0.3, rng.uniform(0, 0.1)
    for i in range(int(rng.integers(1, 5))):
        shift = i * _pixels(stage, z, 5, 30)
        points = []
        for t in np.linspace(-1, 1, 6):
            along, across = 0.8 * span * t, slope * 0.3 * span * t + sag * span * (t * t - 1) + shift
            step = [across, along, 0.0] if upright else [along, across, rng.normal(0, 0.01) * z]
            points.append(middle + np.array(step))
        for start, end in pairwise(points):
            stage.rod(start, end, radius, atlas)


def _fence(stage: Stage, z: float) -> None:
    rng = stage.rng
    middle = _place(stage, z)
    middle[1] = stage.ground_y
    along = np.array([1.0, 0.0, rng.normal(0, 0.4)]) * stage.rig.width / stage.rig.focal * z * rng.uniform(0.25, 0.8)
    high = min(stage.ground_y * rng.uniform(0.7, 1.6), stage.rig.height / stage.rig.focal * z * 1.2)
    props.fence(stage, middle - along, middle + along, high, _pixels(stage, z, 0.8, 3.5), int(rng.integers(7, 22)))


def _branch(stage: Stage, z: float) -> None:
    size = stage.rig.height / stage.rig.focal * z * stage.rng.uniform(0.5, 1.4)
    root = _place(stage, z)
    root[1] += 0.4 * size
    props.twigs(stage, root, float(size), int(stage.rng.integers(6, 18)))


def _grate(stage: Stage, z: float) -> None:
    """Bars across each other in one plane, some of them at a slant: a trellis, a scaffold, a bicycle's spokes."""
    rng = stage.rng
    middle, radius, atlas = _place(stage, z), _pixels(stage, z, 0.6, 2.0), stage.wardrobe.atlas()
    size, turned, lean = _pixels(stage, z, 40, 130), rng.uniform(0, math.pi), rng.normal(0, 0.3)
    for direction in (turned, turned + rng.uniform(0.7, 1.6)):
        along = np.array([math.cos(direction), math.sin(direction), lean * math.cos(direction)]) * size
        across = np.array([-math.sin(direction), math.cos(direction), -lean * math.sin(direction)]) * size
        for share in np.linspace(-1, 1, int(rng.integers(3, 9))):
            stage.rod(middle + across * share - along, middle + across * share + along, radius, atlas)


def _chair(stage: Stage, z: float) -> None:
    foot = _place(stage, z)
    props.chair(stage, (float(foot[0]), stage.ground_y, float(foot[2])))


_GROUPS = {"wires": _wires, "fence": _fence, "branch": _branch, "grate": _grate, "chair": _chair}
