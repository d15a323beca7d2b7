"""Numbers in 0..1 for every pixel, spread so that neighbours differ as much as they can: few samples, little noise.

Pixels are counted along a Hilbert curve, and each takes the next point of an additive sequence in as many dimensions as
it needs (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_SIDE = 64  # px of a square within which pixels are counted


def spread_numbers(height: int, width: int, dimensions: int, seed: int) -> np.ndarray:
    """float32 (height·width)×dimensions in 0..1; another seed moves all of them."""
    points = _points(height, width, dimensions) + np.random.Generator(np.random.Philox(seed)).random(
        dimensions, np.float32
    )
    points -= np.floor(points)
    # Rounding may give 1, which some formulas cannot take.
    numbers: np.ndarray = np.minimum(points, np.float32(1 - 2**-24))
    return numbers


@lru_cache(maxsize=8)
def _points(height: int, width: int, dimensions: int) -> np.ndarray:
    root = 2.0
    for _ in range(40):  # of x^(d+1) = x + 1
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1, dimensions + 1)
    curve = _curve()
    rows, columns = -(-height // _SIDE), -(-width // _SIDE)
    squares = np.random.Generator(np.random.Philox(0)).permutation(rows * columns).reshape(rows, columns)
    count = (np.kron(squares, np.ones_like(curve)) * curve.size + np.tile(curve, (rows, columns)))[:height, :width]
    points = count.reshape(-1, 1) * steps
    small: np.ndarray = (points - np.floor(points)).astype(np.float32)
    return small


@lru_cache(maxsize=1)
def _curve() -> np.ndarray:
    """The number along a Hilbert curve of each pixel of a square: int64 64×64."""
    curve = np.zeros((1, 1), np.int64)
    while len(curve) < _SIDE:
        quarter = curve.size
        flipped = curve[::-1, ::-1].T
        curve = np.block([[curve.T, curve + quarter], [flipped + 3 * quarter, curve + 2 * quarter]])
    return curve
