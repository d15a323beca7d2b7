"""Holes of a disparity map, filled from what is known around them.

What one view does not see lies behind what hides it, and is as far away as the farther one of its neighbours.
"""

from __future__ import annotations

import cv2
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


# What the right camera cannot see: geometry in place of a network's guess.


SURE = 0.5
"""A network that is less sure of a pixel than this does not know it either."""
GROWN = 2
"""px by which hidden places are widened: beside a nearer thing the network mixes both."""
TOLERANCE = 1.0
"""px by which a match may lie behind its neighbour's, as surfaces that slant away have it."""


def fill_hidden(disparity: np.ndarray, sureness: np.ndarray) -> np.ndarray:
    """Disparity with the places filled that only the left camera sees.

    Seen from the right, a pixel lies at x − d. It is hidden where a pixel of its row that stands to the right of it,
    and that the network is sure of, lands farther left; and where x − d lies left of the image. Such pixels, those
    beside them, and those that the network is not sure of take the smaller one, the farther surface, of the next
    disparities in their row that are none of these.

    Args:
        disparity: float32 H×W px, 0 or more, of the left view; what is not finite stays so.
        sureness: float32 H×W in 0…1, the network's own.

    Returns:
        float32 H×W px; a row without anything to take from stays.
    """
    is_number = np.isfinite(disparity)
    match = np.arange(disparity.shape[1], dtype=np.float32) - np.where(is_number, disparity, 0)
    is_sure = is_number & (sureness >= SURE)
    # A wrong cell of far too large a disparity would hide half of its row: what the network doubts hides nothing.
    front = np.where(is_sure & (match >= 0), match, np.inf)
    leftmost = np.minimum.accumulate(front[:, ::-1], axis=1)[:, ::-1]
    hidden = (match > leftmost + TOLERANCE) | (match < 0)
    grown = cv2.dilate(hidden.view(np.uint8), np.ones((1, 2 * GROWN + 1), np.uint8)) > 0
    return np.where(is_number, fill_rows(disparity, is_sure & ~grown), disparity)


def fill_rows(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Every pixel that is not known takes the smaller of the next known ones to both sides in its row.

    Args:
        disparity: float32 H×W.
        known: bool H×W.

    Returns:
        float32 H×W; beyond the outermost known pixel of a row that one alone counts, and a row without any stays.
    """
    return _first_known(_filled_along(1, disparity, known), disparity)
