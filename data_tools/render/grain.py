"""Normal noise in no time: stretches of one long row of numbers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

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
