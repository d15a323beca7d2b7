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


def fill_between(disparity: np.ndarray, known: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes what `guess` says, but no less and no more than the nearest known ones in its row.

    A row without any takes the guess as it is.

    Args:
        disparity, guess: float32 H×W px.
        known: bool H×W.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    from_left, from_right = _nearest_in_row(disparity, known)
    lower, upper = np.minimum(from_left, from_right), np.maximum(from_left, from_right)
    # At the sides there is one neighbour, and nothing to lie between.
    upper = np.where(np.isfinite(upper), upper, lower)
    return np.where(np.isfinite(lower), np.clip(guess, lower, upper), guess)


def _filled_along_rows(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """inf in rows without a known pixel."""
    return np.minimum(*_nearest_in_row(disparity, known))


def _nearest_in_row(disparity: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest known disparities left and right of each pixel; a known one is its own; inf where there is none."""
    from_right = _nearest_on_the_left(disparity[:, ::-1], known[:, ::-1])[:, ::-1]
    return _nearest_on_the_left(disparity, known), from_right


def _nearest_on_the_left(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    columns = np.where(known, np.arange(disparity.shape[1], dtype=np.int32), np.int32(-1))
    nearest = np.maximum.accumulate(columns, axis=1)
    values = np.take_along_axis(disparity, np.maximum(nearest, 0), axis=1)
    return np.where(nearest >= 0, values, np.float32(np.inf))
