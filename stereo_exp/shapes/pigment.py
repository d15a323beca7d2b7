"""Colours and noise, the raw stuff of textures."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np


def colour(rng: np.random.Generator, vivid: float = 1.0) -> np.ndarray:
    """A random RGB colour, 3 floats in 0..255; `vivid` 0 is grey."""
    found = rng.uniform(15, 240, 3)
    paler: np.ndarray = found.mean() + (found - found.mean()) * rng.beta(1.0, 2.0) * vivid
    return paler


def mixed(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between two colours at 0..1: h×w to uint8 h×w×3."""
    table = first + np.linspace(0, 1, 256)[:, None] * (second - first)
    picture: np.ndarray = np.clip(table, 0, 255).astype(np.uint8)[(share * 255).astype(np.uint8)]
    return picture


def palette(rng: np.random.Generator) -> np.ndarray:
    """256×3 uint8: a ramp through three random colours, dark to light or the reverse."""
    stops = rng.uniform(0, 255, (3, 3))
    grey = stops.mean(axis=1, keepdims=True)
    stops = grey + (stops - grey) * rng.uniform(0.1, 1.0)  # from nearly grey to fully coloured
    low, high = rng.uniform(0, 90), rng.uniform(150, 255)
    levels = np.array([low, (low + high) / 2, high])[:: rng.choice([-1, 1])]
    stops += (levels - stops.mean(axis=1))[:, None]
    ramp = np.array([np.interp(np.arange(256), [0, 128, 255], stops[:, c]) for c in range(3)])
    table: np.ndarray = np.clip(ramp.T, 0, 255).astype(np.uint8)
    return table


def noise_field(
    rng: np.random.Generator, side: int, persistence: float | None = None, coarse: bool = False
) -> np.ndarray:
    """float32 side×side in 0..1: octaves of value noise, each finer one weaker by `persistence`.

    `coarse` stops at an eighth of the side.
    """
    total = np.zeros((side, side), np.float32)
    wavelength, weight = rng.uniform(0.3, 1.0) * max(side, 32), 1.0
    persistence = rng.uniform(0.55, 1.0) if persistence is None else persistence
    stretch = math.exp(rng.normal(0, 0.4))  # wood and water are not isotropic
    finest = side / 8 if coarse else 3
    while wavelength >= finest:
        shape = [max(2, math.ceil(side / max(wavelength * s, 3)) + 1) for s in (stretch, 1 / stretch)]
        grid = rng.random(shape, dtype=np.float32) - np.float32(0.5)
        total += np.float32(weight) * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        wavelength, weight = wavelength / 2, weight * persistence
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) * np.float32(1 / max(high - low, 1e-6))


# Normal noise in no time: stretches of one long row of numbers.


_LENGTH = 1 << 21  # numbers


def grain_of(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Standard normal float32 numbers that begin in a fixed row where `seed` says; do not write into them.

    Drawing half a million of them afresh would take about as long as drawing a view does.
    """
    size = math.prod(shape)
    if size >= _LENGTH:
        return np.resize(np.roll(_row(), seed % _LENGTH), shape)
    start = seed % (_LENGTH - size)
    return _row()[start : start + size].reshape(shape)


@lru_cache(maxsize=1)
def _row() -> np.ndarray:
    return np.random.Generator(np.random.Philox(20)).standard_normal(_LENGTH, dtype=np.float32)
