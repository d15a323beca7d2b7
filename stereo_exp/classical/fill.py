"""Holes of a disparity map, filled from what is known around them.

What one view does not see lies behind what hides it, and is as far away as the farther one of its neighbours.
"""

from __future__ import annotations

import numpy as np

AGREEMENT = 2.0
"""Difference in px of two disparities around a hole that still counts as agreement; 1 and 4 px serve as well."""


def fill_from_background(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes the smaller of the nearest known disparities left and right of it in its row.

    At the sides there is one such neighbour. A row without any takes those of the rows above and below; a map without
    any is 0.

    Args:
        disparity: float32 H×W px, finite where known.
        known: bool H×W.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    filled = _filled_along(1, disparity, known)
    filled = _filled_along(0, filled, np.isfinite(filled))
    return np.where(np.isfinite(filled), filled, np.float32(0))


def fill_between(disparity: np.ndarray, known: np.ndarray, guess: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes what `guess` says, as far as the nearest known ones in its row and column allow it.

    Those are four; at the sides the one neighbour counts for both, in a row (column) without any those of its column
    (row). Where the two middle ones agree within `AGREEMENT`, it lies between these, since one of the four may be
    wrong; else between the smallest and the largest. Where there are none at all, the guess stays as it is.

    Args:
        disparity, guess: float32 H×W px, the former finite where known.
        known: bool H×W.
        behind: bool H×W, pixels that take the smaller one of their neighbours in the row instead, if there are any.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    holes = np.nonzero(~known)
    row, column = _neighbours(1, disparity, known, holes), _neighbours(0, disparity, known, holes)
    farther = np.minimum(*row)
    row, column = _first_known(row, column), _first_known(column, row)
    low, high = (np.minimum(*row), np.minimum(*column)), (np.maximum(*row), np.maximum(*column))
    # The smallest and the largest of the four are not among these two.
    middle = np.maximum(*low), np.minimum(*high)
    lower, upper = np.minimum(*middle), np.maximum(*middle)
    agree = upper - lower <= AGREEMENT
    lower, upper = np.where(agree, lower, np.minimum(*low)), np.where(agree, upper, np.maximum(*high))
    held = np.where(behind[holes] & ~np.isnan(farther), farther, np.clip(guess[holes], lower, upper))
    filled = disparity.copy()
    filled[holes] = _first_known(held, guess[holes])
    return filled


def _filled_along(axis: int, disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """NaN in lines without a known pixel."""
    holes = np.nonzero(~known)
    filled = disparity.copy()
    filled[holes] = np.minimum(*_neighbours(axis, disparity, known, holes))
    return filled


def _neighbours(axis: int, disparity: np.ndarray, known: np.ndarray, holes: tuple[np.ndarray, ...]) -> np.ndarray:
    """The nearest known disparities before and after each hole along an axis, 2×holes; where there is but one, it is
    both; NaN where there is none."""
    size = known.shape[axis]
    places = np.expand_dims(np.arange(size, dtype=np.int32), 1 - axis)
    before = np.maximum.accumulate(np.where(known, places, np.int32(-1)), axis=axis)[holes]
    backwards = np.flip(np.where(known, places, np.int32(size)), axis)
    after = np.flip(np.minimum.accumulate(backwards, axis=axis), axis)[holes]
    before, after = np.where(before < 0, after, before), np.where(after == size, before, after)
    none = before == size
    found = []
    for place in (before, after):
        at = list(holes)
        at[axis] = np.where(none, 0, place)
        found.append(np.where(none, np.float32(np.nan), disparity[tuple(at)]))
    return np.stack(found)


def _first_known(values: np.ndarray, instead: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), instead, values)
