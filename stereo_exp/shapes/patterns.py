"""Made-up materials: what walls, floors, furniture, cloth and plants look like, as square tiles.

Each maker takes a generator and a side in pixels and returns uint8 side×side×3. Detail is kept to about three
pixels, as bilinear look-up of anything finer would differ between the views.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from stereo_exp.shapes.paint import grain_of, mix_colors, noise_field, palette, sample_color


def wood(rng: np.random.Generator, side: int) -> np.ndarray:
    """Grain along the rows: rings of a log cut lengthwise, bent by noise."""
    bent = _stretched(rng, side, 6.0)
    across = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    rings = np.sin((across * rng.uniform(4, 14) + bent * rng.uniform(1, 4)) * np.float32(2 * math.pi))
    fibre = _stretched(rng, side, 14.0)
    share = np.clip(0.5 + 0.28 * rings + 0.5 * (fibre - 0.5), 0, 1)
    dark = np.array([rng.uniform(40, 130), rng.uniform(25, 85), rng.uniform(10, 60)])
    return mix_colors(share, dark, np.minimum(dark * rng.uniform(1.25, 2.2) + 20, 245))


def planks(rng: np.random.Generator, side: int) -> np.ndarray:
    """Boards of wood, each of its own shade, with gaps."""
    base = wood(rng, side).astype(np.float32)
    count = int(rng.integers(3, 9))
    edges = np.linspace(0, side, count + 1)
    for top, bottom in zip(edges[:-1].astype(int), edges[1:].astype(int), strict=True):
        board = base[top:bottom]
        board *= np.float32(rng.uniform(0.7, 1.2))
        base[top:bottom] = np.roll(board, int(rng.integers(side)), axis=1)
        base[top : top + 2] *= np.float32(0.45)
        joint = int(rng.integers(side))
        base[top:bottom, joint : joint + 2] *= np.float32(0.5)
    return np.clip(base, 0, 255).astype(np.uint8)


def bricks(rng: np.random.Generator, side: int) -> np.ndarray:
    """Courses of bricks of varied shades; neighbours a brick apart look nearly alike."""
    rows = 2 * int(rng.integers(4, 14))
    columns = max(2, rows // int(rng.integers(2, 4)))
    return _laid(rng, side, rows, columns, shift=0.5, spread=rng.uniform(0.05, 0.3), joint=rng.uniform(1.5, 4))


def tiles(rng: np.random.Generator, side: int) -> np.ndarray:
    """Square tiles or slabs with joints, nearly all of one shade: they repeat."""
    count = int(rng.integers(3, 13))
    return _laid(rng, side, count, count, shift=0.0, spread=rng.uniform(0.0, 0.15), joint=rng.uniform(1.5, 4))


def checker(rng: np.random.Generator, side: int) -> np.ndarray:
    """Tiles of two colours in turn."""
    count = 2 * int(rng.integers(2, 9))
    index = np.arange(side) * count // side
    field: np.ndarray = ((index[:, None] + index[None]) % 2).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), 0.8)
    grain = noise_field(rng, side) - np.float32(0.5)
    return mix_colors(np.clip(field + grain * rng.uniform(0, 0.25), 0, 1), sample_color(rng), sample_color(rng))


def fabric(rng: np.random.Generator, side: int) -> np.ndarray:
    """A weave, plain or in tartan."""
    period = rng.uniform(3.5, 8)
    axis = np.arange(side, dtype=np.float32) * np.float32(2 * math.pi / period)
    weave = np.sin(axis)[:, None] * np.sin(axis + rng.uniform(0, 6))[None]
    bands = [cv2.GaussianBlur(_bands(rng, side)[None], (0, 0), 0.8)[0] for _ in range(2)]
    plaid = (bands[0][:, None] + bands[1][None]) * (rng.random() < 0.5)
    folds = noise_field(rng, side, coarse=True) - np.float32(0.5)
    share = np.clip(
        0.5 + rng.uniform(0.05, 0.2) * weave + rng.uniform(0.1, 0.3) * plaid + rng.uniform(0, 0.6) * folds, 0, 1
    )
    return mix_colors(share, sample_color(rng), sample_color(rng))


def foliage(rng: np.random.Generator, side: int) -> np.ndarray:
    """Leaves and grass from afar: noise of a 1/f spectrum, with dark gaps."""
    field = noise_field(rng, side, persistence=rng.uniform(0.85, 1.0))
    field = np.clip((field - 0.5) * rng.uniform(1.5, 3.0) + 0.5, 0, 1)
    dark = np.array([rng.uniform(5, 40), rng.uniform(15, 50), rng.uniform(0, 30)])
    light = np.array([rng.uniform(70, 200), rng.uniform(100, 220), rng.uniform(20, 110)])
    return mix_colors(field, dark, light)


def rough(rng: np.random.Generator, side: int) -> np.ndarray:
    """Asphalt, plaster, sand: fine grain of low contrast on a blotchy ground."""
    grain: np.ndarray = cv2.GaussianBlur(
        grain_of((side, side), int(rng.integers(2**40))), (0, 0), rng.uniform(0.8, 1.6)
    )
    grain *= np.float32(rng.uniform(4, 22) / max(float(grain.std()), 1e-6))
    base = sample_color(rng, vivid=0.35)
    ground = (noise_field(rng, side, coarse=True) - np.float32(0.5)) * np.float32(rng.uniform(5, 50))
    tile: np.ndarray = np.clip(base + (grain + ground)[..., None], 0, 255).astype(np.uint8)
    return tile


def blotches(rng: np.random.Generator, side: int) -> np.ndarray:
    """Spots of a few plain colours with crisp edges, as on stone, hides and worn paint."""
    field = cv2.GaussianBlur(noise_field(rng, side), (0, 0), rng.uniform(1.0, 3.0))
    count = int(rng.integers(2, 5))
    steps = np.quantile(field[::4, ::4], np.linspace(0, 1, count + 1)[1:-1])
    colours = np.stack([sample_color(rng) for _ in range(count)]).astype(np.uint8)
    return cv2.GaussianBlur(colours[np.searchsorted(steps, field)], (0, 0), 0.8)


def marble(rng: np.random.Generator, side: int) -> np.ndarray:
    """Veins along the ridges of noise."""
    ridges = np.abs(noise_field(rng, side) - np.float32(0.5)) * np.float32(rng.uniform(4, 10))
    return mix_colors(np.clip(ridges, 0, 1), sample_color(rng), sample_color(rng, vivid=0.3))


def faint(rng: np.random.Generator, side: int) -> np.ndarray:
    """A painted wall: one colour that drifts, with a grain of a few grey levels."""
    base = sample_color(rng, vivid=0.6)
    drift = (noise_field(rng, side, coarse=True) - np.float32(0.5)) * np.float32(rng.uniform(0, 25))
    grain: np.ndarray = cv2.GaussianBlur(grain_of((side, side), int(rng.integers(2**40))), (0, 0), 1.0)
    grain *= np.float32(rng.uniform(0.3, 3.0) / max(float(grain.std()), 1e-6))
    tile: np.ndarray = np.clip(base + (drift + grain)[..., None], 0, 255).astype(np.uint8)
    return tile


def facade(rng: np.random.Generator, side: int) -> np.ndarray:
    """A front of windows, all alike but for what they mirror."""
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 8))
    wall = (rough if rng.random() < 0.6 else bricks)(rng, side).astype(np.float32)
    glass, frame = sample_color(rng, vivid=0.3) * rng.uniform(0.15, 0.6), sample_color(rng, vivid=0.3)
    wide, high = rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.75)
    for row in range(rows):
        for column in range(columns):
            x0, y0 = (column + 0.5 - wide / 2) * side / columns, (row + 0.5 - high / 2) * side / rows
            x1, y1 = x0 + wide * side / columns, y0 + high * side / rows
            cv2.rectangle(wall, (int(x0), int(y0)), (int(x1), int(y1)), frame.tolist(), -1)
            shade = (glass * rng.uniform(0.7, 1.5)).tolist()
            middle = (x0 + x1) / 2
            cv2.rectangle(wall, (int(x0 + 2), int(y0 + 2)), (int(middle - 1), int(y1 - 2)), shade, -1)
            cv2.rectangle(wall, (int(middle + 1), int(y0 + 2)), (int(x1 - 2), int(y1 - 2)), shade, -1)
    return np.clip(cv2.GaussianBlur(wall, (0, 0), 0.7), 0, 255).astype(np.uint8)


def _laid(
    rng: np.random.Generator, side: int, rows: int, columns: int, shift: float, spread: float, joint: float
) -> np.ndarray:
    """Stones in courses, every other one moved by `shift` of a stone."""
    y = np.arange(side) * rows / side
    x = np.arange(side)[None] * columns / side + (np.floor(y)[:, None] % 2) * shift
    stone = np.floor(x).astype(int) % columns
    shades = rng.normal(1, spread, (rows, columns)).astype(np.float32)
    shade = np.take(shades, np.floor(y).astype(int)[:, None] * columns + stone)
    grain = (noise_field(rng, side) - np.float32(0.5)) * np.float32(rng.uniform(0.05, 0.6))
    field = np.clip(shade + grain, 0.2, 1.7)[..., None] * sample_color(rng).astype(np.float32)
    gap = np.minimum((x % 1) * side / columns, ((y % 1) * side / rows)[:, None])
    in_joint = np.clip(np.float32(joint) - gap, 0, 1)[..., None].astype(np.float32)
    field += in_joint * (sample_color(rng, vivid=0.2).astype(np.float32) - field)
    tile: np.ndarray = cv2.GaussianBlur(np.clip(field, 0, 255), (0, 0), 0.6).astype(np.uint8)
    return tile


def _stretched(rng: np.random.Generator, side: int, factor: float) -> np.ndarray:
    """Noise that varies slowly along the rows."""
    field = noise_field(rng, side)
    width = max(int(side / factor), 4)
    return cv2.resize(np.ascontiguousarray(field[:, :width]), (side, side), interpolation=cv2.INTER_CUBIC)


def _bands(rng: np.random.Generator, side: int) -> np.ndarray:
    """A periodic row of bands, −1..1."""
    period = int(rng.integers(10, 40))
    pattern = np.repeat(rng.uniform(-1, 1, math.ceil(period / 3)), 3)[:period].astype(np.float32)
    return np.resize(pattern, side)


def ramp(rng: np.random.Generator, side: int) -> np.ndarray:
    """Noise through a palette of three colours."""
    return palette(rng)[(noise_field(rng, side) * 255).astype(np.uint8)]
