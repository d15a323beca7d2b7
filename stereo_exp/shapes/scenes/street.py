"""Streets, yards and paths: ground to the horizon under a sky, with fronts of houses, trees, cars and poles."""

from __future__ import annotations

import math

import cv2
import numpy as np

from stereo_exp.shapes import props
from stereo_exp.shapes.item import Sheet
from stereo_exp.shapes.paint import Atlas, noise_field
from stereo_exp.shapes.scene import Composition, Frame
from stereo_exp.shapes.scenes.viewpoint import rig_for, sunlight
from stereo_exp.shapes.stage import Stage
from stereo_exp.shapes.surface import LOWEST, Surface
from stereo_exp.shapes.textures import Texture
from stereo_exp.shapes.wardrobe import Wardrobe

_GROUND = {"rough": 0.5, "tiles": 0.1, "bricks": 0.1, "foliage": 0.15, "noise": 0.15}
_FRONTS = {"facade": 0.55, "bricks": 0.15, "photo": 0.1, "planks": 0.1, "rough": 0.1}


def compose_street(rng: np.random.Generator, frame: Frame) -> Composition:
    """A street between houses, or a path in the open."""
    stage, _ = dress_street(rng, frame)
    return stage.finish()


def dress_street(rng: np.random.Generator, frame: Frame, share: float = 1.0) -> tuple[Stage, float]:
    """The stage with about `share` of the usual things on it, and its depth in metres."""
    eye = float(rng.uniform(1.0, 2.2))
    ground = (np.array([0.0, 1.0, 0.0]), eye)
    near = frame.nearest(14, 175)
    rig = rig_for(rng, frame, [ground], near * float(rng.uniform(0.45, 1.0)), pitch=(0.02, 0.05))
    stage = Stage(rng, rig, near, Wardrobe(rng), *sunlight(rng, indoors=False))
    stage.ground_y = eye
    stage.backdrop.append(_sky(rng, frame))
    stage.plane(*ground, stage.wardrobe.large(_GROUND, plain=0.25), metres=float(rng.uniform(1.5, 6)), gloss=False)
    closest = rig.power / near
    town = rng.random() < 0.7
    road = float(rng.uniform(3, 9))
    _verges(stage, eye, road, closest)
    fronts = [stage.wardrobe.large(_FRONTS) for _ in range(int(rng.integers(1, 4)))]
    for side in (-1.0, 1.0):
        if town or rng.random() < 0.3:
            _houses(stage, side, road + float(rng.uniform(0.5, 4)), eye, closest, fronts)
        else:
            _trees(stage, side, road, eye, closest)
    if rng.random() < 0.7:  # what closes the view
        distance = float(rng.uniform(25, 90))
        for _ in range(int(rng.integers(1, 6))):
            x = float(rng.uniform(-1, 1)) * distance * 0.6
            size = (float(rng.uniform(8, 30)), float(rng.uniform(4, 16)), 8.0)
            stage.box((x, eye, distance), size, float(rng.normal(0, 0.2)), [fronts[int(rng.integers(len(fronts)))]])
    for _ in range(round(share * int(rng.integers(1, 6)))):
        z = float(np.exp(rng.uniform(math.log(max(closest * 1.5, 5)), math.log(45))))
        lane = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 0.85) * road)
        props.car(stage, (lane, eye, z), float(rng.normal(0, 0.05) + rng.choice([0.0, 0.0, 0.5 * math.pi])))
    for _ in range(round(share * int(rng.integers(0, 5)))):
        x, z = stage.spot(max(closest * 1.2, 2.5), 25)
        props.person(stage, (x, eye, z))
    for _ in range(round(share * int(rng.integers(0, 6)))):
        x, z = stage.spot(max(closest * 1.2, 2.5), 30)
        props.pole(stage, (x, eye, z), float(rng.uniform(2, 8)), float(rng.uniform(0.03, 0.12)))
    if rng.random() < 0.35:
        x, z = stage.spot(max(closest * 1.3, 3), 12)
        way = rng.normal(0, 1, 2)
        start = np.array([x, eye, z])
        end = start + np.array([way[0], 0.0, abs(way[1])]) / np.linalg.norm(way) * rng.uniform(2, 8)
        props.fence(
            stage, start, end, float(rng.uniform(0.7, 1.6)), float(rng.uniform(0.01, 0.04)), int(rng.integers(6, 18))
        )
    for _ in range(int(rng.integers(0, 4))):
        x, z = stage.spot(max(closest * 1.2, 2), 10)
        props.clutter(stage, (x, eye, z), float(rng.uniform(0.3, 1.2)))
    return stage, 40.0


