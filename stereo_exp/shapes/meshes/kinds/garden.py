"""Out of doors: rolling ground with bushes, grass, trunks, fences and stones, houses behind them, a sky above."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stereo_exp.shapes.meshes.camera import StereoRig
from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.kinds.dress import Dresser
from stereo_exp.shapes.meshes.kinds.placing import Taken, draw_piece, turn_bounds
from stereo_exp.shapes.meshes.kinds.room import make_triple, sample_sky
from stereo_exp.shapes.meshes.lights import Light, Sun
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.scene import MeshScene, Placed, place
from stereo_exp.shapes.meshes.solids import build_boxes, make_mesh
from stereo_exp.shapes.scene import log_mix

_FACES = 350_000  # of one arrangement
_GROUNDS = {"foliage": 4, "rough": 4, "tiles": 1, "planks": 0.5, "bricks": 0.3}
_FRONTS = {"facade": 4, "bricks": 2, "rough": 1, "planks": 1, "photo": 0.5}


class Garden:
    """A piece of land ahead of the cameras.

    Args:
        rng: the scene's.
        models: models from outside that it may hold.
        textures: pictures from outside that may lie on its surfaces.
    """

    name = "garden"
    nearest = 0.5

    def __init__(self, rng: np.random.Generator, models: Sequence[Source] = (), textures: Sequence[str] = ()) -> None:
        self.dresser = Dresser(
            rng,
            odd=float(rng.choice([0.0, 0.05, 0.2])),
            bare=float(rng.uniform(0, 0.15)),
            models=models,
            textures=textures,
        )
        self._pieces = [draw_piece(rng, self.dresser, "ground", faces=25_000) for _ in range(int(rng.integers(12, 22)))]
        self._ground = self.dresser.cover(_GROUNDS, (0.5, 1.6), pale=0.8)
        self._fronts = [self.dresser.cover(_FRONTS, (3.0, 9.0)) for _ in range(int(rng.integers(0, 4)))]
        self._sky = sample_sky(rng, 0.2, leaves=0.0)
        self._waves = rng.uniform([0.02, 0.02, 0, 0.02], [0.9, 0.9, 6.28, 0.16], (5, 4))
        self._rise = float(rng.uniform(0, 0.04))
        self._land = self._build_land()
        self._number = int(rng.integers(40, 120))

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """Plant everything anew."""
        placed = [Placed(self._land, [self._ground])]
        taken = Taken(0.1)
        for material in self._fronts:
            wide, deep, high = rng.uniform([4, 4, 3], [14, 9, 9])
            x, y, turn = float(rng.uniform(-22, 22)), float(rng.uniform(14, 40)), float(rng.uniform(-0.6, 0.6))
            house = build_boxes([0, 0, high / 2 - 1], [wide, deep, high + 2], bevel=0.05)
            if taken.claim(turn_bounds(house.bounds, turn) + np.array([x, y, 0])):
                placed.append(Placed(house, [material], place(x, y, self.level(x, y), turn=turn)))
        faces = 0
        for _number in range(self._number):
            piece = self._pieces[int(rng.integers(len(self._pieces)))]
            faces += len(piece.mesh.faces)
            if faces > _FACES:
                break
            for _ in range(8):
                y = log_mix(1.2, 22.0, float(rng.random()))
                x = float(rng.uniform(-1, 1)) * (0.8 + 0.8 * y)
                turn, scale = float(rng.uniform(-math.pi, math.pi)), float(np.exp(rng.normal(0, 0.25)))
                box = turn_bounds(piece.bounds, turn, scale * 0.8) + np.array([x, y, 0])
                if taken.claim(box):
                    placed.append(piece.stand(x, y, self.level(x, y) - 0.02, turn, scale))
                    break
        return MeshScene(placed, self._draw_lights(rng), self._sky, kind=self.name)

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras at the height of a cat or of a person."""
        x, y = float(rng.normal(0, 1.0)), float(rng.uniform(-1.0, 2.5))
        z = self.level(x, y) + log_mix(0.25, 2.0, rng.random())
        yaw, pitch, roll = float(rng.normal(0, 0.25)), float(rng.normal(0.06, 0.1)), float(rng.normal(0, 0.02))
        return StereoRig(log_mix(340, 800, rng.random()), 0.1, 640, (x, y, z), yaw, pitch, roll)

    def level(self, x: float | np.ndarray, y: float | np.ndarray) -> float:
        """How high the ground is, metres."""
        total = self._rise * np.maximum(np.asarray(y, float), 0)
        for a, b, phase, height in self._waves:
            total = total + height * np.sin(a * np.asarray(x) + b * np.asarray(y) + phase)
        return total  # type: ignore[no-any-return]

    def _build_land(self) -> Mesh:
        # Fine ahead of the cameras, coarse towards the horizon.
        half = np.concatenate([np.linspace(0, 8, 28), np.geomspace(9, 260, 16)])
        xs, ys = np.concatenate([-half[:0:-1], half]), np.concatenate([np.linspace(-6, -2.4, 6), half[:] - 2])
        grid_x, grid_y = np.meshgrid(xs, ys)
        points = np.stack([grid_x, grid_y, self.level(grid_x, grid_y)], axis=-1).reshape(-1, 3)
        rows, columns = grid_x.shape
        first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
        faces = np.concatenate(
            [
                np.stack([first, first + 1, first + columns + 1], axis=1),
                np.stack([first, first + columns + 1, first + columns], axis=1),
            ]
        )
        return make_mesh(points, faces, points[faces][..., :2])

    def _draw_lights(self, rng: np.random.Generator) -> list[Light]:
        if rng.random() < 0.25:  # overcast
            return []
        side, rise = float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(0.25, 1.3))
        towards = (math.sin(side) * math.cos(rise), math.cos(side) * math.cos(rise), math.sin(rise))
        color = float(rng.uniform(1.5, 4.0)) * np.array([1.0, rng.uniform(0.85, 0.98), rng.uniform(0.65, 0.95)])
        return [Sun(towards, make_triple(color), float(rng.uniform(0.005, 0.05)))]
