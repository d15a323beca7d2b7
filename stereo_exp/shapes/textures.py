"""What surfaces are painted with: a tile of pixels, and how left-image coordinates fall upon it.

A texture belongs to its surface: it is looked up at left-image coordinates whichever view is drawn, so that
both views show the same paint. Tiles continue by mirroring. Their finest detail is about three pixels,
because bilinear look-up of anything finer would differ between the views.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.base import UserError
from stereo_exp.shapes import patterns
from stereo_exp.shapes.paint import palette

# The photographs that lie in scikit-image's wheel, read without importing it and without any download.
#
# Left out: `page.png`, whose colour profile makes libpng complain on standard error, and pictures that are no
# photographs. The `motorcycle` pair of the same folder is a Middlebury stereo scene, hence evaluation data, and is
# left alone.


NAMES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
_LONGEST = 700  # pixels; larger photographs are halved until they fit, as their finest detail is mostly noise


def photograph(rng: np.random.Generator, level: int) -> np.ndarray:
    """A random photograph, halved `level` times: uint8 h×w grey or h×w×3 RGB. Do not write into it."""
    return load(NAMES[int(rng.integers(len(NAMES)))], level)


@lru_cache(maxsize=4 * len(NAMES))
def load(name: str, level: int) -> np.ndarray:
    """One of `NAMES`, halved `level` times; never to fewer than 64 pixels on a side.

    Raises:
        UserError: scikit-image is not installed, or its wheel lacks the file.
    """
    if level > 0:
        larger = load(name, level - 1)
        return larger if min(larger.shape[:2]) < 128 else cv2.pyrDown(larger)
    path = _folder() / name
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError(path, None, "cannot be read", "reinstall scikit-image (pip install --force-reinstall)")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    while max(image.shape[:2]) > _LONGEST:
        image = cv2.pyrDown(image)
    # Photographs are sharp to the pixel; a light blur keeps bilinear look-up alike in both views.
    return cv2.GaussianBlur(image, (0, 0), 0.7)


@lru_cache(maxsize=1)
def _folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        fix = "pip install stereo_exp[train] brings it"
        raise UserError("scikit-image", "missing", "shapes paints with its photographs", fix)
    return Path(next(iter(found.submodule_search_locations))) / "data"


MAX_TILE = 512  # pixels on a side; larger surfaces see the tile mirrored
_MIN_TILE = 24


@dataclass(frozen=True, eq=False)
class Texture:
    """A painted surface.

    Args:
        kind: one of `KINDS`.
        tile: uint8 h×w×3 RGB.
        matrix: 2×3 float64, left-image (x, y, 1) to tile (column, row).
    """

    kind: str
    tile: np.ndarray
    matrix: np.ndarray

    def colors(self, x: np.ndarray, y: np.ndarray, disparity: np.ndarray | None = None) -> np.ndarray:
        """See `Paint`; the same at any disparity."""
        m = self.matrix
        column = (x * m[0, 0] + (y * m[0, 1] + m[0, 2])).astype(np.float32)
        row = (x * m[1, 0] + (y * m[1, 1] + m[1, 2])).astype(np.float32)
        return cv2.remap(self.tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)


def sample_tile(rng: np.random.Generator, kind: str, side: int) -> np.ndarray:
    """A random square tile of one of `KINDS`: uint8 side×side×3."""
    tile = _MAKERS[kind](rng, side)
    least = min(tile.shape[:2])
    if tile.shape[:2] != (side, side):
        tile = cv2.resize(tile[:least, :least], (side, side), interpolation=cv2.INTER_AREA)
    return tile


def sample_texture(rng: np.random.Generator, kind: str, centre: tuple[float, float], size: float) -> Texture:
    """A random texture of one kind for a surface about `size` pixels across around `centre`."""
    side = int(np.clip(math.ceil(size * 1.2), _MIN_TILE, MAX_TILE))
    tile = _MAKERS[kind](rng, side)
    # Tile pixels a picture pixel. Slightly above one is safe, as no tile holds detail of a single pixel.
    zoom = rng.uniform(0.7, 1.15)
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < _TURNS.get(kind, 0.3) else rng.normal(0, 0.12)
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    anchor_x, anchor_y = tile.shape[1] * rng.uniform(0.3, 0.7), tile.shape[0] * rng.uniform(0.3, 0.7)
    x, y = centre
    matrix = np.array([[cos, sin, anchor_x - cos * x - sin * y], [-sin, cos, anchor_y + sin * x - cos * y]])
    return Texture(kind, tile, matrix)


def _stripes(rng: np.random.Generator, side: int) -> np.ndarray:
    """Stripes or a chequerboard: patterns that match themselves at every period."""
    period = math.exp(rng.uniform(math.log(7), math.log(36)))
    phase = np.sin(np.arange(side) * (2 * math.pi / period) + rng.uniform(0, 6))
    edge = rng.uniform(0.6, 1.0) * period / math.pi  # flanks of about two pixels, up to a plain sine
    wave = np.clip(phase * rng.choice([1.0, edge]), -1, 1)
    if rng.random() < 0.45:
        field = wave[:, None] * wave[None, :]
    else:
        field = np.broadcast_to(wave[None, :], (side, side))
    tile: np.ndarray = palette(rng)[((field * 0.5 + 0.5) * 255).astype(np.uint8)]
    return tile


def _glyphs(rng: np.random.Generator, side: int) -> np.ndarray:
    """Rows of made-up letters: an alphabet of random mirrored and plain 5×7 bitmaps, set in words."""
    alphabet = rng.random((24, 7, 5)) < 0.5
    alphabet[::2, :, 3:] = alphabet[::2, :, 1::-1]  # half of them symmetric, as capitals are
    scale = rng.uniform(1.5, 4.0)
    rows, columns = math.ceil(side / (10 * scale)) + 1, math.ceil(side / (6 * scale)) + 1
    letters = alphabet[rng.integers(0, 24, (rows, columns))] & (rng.random((rows, columns, 1, 1)) > 0.17)
    cells = np.zeros((rows, columns, 10, 6), np.uint8)
    cells[:, :, 1:8, :5] = letters * np.uint8(255)
    page: np.ndarray = cells.transpose(0, 2, 1, 3).reshape(rows * 10, columns * 6)
    page = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)[:side, :side]
    tile: np.ndarray = palette(rng)[page]
    return tile


def _flat(rng: np.random.Generator, side: int) -> np.ndarray:
    """One colour that at most drifts a little: nothing to match."""
    colour = rng.uniform(20, 235, 3)
    colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0.1, 1.0)
    drift = rng.uniform(-12, 12, (2, 2, 1)) * (rng.random() < 0.6)
    corners = np.clip(colour + drift, 0, 255).astype(np.float32)
    tile: np.ndarray = cv2.resize(corners, (side, side), interpolation=cv2.INTER_LINEAR).round().astype(np.uint8)
    return tile


def _photo(rng: np.random.Generator, side: int) -> np.ndarray:
    """A photograph; grey ones, and some of the others, are tinted by a palette, and half are mirrored."""
    # Small surfaces draw on reduced photographs more often, or they would only ever show a smooth corner of
    # one.
    level = int(rng.integers(0, 3)) if side < 200 else int(rng.integers(0, 2))
    image = photograph(rng, level)
    if image.ndim == 2:
        image = palette(rng)[image]
    elif rng.random() < 0.4:
        gains = np.exp(rng.normal(0, 0.25, 3))
        image = np.clip(image * gains.astype(np.float32), 0, 255).astype(np.uint8)
    if image.shape[0] > MAX_TILE or image.shape[1] > MAX_TILE:
        top = int(rng.integers(0, max(image.shape[0] - MAX_TILE, 0) + 1))
        left = int(rng.integers(0, max(image.shape[1] - MAX_TILE, 0) + 1))
        image = image[top : top + MAX_TILE, left : left + MAX_TILE]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


_MAKERS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "photo": _photo,
    "noise": patterns.ramp,
    "stripes": _stripes,
    "glyphs": _glyphs,
    "flat": _flat,
    "wood": patterns.wood,
    "planks": patterns.planks,
    "bricks": patterns.bricks,
    "tiles": patterns.tiles,
    "checker": patterns.checker,
    "fabric": patterns.fabric,
    "foliage": patterns.foliage,
    "rough": patterns.rough,
    "blotches": patterns.blotches,
    "marble": patterns.marble,
    "faint": patterns.faint,
    "facade": patterns.facade,
}
# How often a texture is turned to any angle; otherwise it is about upright, as print and buildings are.
_TURNS = {"photo": 0.4, "noise": 1.0, "stripes": 0.6, "glyphs": 0.2, "flat": 1.0}
KINDS = tuple(_MAKERS)
