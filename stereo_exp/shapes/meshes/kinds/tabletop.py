"""A crowded table close by, before a wall or two: what Middlebury shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stereo_exp.shapes.meshes.camera import StereoRig, look_at
from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.kinds.dress import Dresser
from stereo_exp.shapes.meshes.kinds.placing import Piece, Taken, draw_piece, pile_on, turn_bounds
from stereo_exp.shapes.meshes.kinds.room import WALLS, build_quad, make_triple, sample_sky
from stereo_exp.shapes.meshes.lights import Lamp, Light, Window
from stereo_exp.shapes.meshes.scene import MeshScene, Placed, place
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.scene import log_mix

_THINGS = (14, 44)
_LARGEST = 0.45  # metres
_TOPS = {"wood": 3, "planks": 1, "fabric": 2, "none": 2, "faint": 2, "tiles": 0.7, "marble": 1, "photo": 0.7,
         "checker": 0.5, "noise": 0.5, "stripes": 0.5}  # fmt: skip
_BEHIND = {**WALLS, "photo": 1.5, "noise": 1, "marble": 0.5, "glyphs": 0.5, "foliage": 0.5}


class Tabletop:
    """A board, walls behind it, and many things of 5-50 cm, some leaning boards among them.

    Args:
        rng: the scene's.
        models: models from outside that it may hold.
        textures: pictures from outside that may lie on its surfaces.
    """

    name = "tabletop"
    nearest = 0.12

    def __init__(self, rng: np.random.Generator, models: Sequence[Source] = (), textures: Sequence[str] = ()) -> None:
        self.dresser = Dresser(rng, models=models, textures=textures)
        self._pieces = [
            draw_piece(rng, self.dresser, "surface", largest=0.6, faces=5000)
            for _ in range(int(rng.integers(*_THINGS)))
        ]
        # So large that the things crowd it: a share of the board is under their feet.
        feet = sum(float(np.prod(np.minimum(piece.thing.size[:2], _LARGEST))) for piece in self._pieces)
        area, shape = feet / float(rng.uniform(0.55, 1.0)), float(rng.uniform(1.3, 2.4))
        self.wide, self.deep = math.sqrt(area * shape), math.sqrt(area / shape)
        self._top = self.dresser.cover(_TOPS, (0.25, 1.2), gloss=0.04 * (rng.random() < 0.5), rough=(0.12, 0.4))
        self._walls = [self.dresser.cover(_BEHIND, (0.3, 1.8)) for _ in range(2)]
        self._boards = [
            self.dresser.cover({**_TOPS, "glyphs": 1}, (0.15, 0.7), side=256) for _ in range(int(rng.integers(0, 4)))
        ]
        self._corner = rng.random() < 0.3
        self._slant = float(rng.normal(0, 0.25))
        self._sky = sample_sky(rng, 0.3)

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """Set the table anew."""
        back = self.deep / 2 + float(rng.uniform(0.03, 0.6)) * (rng.random() < 0.75)
        placed = [
            Placed(build_boxes([0, 0, -0.02], [self.wide * 2.2, self.deep * 1.6, 0.04], bevel=0.005), [self._top]),
            *self._raise_walls(back),
        ]
        taken = Taken(0.006)
        placed += self._lean_boards(rng, taken, back)
        # The tall ones first, at the back, as one sets a table for a picture; a third anywhere.
        order = sorted(range(len(self._pieces)), key=lambda k: -self._pieces[k].thing.size[2] * rng.uniform(0.5, 1.5))
        # The smallest are kept for the tops of others.
        upper, lower = order[len(order) - len(order) // 5 :], order[: len(order) - len(order) // 5]
        standing = []
        for rank, k in enumerate(lower):
            found = self._set(rng, self._pieces[k], rank / max(len(lower) - 1, 1), taken)
            placed += found
            standing += [(self._pieces[k], each) for each in found]
        small = [self._pieces[k] for k in upper]
        for k in rng.permutation(len(standing)):
            piece, below = standing[k]
            if small and float(piece.thing.size[:2].min()) > 0.1:
                found = pile_on(rng, piece, below.matrix, small[-1:], tries=4, taken=taken, lowest=0.02)
                placed += found
                small = small[: len(small) - len(found)]
        return MeshScene(placed, self._draw_lights(rng), self._sky, kind=self.name)

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras that see the things fill the picture, from slightly above."""
        focal = log_mix(450, 1500, rng.random())
        # So far that a part of the table's width fills the picture.
        span = self.wide * float(rng.uniform(0.55, 1.0))
        away = span * focal / 640 + self.deep * 0.3
        side, rise = float(rng.normal(0, 0.3)), abs(float(rng.normal(0.3, 0.2))) + 0.03
        target = np.array([rng.normal(0, 0.12) * self.wide, rng.uniform(-0.1, 0.15), rng.uniform(0.02, 0.2)])
        towards = np.array([math.sin(side) * math.cos(rise), -math.cos(side) * math.cos(rise), math.sin(rise)])
        roll = float(rng.normal(0, 0.02))
        return look_at(target + away * towards, target, focal=focal, baseline=0.1, roll=roll)

    def _raise_walls(self, back: float) -> list[Placed]:
        high, half = 2.5, 4.0
        c, s = math.cos(self._slant), math.sin(self._slant)
        if not self._corner:
            ring = np.array([[-half * c, back - half * s * 0.3, -1], [half * c, back + half * s * 0.3, -1]])
            ring = np.vstack([ring, ring[::-1] + np.array([0, 0, high + 1])])
            return [Placed(build_quad(ring), [self._walls[0]])]
        walls = []
        for k, sign in enumerate((-1, 1)):
            end = np.array([sign * half, back - half * 0.8, 0.0])
            start = np.array([0.15 * s * self.wide, back + 0.3, 0.0])
            low = [end, start] if sign < 0 else [start, end]
            ring = np.array([*low, *low[::-1]]) + np.array([[0, 0, -1], [0, 0, -1], [0, 0, high], [0, 0, high]])
            walls.append(Placed(build_quad(ring), [self._walls[k]]))
        return walls

    def _lean_boards(self, rng: np.random.Generator, taken: Taken, back: float) -> list[Placed]:
        """Boards that lean or stand slanted behind the things."""
        placed = []
        for material in self._boards:
            wide, high, lean = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.05, 0.5))
            turn = float(rng.normal(0, 0.5))
            x, y = float(rng.uniform(-0.5, 0.5)) * self.wide, float(rng.uniform(0.0, 0.42)) * self.deep
            tilt = np.array([[1, 0, 0], [0, math.cos(lean), math.sin(lean)], [0, -math.sin(lean), math.cos(lean)]])
            board = build_boxes([0, 0, high / 2], [wide, 0.012, high], bevel=0.002)
            reach = np.array([[-wide / 2, -0.01, 0], [wide / 2, high * math.sin(lean), high]])
            box = turn_bounds(reach, turn) + np.array([x, y, 0])
            if box[1, 1] > back or not taken.claim(box):
                continue
            spin = place(turn=turn)[:, :3] @ tilt
            placed.append(Placed(board, [material], np.column_stack([spin, [x, y, 0.003]])))
        return placed

    def _set(self, rng: np.random.Generator, piece: Piece, rank: float, taken: Taken) -> list[Placed]:
        scale = float(np.exp(rng.normal(0, 0.2)))
        size = float(piece.thing.size.max()) * scale
        scale *= min(_LARGEST / size, 1.0) if size > 0.05 else 0.05 / max(size, 1e-3)
        for _ in range(30):
            turn = float(rng.uniform(-math.pi, math.pi))
            x = float(rng.uniform(-0.55, 0.55)) * self.wide
            y = (
                float(rng.uniform(-0.45, 0.45))
                if rng.random() < 0.35
                else float(0.4 - 0.8 * rank + rng.normal(0, 0.12))
            )
            y = float(np.clip(y, -0.5, 0.45)) * self.deep
            box = turn_bounds(piece.bounds, turn, scale) + np.array([x, y, 0])
            if box[1, 1] < self.deep / 2 and taken.claim(box):
                return [piece.stand(x, y, 5e-4 - float(piece.bounds[0, 2]) * scale, turn, scale)]
        return []

    def _draw_lights(self, rng: np.random.Generator) -> list[Light]:
        """A window or a softbox at a side, a lamp now and then."""
        lights: list[Light] = []
        for _ in range(int(rng.integers(1, 3))):
            side, rise, far = float(rng.uniform(-1.6, 1.6)), float(rng.uniform(0.3, 1.2)), float(rng.uniform(1.2, 2.5))
            towards = np.array([math.sin(side) * math.cos(rise), -math.cos(side) * math.cos(rise), math.sin(rise)])
            across = np.array([math.cos(side), math.sin(side), 0.0]) * float(rng.uniform(0.2, 0.8))
            along = np.cross(across, towards)
            along *= float(rng.uniform(0.2, 0.8)) / max(float(np.linalg.norm(along)), 1e-6)
            if np.dot(np.cross(across, along), towards) > 0:
                across = -across
            color = float(rng.uniform(3, 10)) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.65, 1.05)])
            position = towards * far
            lights.append(Window(make_triple(position), make_triple(across), make_triple(along), make_triple(color)))
        if rng.random() < 0.3:
            color = float(rng.uniform(0.5, 2.5)) * np.array([1.0, 0.85, 0.65])
            lights.append(Lamp(make_triple(rng.uniform([-1.2, -0.8, 0.5], [1.2, 0.2, 1.3])), make_triple(color), 0.05))
        return lights
