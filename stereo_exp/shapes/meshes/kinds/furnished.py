"""A furnished room: pieces along the walls and free, clutter on them, and things that float in between.

Floating things in a furnished room are what taught most in the study that varied the factors one by one (Yan et al.,
"WMGStereo", CVPR 2026): without them errors doubled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stereo_exp.shapes.meshes.camera import StereoRig, look_at
from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.kinds.dress import Dresser
from stereo_exp.shapes.meshes.kinds.placing import Piece, Taken, draw_piece, float_about, pile_on, turn_bounds
from stereo_exp.shapes.meshes.kinds.room import build_room, make_triple
from stereo_exp.shapes.meshes.lights import Lamp, Light
from stereo_exp.shapes.meshes.scene import MeshScene, Placed, place
from stereo_exp.shapes.scene import log_mix

_FLOATERS = (10, 31)
_SIZES = (0.12, 0.9)  # metres of a floating thing


class Furnished:
    """A room, its furniture and its clutter.

    Args:
        rng: the scene's.
        models: models from outside that it may hold.
        textures: pictures from outside that may lie on its surfaces.
    """

    name = "furnished"
    nearest = 0.35

    def __init__(self, rng: np.random.Generator, models: Sequence[Source] = (), textures: Sequence[str] = ()) -> None:
        self.dresser = Dresser(rng, models=models, textures=textures)
        self.room = build_room(rng, self.dresser)
        size = self.room.wide * self.room.deep
        number = int(rng.integers(9, 18 + int(size / 3)))
        self._furniture = [draw_piece(rng, self.dresser, "floor") for _ in range(min(number, 30))]
        self._hung = [draw_piece(rng, self.dresser, "wall") for _ in range(int(rng.integers(3, 12)))]
        self._clutter = [
            draw_piece(rng, self.dresser, "surface", largest=0.6, faces=3000) for _ in range(int(rng.integers(20, 50)))
        ]
        self._floaters = [
            draw_piece(rng, self.dresser, "air", faces=3000, odd=max(self.dresser.odd, 0.4))
            for _ in range(int(rng.integers(*_FLOATERS)))
        ]
        self._lamps = [draw_piece(rng, self.dresser, "ceiling", faces=4000) for _ in range(int(rng.integers(0, 3)))]

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """Put everything somewhere else."""
        room, taken = self.room, Taken(0.02)
        placed: list[Placed] = list(room.placed)
        lights: list[Light] = list(room.lights)
        standing: list[tuple[Piece, np.ndarray]] = []
        for k in rng.permutation(len(self._furniture)):
            piece = self._furniture[k]
            matrix = self._find_place(rng, piece, taken)
            if matrix is not None:
                placed.append(Placed(piece.mesh, piece.materials, matrix))
                standing.append((piece, matrix))
        self._hang(rng, placed)
        clutter = [self._clutter[k] for k in rng.permutation(len(self._clutter))]
        for piece, matrix in standing:
            if not clutter:
                break
            extent = piece.bounds[1] - piece.bounds[0]
            if extent[2] < 0.3 or extent[:2].min() < 0.25:
                continue
            share = [clutter.pop() for _ in range(min(int(rng.integers(1, 9)), len(clutter)))]
            placed += pile_on(rng, piece, matrix, share, tries=8)
        lights += self._light(rng, placed)
        floaters = [self._floaters[k] for k in rng.permutation(len(self._floaters))]
        reach = np.array([room.wide / 2 - 0.2, room.deep / 2 - 0.2])
        low, high = np.array([*-reach, 0.2]), np.array([*reach, room.high - 0.2])
        placed += float_about(rng, floaters, low, high, taken, _SIZES)
        return MeshScene(placed, lights, room.backdrop, indoors=True, kind=self.name)

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras near a wall that look across the room, low or high."""
        room = self.room
        turn = rng.uniform(-math.pi, math.pi)
        away = np.array([math.cos(turn) * room.wide, math.sin(turn) * room.deep]) / 2
        height = float(np.clip(rng.normal(1.3, 0.45), 0.25, room.high - 0.25))
        position = np.array([*(away * rng.uniform(0.55, 0.93)), height])
        target = np.array([*(-away * rng.uniform(-0.1, 0.9)), np.clip(rng.normal(0.95, 0.35), 0.1, 2.2)])
        target[:2] += rng.normal(0, 0.5, 2)
        focal = log_mix(340, 800, rng.random())
        return look_at(position, target, focal=focal, baseline=0.1, roll=float(rng.normal(0, 0.025)))

    def _find_place(self, rng: np.random.Generator, piece: Piece, taken: Taken) -> np.ndarray | None:
        room, flat = self.room, float(piece.bounds[1, 2]) < 0.05
        along = piece.backed or (rng.random() < 0.35 and not flat)
        for _ in range(20):
            if along:
                wall = room.walls[int(rng.integers(4))]
                low, high = piece.bounds
                room_left = wall.length / 2 - float(high[0] - low[0]) / 2 - 0.05
                if room_left <= 0:
                    continue
                x, y, _z = wall.at(
                    float(rng.uniform(-room_left, room_left)), float(high[1]) + float(rng.uniform(0.02, 0.08))
                )
                turn = wall.turn
            else:
                reach = np.array([room.wide, room.deep]) / 2 - 0.35
                x, y = (float(v) for v in rng.uniform(-reach, reach))
                turn = float(rng.uniform(-math.pi, math.pi)) if rng.random() < 0.6 else float(rng.normal(0, 0.2))
            box = turn_bounds(piece.bounds, turn) + np.array([x, y, 0])
            inside = (np.abs(box[:, 0]) < room.wide / 2).all() and (np.abs(box[:, 1]) < room.deep / 2).all()
            # What is flat, such as a rug, lies under the others.
            if inside and (flat or taken.claim(box)):
                return place(x, y, 0.003 if flat else 0.0, turn=turn)
        return None

    def _hang(self, rng: np.random.Generator, placed: list[Placed]) -> None:
        taken = {id(wall): Taken() for wall in self.room.walls}
        for wall in self.room.walls:
            for hole in wall.holes:
                box = np.array(
                    [
                        [hole.middle - hole.wide / 2, -1, hole.low],
                        [hole.middle + hole.wide / 2, 1, hole.low + hole.high],
                    ]
                )
                taken[id(wall)].add(box)
        for piece in self._hung:
            for _ in range(6):
                wall = self.room.walls[int(rng.integers(4))]
                low, high = piece.bounds
                left = wall.length / 2 - float(high[0] - low[0]) / 2 - 0.1
                z = float(rng.uniform(*piece.elevation)) - float(low[2])
                if left <= 0 or z + high[2] > self.room.high - 0.05:
                    continue
                at = float(rng.uniform(-left, left))
                if taken[id(wall)].claim(piece.bounds * [1, 0, 1] + [[at, -1, z], [at, 1, z]]):
                    x, y, _z = wall.at(at, 0.002 + max(float(high[1]), 0.0))
                    placed.append(piece.stand(x, y, z, wall.turn))
                    break

    def _light(self, rng: np.random.Generator, placed: list[Placed]) -> list[Light]:
        """Lamps that hang from the ceiling, lit by chance; one is lit wherever no window is."""
        room = self.room
        lights: list[Light] = []
        hung: list[Piece | None] = [*self._lamps]
        for k, piece in enumerate(hung or [None]):
            x, y = float(rng.uniform(-0.35, 0.35) * room.wide), float(rng.uniform(-0.35, 0.35) * room.deep)
            below = 0.15
            if piece is not None:
                placed.append(piece.stand(x, y, room.high - 0.001))
                below = 0.08 - float(piece.bounds[0, 2])
            if rng.random() < 0.55 or (k == 0 and not room.lights):
                warm = float(rng.uniform(2.0, 6.0)) * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.5, 1.0)])
                height = max(room.high - below, 1.2)
                lights.append(Lamp((x, y, height), make_triple(warm), 0.06))
        return lights
