"""Table tops: many things at arm's length, standing on a board before a wall."""

from __future__ import annotations

import numpy as np

from data_tools.render import props
from data_tools.render.frame import Composition, Frame
from data_tools.render.scenes.viewpoint import rig_for, sunlight
from data_tools.render.space import turn
from data_tools.render.stage import Stage
from data_tools.render.wardrobe import Wardrobe

_BOARDS = {"wood": 0.25, "planks": 0.1, "fabric": 0.2, "photo": 0.1, "marble": 0.1, "noise": 0.1, "checker": 0.05,
           "glyphs": 0.05, "rough": 0.05}  # fmt: skip
_WALLS = {"photo": 0.3, "fabric": 0.15, "noise": 0.15, "bricks": 0.1, "wood": 0.1, "faint": 0.1, "blotches": 0.1}


def compose_table(rng: np.random.Generator, frame: Frame) -> Composition:
    """9-30 things of 4-40 cm."""
    stage, _ = dress_table(rng, frame)
    return stage.finish()


def dress_table(rng: np.random.Generator, frame: Frame, share: float = 1.0) -> tuple[Stage, float]:
    """The stage with about `share` of the usual things on it, and its depth in metres."""
    steep = rng.random() < 0.4
    pitch = float(rng.uniform(0.35, 0.9) if steep else rng.uniform(0.02, 0.35))
    eye = float(rng.uniform(0.4, 0.9) if steep else rng.uniform(0.15, 0.45))
    depth = float(rng.uniform(0.9, 2.4))
    yaw = float(rng.normal(0, 0.2))
    walls = [(np.array([0.0, 1.0, 0.0]), eye), (turn(yaw)[2], depth)]
    corner = rng.random() < 0.35
    if corner:
        side = float(rng.choice([-1.0, 1.0]))
        walls.append((turn(yaw)[0] * side, float(rng.uniform(0.4, 1.2))))
    near = frame.nearest(22, 140)
    rig = rig_for(rng, frame, walls, near * float(rng.uniform(0.6, 1.0)), pitch=(pitch, 0.02))
    stage = Stage(rng, rig, near, Wardrobe(rng, 10), *sunlight(rng, indoors=True))
    stage.ground_y = eye
    stage.plane(*walls[0], stage.wardrobe.large(_BOARDS), metres=float(rng.uniform(0.3, 1.5)))
    wall = stage.wardrobe.large(_WALLS)
    for other in walls[1:]:
        stage.plane(*other, wall, metres=float(rng.uniform(0.5, 2.0)))
    closest = rig.power / near
    for _ in range(round(share * int(rng.integers(9, 27)))):
        x, z = stage.spot(max(closest * 1.05, 0.2), depth * 0.98)
        point = np.array([x, 0.0, z])
        if all(float(normal @ point) < distance - 0.05 for normal, distance in walls[1:]):
            props.clutter(stage, (x, eye, z), float(np.exp(rng.uniform(np.log(0.05), np.log(0.32)))))
    for _ in range(int(rng.integers(0, 5))):  # things that lean or hang in the foreground
        x, z = stage.spot(max(closest * 1.1, 0.25), depth * 0.8)
        start = np.array([x, eye, z])
        end = start + np.array([rng.normal(0, 0.25), -rng.uniform(0.15, 0.7), rng.normal(0, 0.15)])
        stage.rod(start, end, float(rng.uniform(0.003, 0.012)))
    if rng.random() < 0.4:
        x, z = stage.spot(max(closest * 1.4, 0.35), depth * 0.85)
        props.twigs(stage, np.array([x, eye, z]), float(rng.uniform(0.2, 0.6)), int(rng.integers(6, 18)))
    return stage, depth
