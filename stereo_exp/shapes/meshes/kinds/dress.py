"""What the things of one scene are made of: a few paints in the scene's mood, each thing in a tint of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.models import Model, read_model
from stereo_exp.shapes.meshes.paints import GAMMA, Paint
from stereo_exp.shapes.meshes.pictures import sample_square
from stereo_exp.shapes.meshes.thing import Thing
from stereo_exp.shapes.scene import log_mix, pick
from stereo_exp.shapes.textures import sample_tile


class Recipe(NamedTuple):
    """How a stuff looks: shares of kinds of tiles (`none`: one plain colour); metres of a tile; chance, share and
    roughness of gloss; range of hue (turns), saturation and brightness of a plain colour."""

    tiles: dict[str, float]
    size: tuple[float, float] = (0.2, 0.6)
    glossy: float = 0.0
    gloss: float = 0.04
    rough: tuple[float, float] = (0.25, 0.6)
    hue: tuple[float, float] = (0.0, 1.0)
    vivid: tuple[float, float] = (0.0, 0.7)
    bright: tuple[float, float] = (0.15, 0.9)


RECIPES: dict[str, Recipe] = {
    "wood": Recipe({"wood": 5, "planks": 1, "none": 1}, (0.3, 0.9), 0.5, 0.04, (0.2, 0.6), (0.04, 0.11), (0.3, 0.7)),
    "metal": Recipe({"none": 3, "faint": 2, "rough": 1}, (0.3, 0.8), 0.0, 0.04, (0.18, 0.5), (0.0, 0.15), (0.0, 0.35),
                    (0.45, 0.95)),
    "fabric": Recipe({"fabric": 4, "faint": 2, "noise": 1, "stripes": 1, "blotches": 1, "checker": 0.5, "none": 2},
                     (0.12, 0.5)),
    "paint": Recipe({"none": 4, "faint": 3, "rough": 1, "blotches": 0.5, "stripes": 0.5}, (0.3, 1.0), 0.6),
    "plastic": Recipe({"none": 5, "faint": 2, "rough": 1}, (0.2, 0.6), 0.8, 0.05, (0.15, 0.5), vivid=(0.0, 0.9)),
    "ceramic": Recipe({"none": 3, "faint": 2, "marble": 1, "blotches": 1, "glyphs": 0.5, "stripes": 1}, (0.1, 0.3), 0.9,
                      0.06, (0.1, 0.35)),
    "stone": Recipe({"rough": 3, "marble": 2, "blotches": 2, "noise": 1}, (0.2, 0.8), 0.2, 0.04, (0.3, 0.6),
                    (0.02, 0.15), (0.0, 0.3)),
    "paper": Recipe({"none": 3, "faint": 2, "glyphs": 3, "photo": 1}, (0.15, 0.35), 0.1, vivid=(0.0, 0.25),
                    bright=(0.6, 0.95)),
    "leaf": Recipe({"faint": 3, "foliage": 1, "none": 3}, (0.1, 0.4), 0.4, 0.03, (0.35, 0.6), (0.19, 0.36), (0.4, 0.8),
                   (0.15, 0.6)),
    "bark": Recipe({"wood": 2, "rough": 2, "foliage": 1}, (0.15, 0.5), hue=(0.04, 0.12), vivid=(0.15, 0.5),
                   bright=(0.12, 0.5)),
    "soil": Recipe({"rough": 2, "foliage": 1, "blotches": 1}, (0.2, 0.6), hue=(0.04, 0.1), vivid=(0.2, 0.6),
                   bright=(0.1, 0.4)),
    "rubber": Recipe({"none": 3, "faint": 1}, glossy=0.3, vivid=(0.0, 0.2), bright=(0.03, 0.2)),
    "leather": Recipe({"faint": 2, "rough": 2, "none": 1}, (0.1, 0.4), 0.7, 0.04, (0.3, 0.5), (0.0, 0.12), (0.1, 0.7),
                      (0.08, 0.6)),
    "wicker": Recipe({"fabric": 3, "checker": 1, "stripes": 1}, (0.05, 0.15), hue=(0.06, 0.12), vivid=(0.2, 0.6)),
    "screen": Recipe({"photo": 2, "glyphs": 1, "none": 1}, (1.0, 1.0), 0.8, 0.04, (0.1, 0.2)),
    "print": Recipe({"photo": 6, "glyphs": 1, "blotches": 1, "noise": 1, "marble": 1, "stripes": 0.5}, (1.0, 1.0), 0.3),
}  # fmt: skip
"""By stuff."""
ODD = {
    "photo": 0.3, "noise": 0.12, "glyphs": 0.1, "stripes": 0.06, "wood": 0.06, "bricks": 0.04, "tiles": 0.04,
    "checker": 0.05, "fabric": 0.06, "foliage": 0.06, "rough": 0.06, "blotches": 0.08, "marble": 0.07, "facade": 0.03,
}  # fmt: skip
"""Kinds of tiles that anything may be covered with, whatever it is made of."""
_OWN_COLORS = ("leaf", "bark", "soil", "leather", "wicker", "rubber", "stone")
_SIDE = 256  # texels of a tile
_OWN = 4  # different tiles of a stuff in one scene
_FROM_OUTSIDE = 0.5  # share of things and tiles that are from outside, where there are such
_DRIFT = 0.22  # spread of tints, as a power of e


class Dresser:
    """Hands out materials.

    Args:
        rng: the scene's.
        odd: the chance that a part is covered with any paint at all in place of its stuff's; None draws it.
        bare: the chance that it is one plain colour; None draws it.
        models: models from outside that the scene may use.
        textures: pictures from outside that its surfaces may show.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        odd: float | None = None,
        bare: float | None = None,
        models: Sequence[Source] = (),
        textures: Sequence[str] = (),
    ) -> None:
        self._rng = rng
        self._models, self._textures = models, textures
        self.odd = float(rng.choice([0.05, 0.25, 0.5])) if odd is None else odd
        self.bare = float(rng.choice([0.02, 0.12, 0.4], p=[0.4, 0.4, 0.2])) if bare is None else bare
        self._paints: dict[str, list[Paint]] = {}

    def dress(self, thing: Thing, odd: float | None = None) -> list[Material]:
        """A material for each slot of a thing; `odd` in place of the scene's own chance."""
        return [self.choose(stuff, odd) for stuff in thing.stuffs]

    def choose_model(self, where: str) -> Model | None:
        """A model from outside for a place, half of the time, where there are such; clad anew now and then."""
        rng = self._rng
        if not len(self._models) or rng.random() > _FROM_OUTSIDE:
            return None
        for _ in range(6):
            model = read_model(self._models[int(rng.integers(len(self._models)))])
            if where in model.thing.places:
                if rng.random() < self.odd:
                    return replace(model, materials=self.dress(model.thing))
                return model
        return None

    def choose(self, stuff: str, odd: float | None = None) -> Material:
        """A material for a part made of a stuff."""
        rng, recipe = self._rng, RECIPES[stuff]
        chance, counted = rng.random(), stuff in ("print", "screen")
        if chance < self.bare and not counted:
            return self._finish(recipe, None, self.draw_color(recipe), False, stuff == "metal" and rng.random() < 0.5)
        if chance < self.bare + (self.odd if odd is None else odd) and not counted:
            paint = self.draw_paint("odd", ODD, (0.08, 0.8))
            return self._finish(recipe, paint, self.draw_tint(), True, False)
        kind = pick(rng, recipe.tiles)
        metal = stuff == "metal" and rng.random() < 0.75
        if kind == "none":
            return self._finish(recipe, None, self.draw_color(recipe), False, metal)
        paint = self.draw_paint(stuff, recipe.tiles, recipe.size)
        if metal or stuff in _OWN_COLORS:
            # Their colour is the stuff's, only the pattern the tile's.
            return self._finish(recipe, paint, self._toward(paint, self.draw_color(recipe)), False, metal)
        return self._finish(recipe, paint, self.draw_tint(), False, metal)

    def cover(
        self, tiles: dict[str, float], size: tuple[float, float], *, gloss: float = 0.0, side: int = 512,
        rough: tuple[float, float] = (0.2, 0.5), pale: float = 0.75,
    ) -> Material:  # fmt: skip
        """A large tile of its own for a wall, a floor, a board; `none` among the tiles is one plain colour.

        Args:
            tiles: shares of kinds of tiles.
            size: range of metres that the tile is wide.
            gloss, rough: of what it covers.
            side: texels of the tile.
            pale: the least share of its darkness that the tile keeps, 0..1.
        """
        rng = self._rng
        kind = pick(rng, tiles)
        if kind == "none":
            plain = Recipe({}, vivid=(0.0, 0.4), bright=(0.5, 0.97) if pale < 0.6 else (0.25, 0.95))
            return Material(None, self.draw_color(plain), gloss, float(rng.uniform(*rough)))
        tile = calm_tile(self._draw_tile(kind, side), *_draw_calm(rng, kind, pale))
        paint = Paint(tile, log_mix(*size, rng.random()))
        shift = float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))
        return Material(paint, self.draw_tint(0.12), gloss, float(rng.uniform(*rough)), shift=shift)

    def draw_paint(self, name: str, tiles: dict[str, float], size: tuple[float, float]) -> Paint:
        """A paint of the scene's: a new tile at first, later mostly one that is there already."""
        rng = self._rng
        kept = self._paints.setdefault(name, [])
        most = 3 * _OWN if name in ("odd", "print") else _OWN
        if len(kept) < most and rng.random() > 0.6 * len(kept) / most:
            kinds = {kind: share for kind, share in tiles.items() if kind != "none"}
            kind = pick(rng, kinds)
            tile = calm_tile(self._draw_tile(kind, _SIDE), *_draw_calm(rng, kind, 0.75))
            kept.append(Paint(tile, log_mix(*size, rng.random())))
            return kept[-1]
        return kept[int(rng.integers(len(kept)))]

    def draw_color(self, recipe: Recipe) -> tuple[float, float, float]:
        """A plain colour of a stuff, RGB light."""
        rng = self._rng
        hue, vivid, bright = rng.uniform(*recipe.hue), rng.uniform(*recipe.vivid), rng.uniform(*recipe.bright)
        turns = (hue * 6 + np.array([5, 3, 1])) % 6
        bytes_ = bright * (1 - vivid * np.clip(np.minimum(turns, 4 - turns), 0, 1))
        light = np.maximum(bytes_, 0.02) ** GAMMA
        return float(light[0]), float(light[1]), float(light[2])

    def draw_tint(self, drift: float = _DRIFT) -> tuple[float, float, float]:
        """Factors near 1 that give a thing a shade of its own."""
        rng = self._rng
        factors = math.exp(rng.normal(0, drift)) * np.exp(rng.normal(0, drift / 2, 3))
        factors = np.minimum(factors, 1.35)
        return float(factors[0]), float(factors[1]), float(factors[2])

    def _draw_tile(self, kind: str, side: int) -> np.ndarray:
        """A tile of a kind or, half of the time where there are any, a square of a picture from outside."""
        rng = self._rng
        if len(self._textures) and rng.random() < _FROM_OUTSIDE:
            return sample_square(rng, self._textures, side)
        return sample_tile(rng, kind, side)

    def _toward(self, paint: Paint, color: tuple[float, float, float]) -> tuple[float, float, float]:
        """The tint under which a paint has a colour on average."""
        factors = np.array(color) / np.maximum(paint.mean, 0.02)
        # More than double would burn out the tile's light parts.
        factors = factors / max(float(factors.max()) / 2.0, 1.0)
        return float(factors[0]), float(factors[1]), float(factors[2])

    def _finish(
        self, recipe: Recipe, paint: Paint | None, tint: tuple[float, float, float], boxed: bool, metal: bool
    ) -> Material:
        rng = self._rng
        gloss = recipe.gloss if rng.random() < recipe.glossy else 0.0
        rough = float(rng.uniform(*recipe.rough))
        if metal:
            # Metal gives back what it is given: a dark one would be black.
            brightest = max(tint)
            tint = (tint[0] / brightest * 0.85, tint[1] / brightest * 0.85, tint[2] / brightest * 0.85)
        shift = (0.0, 0.0) if paint is None or paint.size == 1.0 else tuple(float(v) for v in rng.uniform(-1, 1, 2))
        return Material(paint, tint, gloss, max(rough, 0.15) if metal else rough, metal, boxed=boxed,
                        shift=(shift[0], shift[1]))  # fmt: skip


def calm_tile(tile: np.ndarray, vivid: float, pale: float) -> np.ndarray:
    """A tile, uint8 h×w×3, with a share of its colourfulness and a share of its darkness, both 0..1.

    Paints are light here, not bytes, which makes them darker and more colourful than they were drawn to look.
    """
    levels = tile.astype(np.float32)
    grey = levels.mean(axis=2, keepdims=True)
    levels = 255 - (255 - (grey + (levels - grey) * np.float32(vivid))) * np.float32(pale)
    calm: np.ndarray = np.clip(levels, 0, 255).astype(np.uint8)
    return calm


def _draw_calm(rng: np.random.Generator, kind: str, pale: float) -> tuple[float, float]:
    vivid = rng.uniform(0.75, 1.0) if kind == "photo" else rng.uniform(0.5, 1.0) * rng.uniform(0.4, 1.0)
    return float(vivid), float(rng.uniform(pale, 1.0 if pale > 0.6 else 0.9))
