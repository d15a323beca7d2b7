"""Shelves and racks that fill the picture: rows of things one behind the edge of the other."""

from __future__ import annotations

import math

import numpy as np

from data_tools.render import props
from data_tools.render.frame import Composition, Frame
from data_tools.render.scenes.viewpoint import rig_for, sunlight
from data_tools.render.space import turn
from data_tools.render.stage import Stage
from data_tools.render.wardrobe import Wardrobe

_WALLS = {"photo": 0.25, "bricks": 0.15, "stripes": 0.1, "wood": 0.2, "noise": 0.15, "tiles": 0.15}


def compose_shelf(rng: np.random.Generator, frame: Frame) -> Composition:
    """One or two shelves before a wall, with things that stand before them."""
    eye, away, yaw = float(rng.uniform(0.5, 1.4)), float(rng.uniform(0.8, 2.2)), float(rng.normal(0, 0.4))
    axes = turn(yaw)
    deep = float(rng.uniform(0.2, 0.45))
    walls = [(np.array([0.0, 1.0, 0.0]), eye), (axes[2], away + deep)]
    near = frame.nearest(20, 140)
    rig = rig_for(rng, frame, walls, near * float(rng.uniform(0.5, 0.85)), pitch=(0.05, 0.12))
    stage = Stage(rng, rig, near, Wardrobe(rng, 10), *sunlight(rng, indoors=True))
    stage.ground_y = eye
    stage.plane(*walls[0], stage.wardrobe.large(_WALLS), metres=float(rng.uniform(0.5, 2.0)))
    stage.plane(*walls[1], stage.wardrobe.large(_WALLS), metres=float(rng.uniform(0.5, 2.0)))
    wide = float(rng.uniform(0.7, 1.5))
    for i in range(int(rng.integers(1, 3))):
        middle = axes[2] * (away + deep / 2) + axes[0] * (float(rng.normal(0, 0.25)) + (i * (wide + 0.05)))
        high = eye + float(rng.uniform(0.3, 1.0))
        props.shelf(stage, (float(middle[0]), eye, float(middle[2])), yaw, (wide, high, deep))
    closest = rig.power / near
    for _ in range(int(rng.integers(0, 6))):
        x, z = stage.spot(max(closest * 1.1, 0.3), away * 0.95)
        props.clutter(stage, (x, eye, z), float(math.exp(rng.uniform(math.log(0.1), math.log(0.5)))))
    return stage.finish()
