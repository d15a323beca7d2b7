"""Holes filled between their neighbours: a guess counts as far as what is known around it allows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stereo_exp.geometry.filling import AGREEMENT, fill_between

SHAPE = (3, 7)
MAPS = arrays(np.float32, SHAPE, elements=st.floats(0, 192, width=32))


def nearest(values: np.ndarray, known: np.ndarray, place: int) -> list[float]:
    """The known values next to a place of a line, before and after; if there is but one, it twice."""
    at = np.flatnonzero(known)
    sides = [at[at < place][-1:], at[at > place][:1]]
    found = [float(values[side[0]]) for side in sides if side.size]
    return found * 2 if len(found) == 1 else found


@given(MAPS, arrays(np.bool_, SHAPE), MAPS, arrays(np.bool_, SHAPE))
def test_a_guess_stays_between_the_nearest_known_ones(
    disparity: np.ndarray, known: np.ndarray, guess: np.ndarray, behind: np.ndarray
) -> None:
    filled = fill_between(disparity, known, guess, behind)
    assert filled.dtype == np.float32
    for row, column in np.ndindex(SHAPE):
        in_row = nearest(disparity[row], known[row], column)
        in_column = nearest(disparity[:, column], known[:, column], row)
        around = sorted((in_row or in_column) + (in_column or in_row))
        if known[row, column]:
            expected = disparity[row, column]
        elif behind[row, column] and in_row:
            expected = min(in_row)
        elif around:
            lowest, low, high, highest = around
            agree = np.float32(high) - np.float32(low) <= AGREEMENT
            expected = np.clip(guess[row, column], *((low, high) if agree else (lowest, highest)))
        else:
            expected = guess[row, column]
        assert filled[row, column] == expected


def test_one_wrong_neighbour_draws_no_streak() -> None:
    """A mismatch of one pixel in a wall that is known around a hole."""
    known = np.ones((9, 15), bool)
    known[2:7, 3:12] = False
    disparity = np.full(known.shape, 20, np.float32)
    disparity[4, 2] = 50
    guess = np.full(known.shape, 35, np.float32)
    filled = fill_between(disparity, known, guess, np.zeros(known.shape, bool))
    assert (filled[~known] == 20).all()


def test_where_the_neighbours_disagree_the_guess_decides() -> None:
    """A hole across an edge."""
    known = np.ones((9, 15), bool)
    known[2:7, 3:12] = False
    disparity = np.full(known.shape, 20, np.float32)
    disparity[:, 8:] = 50
    disparity[7:, :] = 50
    guess = np.full(known.shape, 35, np.float32)
    filled = fill_between(disparity, known, guess, np.zeros(known.shape, bool))
    assert (filled[2:7, 3:8] == 35).all()
    assert (filled[2:7, 8:12] == 50).all()
