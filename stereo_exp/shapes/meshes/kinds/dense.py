"""A crowd in the air: a hundred and more small things, turned any way, before a sky, a photograph or a wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stereo_exp.shapes.meshes.camera import StereoRig
from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.kinds.dress import Dresser
from stereo_exp.shapes.meshes.kinds.placing import Piece, Taken, draw_piece, draw_rotation
from stereo_exp.shapes.meshes.kinds.room import WALLS, build_quad, make_triple, sample_sky
from stereo_exp.shapes.meshes.lights import Lamp, Light, Sun
from stereo_exp.shapes.meshes.scene import MeshScene, Placed
from stereo_exp.shapes.scene import log_mix

_NUMBER = (100, 200)
_NEAR, _FAR = 1.0, 9.0  # metres between which they float
_KINDS = 40  # different things in one scene


class Dense:
    """Small things without a floor.

    Args:
        rng: the scene's.
        models: models from outside that it may hold.
        textures: pictures from outside that may lie on its surfaces.
    """

    name = "dense"
    nearest = 0.3

    def __init__(self, rng: np.random.Generator, models: Sequence[Source] = (), textures: Sequence[str] = ()) -> None:
        self.dresser = Dresser(
            rng,
            odd=float(rng.uniform(0.25, 0.7)),
            bare=float(rng.uniform(0.02, 0.25)),
            models=models,
            textures=textures,
        )
        self._pieces = [draw_piece(rng, self.dresser, "air", faces=2000) for _ in range(_KINDS)]
        self._number = int(rng.integers(*_NUMBER))
        sky = sample_sky(rng, 0.6)
        # A photograph may be a poster not far behind.
        self._behind = replace(sky, disparity=log_mix(0.3, 5.0, rng.random())) if sky.paint is not None else sky
        self._wall = rng.random() < 0.65
        self._slope = rng.uniform(-0.4, 0.4, 2)
        self._paint = self.dresser.cover({**WALLS, "photo": 3, "noise": 1}, (1.0, 4.0))
        self._focal = log_mix(400, 1000, rng.random())

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """All of them somewhere else, in other sizes and turns."""
        placed: list[Placed] = []
        taken = Taken()
        half = 320 / self._focal
        for _ in range(self._number):
            piece = self._pieces[int(rng.integers(len(self._pieces)))]
            depth = log_mix(_NEAR, _FAR, float(rng.random() ** 0.7))
            at = depth * np.array([rng.uniform(-1.1, 1.1) * half, 1.0, rng.uniform(-1.1, 1.1) * half * 0.5])
            size = depth**0.7 * log_mix(0.08, 0.5, float(rng.random()))
            placed += self._float(rng, piece, at, size, taken)
        if self._wall:
            x, y = 16.0, 10.0
            tilt = np.array([[-x, 0, -y], [x, 0, -y], [x, 0, y], [-x, 0, y]])
            tilt[:, 1] = 10.0 + tilt[:, 0] * self._slope[0] * 0.5 + tilt[:, 2] * self._slope[1]
            placed.append(Placed(build_quad(tilt), [self._paint]))
        return MeshScene(placed, self._draw_lights(rng), self._behind, kind=self.name)

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras that look into the crowd from before it."""
        x, y, z = (float(v) for v in rng.uniform([-0.6, -0.4, -0.4], [0.6, 0.6, 0.4]))
        yaw, pitch, roll = (float(v) for v in rng.normal(0, [0.12, 0.08, 0.06]))
        return StereoRig(self._focal * float(rng.uniform(0.85, 1.15)), 0.1, 640, (x, y, z), yaw, pitch, roll)

    def _float(self, rng: np.random.Generator, piece: Piece, at: np.ndarray, size: float, taken: Taken) -> list[Placed]:
        extent = piece.bounds[1] - piece.bounds[0]
        scale = size / max(float(extent.max()), 1e-3)
        reach = 0.35 * scale * float(np.linalg.norm(extent))
        if not taken.claim(np.stack([at - reach, at + reach])):
            return []
        spin = draw_rotation(rng) * scale
        middle = (piece.bounds[0] + piece.bounds[1]) / 2
        return [Placed(piece.mesh, piece.materials, np.column_stack([spin, at - spin @ middle]))]

    def _draw_lights(self, rng: np.random.Generator) -> list[Light]:
        lights: list[Light] = []
        if rng.random() < 0.8:
            towards = rng.normal(0, 1, 3) + np.array([0, -0.5, 1.5])
            color = float(rng.uniform(0.8, 3.0)) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.7, 1.0)])
            lights.append(
                Sun(make_triple(towards), make_triple(color), float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))))
            )
        for _ in range(int(rng.integers(0, 3))):
            color = float(rng.uniform(1, 12)) * rng.uniform(0.5, 1.0, 3)
            lights.append(Lamp(make_triple(rng.uniform([-4, -1, -3], [4, 8, 3])), make_triple(color), 0.2))
        return lights