def _sky(rng: np.random.Generator, frame: Frame) -> Sheet:
    """Clouds before a gradient, at the least disparity that there is."""
    side = 256
    clouds = noise_field(rng, side, persistence=0.55) if rng.random() < 0.65 else np.zeros((side, side), np.float32)
    clouds = np.clip((clouds - np.float32(rng.uniform(0.3, 0.6))) * np.float32(rng.uniform(1, 3)), 0, 1)[..., None]
    top = np.array([rng.uniform(40, 160), rng.uniform(100, 190), rng.uniform(170, 250)])
    grey = rng.uniform(120, 250)
    top += (grey - top) * rng.uniform(0, 1)
    low = top + (np.array([235, 235, 240]) - top) * rng.uniform(0.2, 0.9)
    rows = np.linspace(0, 1, side)[:, None, None]
    sky = top + rows * (low - top)
    sky = sky + clouds * (np.array([245, 245, 245]) * rng.uniform(0.7, 1.0) - sky)
    tile = cv2.GaussianBlur(np.clip(sky, 0, 255).astype(np.uint8), (0, 0), 1.0)
    zoom_x, zoom_y = side / (frame.width * rng.uniform(1.1, 2.0)), side / frame.height
    matrix = np.array([[zoom_x, 0, rng.uniform(0, 100)], [0, zoom_y, 0]])
    return Sheet(Surface(a=LOWEST + 2e-3), Texture("sky", tile, matrix), None)


def _verges(stage: Stage, eye: float, road: float, closest: float) -> None:
    """Pavements or grass beside the road, and lines upon it."""
    rng = stage.rng
    start, end = max(closest * 0.9, 0.6), 80.0
    atlas = stage.wardrobe.large({"tiles": 0.3, "foliage": 0.4, "rough": 0.3}, plain=0.15)
    for side in (-1.0, 1.0):
        if rng.random() < 0.7:
            inner, outer, rise = side * road * 0.9, side * (road + 25), float(rng.uniform(0.02, 0.15))
            corners = [(inner, start), (outer, start), (outer, end), (inner, end)]
            stage.panel(np.array([[x, eye - rise, z] for x, z in corners]), atlas, float(rng.uniform(1.5, 5)))
    if rng.random() < 0.6:
        paint = stage.wardrobe.bare()
        x, wide = float(rng.uniform(-0.5, 0.5)) * road, 0.08
        z, dash = start, float(rng.choice([3.0, 70.0]))
        while z < 40:
            corners = [(x - wide, z), (x + wide, z), (x + wide, z + dash), (x - wide, z + dash)]
            stage.panel(np.array([[u, eye - 0.004, w] for u, w in corners]), paint, 2.0, light=1.3)
            z += 2 * dash


def _houses(stage: Stage, side: float, away: float, eye: float, closest: float, fronts: list[Atlas]) -> None:
    """A row of houses along one side."""
    rng = stage.rng
    z = max(closest, 2.0) + float(rng.uniform(0, 6))
    while z < 70:
        wide, high, deep = (float(v) for v in (rng.uniform(5, 16), rng.uniform(3, 14), rng.uniform(6, 10)))
        x = side * (away + float(rng.uniform(0, 1.5)) + deep / 2)
        atlas = fronts[int(rng.integers(len(fronts)))]
        stage.box(
            (x, eye, z + wide / 2), (deep, high, wide), float(rng.normal(0, 0.02)), [atlas], float(rng.uniform(5, 12))
        )
        z += wide + float(rng.choice([0.0, rng.uniform(1, 6)]))


def _trees(stage: Stage, side: float, away: float, eye: float, closest: float) -> None:
    """Trees: a trunk with crowns of leaves."""
    rng = stage.rng
    z = max(closest * 1.5, 4.0)
    leaves = stage.wardrobe.large({"foliage": 0.8, "noise": 0.2}, plain=0.05)
    while z < 50:
        z *= float(rng.uniform(1.15, 1.7))
        x = side * (away + float(rng.uniform(0, 5)))
        tall, thick = float(rng.uniform(3, 8)), float(rng.uniform(0.08, 0.25))
        stage.shadow(x, z, tall * 0.4, tall * 0.4)
        stage.tube(np.array([x, eye, z]), tall * 0.7, thick)
        for _ in range(int(rng.integers(2, 5))):
            shift = rng.normal(0, 0.16, 3) * tall
            radius = tall * rng.uniform(0.15, 0.35, 3)
            stage.ball(np.array([x, eye - tall * 0.85, z]) + shift, tuple(radius.tolist()), atlas=leaves)
