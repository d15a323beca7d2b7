"""Rooms and corridors: floor, ceiling and walls in perspective, with furniture.

Inside a convex room the wall that is seen is the one of the largest disparity, so that endless planes and the
depth buffer make the room.
"""

from __future__ import annotations

import math

import numpy as np

from stereo_exp.shapes import props
from stereo_exp.shapes.scene import Composition, Frame
from stereo_exp.shapes.scenes.viewpoint import rig_for, sunlight
from stereo_exp.shapes.space import turn
from stereo_exp.shapes.stage import Stage
from stereo_exp.shapes.wardrobe import Wardrobe

_FLOORS = {"planks": 0.25, "tiles": 0.2, "checker": 0.1, "fabric": 0.15, "rough": 0.15, "marble": 0.1, "wood": 0.05}
_ROOM_WALLS = {"photo": 0.2, "bricks": 0.15, "stripes": 0.1, "fabric": 0.1, "faint": 0.2, "noise": 0.15, "tiles": 0.1}


def compose_room(rng: np.random.Generator, frame: Frame) -> Composition:
    """A room of 2.5-9 m, or a corridor."""
    stage, _ = dress_room(rng, frame)
    return stage.finish()


def dress_room(rng: np.random.Generator, frame: Frame, share: float = 1.0) -> tuple[Stage, float]:
    """The stage with about `share` of the usual things on it, and its depth in metres."""
    corridor = rng.random() < 0.25
    eye = float(rng.uniform(0.6, 1.8))
    ceiling = eye + float(rng.uniform(0.6, 1.6))
    depth = float(rng.uniform(6, 18) if corridor else rng.uniform(2.5, 7))
    left, right = (float(v) for v in (rng.uniform(0.6, 1.6, 2) if corridor else rng.uniform(1.2, 4.0, 2)))
    yaw = float(rng.normal(0, 0.1 if corridor else 0.35))
    axes = turn(yaw)
    walls = [
        (np.array([0.0, 1.0, 0.0]), eye),
        (np.array([0.0, -1.0, 0.0]), ceiling),
        (-axes[0], left),
        (axes[0], right),
        (axes[2], depth),
    ]
    near = frame.nearest(9, 150)
    rig = rig_for(rng, frame, walls, near * float(rng.uniform(0.55, 1.0)), pitch=(0.06, 0.12))
    stage = Stage(rng, rig, near, Wardrobe(rng), *sunlight(rng, indoors=True))
    stage.ground_y = eye
    floor = stage.wardrobe.large(_FLOORS)
    wall = stage.wardrobe.large(_ROOM_WALLS)
    back = wall if rng.random() < 0.6 else stage.wardrobe.large(_ROOM_WALLS)
    stage.plane(*walls[0], floor, metres=float(rng.uniform(0.8, 3.0)))
    stage.plane(*walls[1], stage.wardrobe.large({"tiles": 0.4, "rough": 0.6}, plain=0.75), metres=2.5)
    metres = float(rng.uniform(1.0, 4.0))
    for i, atlas in ((2, wall), (3, wall), (4, back)):
        stage.plane(*walls[i], atlas, metres=metres)

    closest = rig.power / near
    for _ in range(int(rng.integers(2, 8))):
        _on_wall(stage, walls[2:], eye, ceiling)
    pieces = round(share * int(rng.integers(4, 12)))
    for _ in range(pieces):
        x, z = stage.spot(max(closest * 1.3, 0.6), depth)
        foot = (x, eye, z)
        if not _within(walls[2:], np.array([x, 0.0, z]), margin=0.25):
            continue
        kind = rng.choice(["chair", "table", "clutter", "shelf", "person", "plant", "lamp"])
        if kind == "chair":
            props.chair(stage, foot)
        elif kind == "table":
            props.table(stage, foot)
        elif kind == "shelf":
            size = tuple(rng.uniform([0.5, 0.8, 0.25], [1.4, 2.2, 0.4]).tolist())
            props.shelf(stage, foot, yaw + float(rng.choice([0.0, 0.5 * math.pi, -0.5 * math.pi])), size)
        elif kind == "person":
            props.person(stage, foot)
        elif kind == "plant":
            stage.tube(np.array(foot), 0.3, 0.14)
            props.twigs(stage, np.array([x, eye - 0.3, z]), float(rng.uniform(0.4, 1.0)), int(rng.integers(6, 20)))
        elif kind == "lamp":
            props.pole(stage, foot, float(rng.uniform(1.2, 1.8)), 0.015)
        else:
            props.clutter(stage, foot, float(rng.uniform(0.15, 0.8)))
    return stage, depth


def _within(walls: list[tuple[np.ndarray, float]], point: np.ndarray, margin: float) -> bool:
    return all(float(normal @ point) < distance - margin for normal, distance in walls)


def _on_wall(stage: Stage, walls: list[tuple[np.ndarray, float]], eye: float, ceiling: float) -> None:
    """A picture, a door or a window, a little in front of the wall that is seen at some pixel."""
    rng = stage.rng
    ray = stage.rig.ray(rng.uniform(0, 1.1) * stage.rig.width, rng.uniform(0, 1) * stage.rig.height)
    normal, distance = max(walls, key=lambda wall: float(wall[0] @ ray) / wall[1])
    facing = float(normal @ ray)
    if facing <= 0.05:
        return
    place = ray * (distance / facing) - normal * float(rng.uniform(0.005, 0.06))
    along = np.cross(np.array([0.0, 1.0, 0.0]), normal)
    room = eye + ceiling
    wide, high = (float(v) for v in rng.uniform(0.25, 1.3, 2))
    high = min(high, 0.9 * room)
    if rng.random() < 0.25:  # a door stands on the floor
        wide, high = 0.9, min(2.0, room - 0.1)
        place[1] = eye - high / 2
    place[1] = float(np.clip(place[1], -ceiling + high / 2, eye - high / 2))
    down = np.array([0.0, 1.0, 0.0])
    corners = [place + along * i * wide / 2 + down * j * high / 2 for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    stage.panel(np.stack(corners))


# Shelves and racks that fill the picture: rows of things one behind the edge of the other.


_SHELF_WALLS = {"photo": 0.25, "bricks": 0.15, "stripes": 0.1, "wood": 0.2, "noise": 0.15, "tiles": 0.15}


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
    stage.plane(*walls[0], stage.wardrobe.large(_SHELF_WALLS), metres=float(rng.uniform(0.5, 2.0)))
    stage.plane(*walls[1], stage.wardrobe.large(_SHELF_WALLS), metres=float(rng.uniform(0.5, 2.0)))
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


# Table tops: many things at arm's length, standing on a board before a wall.


_BOARDS = {"wood": 0.25, "planks": 0.1, "fabric": 0.2, "photo": 0.1, "marble": 0.1, "noise": 0.1, "checker": 0.05,
           "glyphs": 0.05, "rough": 0.05}  # fmt: skip
_TABLE_WALLS = {"photo": 0.3, "fabric": 0.15, "noise": 0.15, "bricks": 0.1, "wood": 0.1, "faint": 0.1, "blotches": 0.1}


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
    wall = stage.wardrobe.large(_TABLE_WALLS)
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
