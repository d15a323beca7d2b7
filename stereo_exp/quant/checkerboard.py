"""The checkerboard that coarse superpixel up-sampling leaves: error that repeats every 8 px."""

from __future__ import annotations

import numpy as np

# The low disparity's stride: what up-sampling repeats.
PERIOD = 8


def periodic_share(error: np.ndarray, period: int = PERIOD) -> float:
    """The share of an error map's energy that repeats every `period` pixels in both directions.

    The map is averaged over its periods×periods tiles; the energy of that mean tile, without its mean, against the
    energy of the whole map without its mean. An error that is nothing but a repeated tile has 1; noise has about one
    over the number of tiles.

    Args:
        error: H×W, H and W at least `period`; what lies beyond whole tiles at the bottom and the right is left out.

    Returns:
        0…1; 0 for a constant map.

    Raises:
        ValueError: the map is smaller than one tile, or not finite.
    """
    rows, columns = (size // period for size in error.shape)
    if not rows or not columns:
        raise ValueError(f"an error map of {error.shape} holds no tile of {period}×{period}")
    whole = error[: rows * period, : columns * period].astype(np.float64)
    if not np.isfinite(whole).all():
        raise ValueError("the error map has values that are not finite")
    whole = whole - whole.mean()
    energy = float(np.square(whole).mean())
    if energy == 0:
        return 0.0
    tile = whole.reshape(rows, period, columns, period).mean((0, 2))
    return float(np.square(tile).mean()) / energy
