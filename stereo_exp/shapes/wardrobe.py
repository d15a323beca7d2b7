"""The paints of one scene: a few tiles in the scene's mood that its things share, each in its own tint."""

from __future__ import annotations

import math

import numpy as np

from stereo_exp.shapes.item import Stain
from stereo_exp.shapes.paint import Atlas, PlanePaint
from stereo_exp.shapes.scene import pick
from stereo_exp.shapes.space import Rig
from stereo_exp.shapes.stains import Glare
from stereo_exp.shapes.textures import sample_tile

# How often a scene is richly painted, of mixed things, or nearly bare.
MOODS = {"rich": 0.35, "mixed": 0.4, "plain": 0.25}
_RICH = {
    "photo": 0.25, "noise": 0.12, "glyphs": 0.06, "stripes": 0.05, "wood": 0.08, "planks": 0.03, "bricks": 0.05,
    "tiles": 0.03, "checker": 0.03, "fabric": 0.08, "foliage": 0.06, "rough": 0.06, "blotches": 0.05, "marble": 0.05,
}  # fmt: skip
_PLAIN = {"flat": 0.35, "faint": 0.45, "rough": 0.2}
_SMALL, _LARGE = 128, 256


class Wardrobe:
    """Makes tiles when they are asked for, and hands most of them out again.

    Args:
        rng: the scene's generator.
        num_tiles: how many different ones the objects share.
    """

    def __init__(self, rng: np.random.Generator, num_tiles: int = 8) -> None:
        self._rng, self._num = rng, num_tiles
        self._tiles: list[Atlas] = []
        self._bare: Atlas | None = None
        self.mood = pick(rng, MOODS)
        self._plain = {"rich": 0.08, "mixed": 0.35, "plain": 0.8}[self.mood]
        self._glossy = rng.random() < 0.35

    def atlas(self) -> Atlas:
        """A tile for an object."""
        if len(self._tiles) < self._num and self._rng.random() > 0.55 * len(self._tiles) / self._num:
            plain = self._rng.random() < self._plain
            kind = pick(self._rng, _PLAIN if plain else _RICH)
            side = _LARGE if kind == "photo" else _SMALL
            self._tiles.append(Atlas(sample_tile(self._rng, kind, side)))
            return self._tiles[-1]
        return self._tiles[int(self._rng.integers(len(self._tiles)))]

    def bare(self) -> Atlas:
        """A plain tile, the same for the whole scene; tints make it differ."""
        if self._bare is None:
            self._bare = Atlas(sample_tile(self._rng, pick(self._rng, _PLAIN), _SMALL))
        return self._bare

    def large(self, chances: dict[str, float], plain: float | None = None) -> Atlas:
        """A tile of its own for a wall or the ground; `plain` is the chance that it is bare."""
        bare = self._rng.random() < (self._plain if plain is None else plain)
        return Atlas(sample_tile(self._rng, pick(self._rng, _PLAIN if bare else chances), _LARGE))

    def tint(self) -> tuple[float, float, float]:
        """Factors of the channels that give a thing a colour of its own."""
        level = math.exp(self._rng.normal(-0.05, 0.25))
        factors = level * np.exp(self._rng.normal(0, 0.15, 3))
        return float(factors[0]), float(factors[1]), float(factors[2])

    def glare(self, rig: Rig, paint: PlanePaint) -> tuple[Stain, ...]:
        """Mirror images of lamps in a wall, in scenes whose walls are glossy."""
        if not self._glossy:
            return ()
        rng = self._rng
        lamps = []
        for _ in range(int(rng.integers(0, 3))):
            # The image lies about as far behind the surface as the lamp is before it.
            depth = paint.distance * rng.uniform(1.5, 4.0)
            size = rig.width * math.exp(rng.uniform(math.log(0.01), math.log(0.1)))
            shade = rng.uniform(20, 200) * rng.uniform(0.8, 1.0, 3)
            lamps.append(
                Glare(
                    float(rng.uniform(0, rig.width)),
                    float(rng.uniform(0, rig.height)),
                    rig.power / depth,
                    (float(size), float(size * rng.uniform(0.6, 2.5))),
                    (float(shade[0]), float(shade[1]), float(shade[2])),
                )
            )
        return tuple(lamps)
