"""Holes of a disparity map, filled with what is farther away: what one view does not see lies behind what hides it."""

from __future__ import annotations

import numpy as np


def fill_from_background(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes the smaller of the nearest known disparities left and right of it in its row.

    At the sides there is one such neighbour. A row without any takes those of the rows above and below; a map without
    any is 0.

    Args:
        disparity: float32 H×W px.
        known: bool H×W.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    filled = _filled_along_rows(disparity, known)
    filled = _filled_along_rows(filled.T, np.isfinite(filled).T).T
    return np.ascontiguousarray(np.where(np.isfinite(filled), filled, np.float32(0)))


def _filled_along_rows(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """inf in rows without a known pixel."""
    from_left = _nearest_on_the_left(disparity, known)
    from_right = _nearest_on_the_left(disparity[:, ::-1], known[:, ::-1])[:, ::-1]
    return np.where(known, disparity, np.minimum(from_left, from_right))


def _nearest_on_the_left(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    columns = np.where(known, np.arange(disparity.shape[1]), -1)
    nearest = np.maximum.accumulate(columns, axis=1)
    values = np.take_along_axis(disparity, np.maximum(nearest, 0), axis=1)
    return np.where(nearest >= 0, values, np.float32(np.inf))
