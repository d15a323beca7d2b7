"""Holes filled between their neighbours: a guess counts as far as what is known around it allows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stereo_exp.classical.fill import fill_between

SHAPE = (3, 7)
MAPS = arrays(np.float32, SHAPE, elements=st.floats(0, 192, width=32))


@given(MAPS, arrays(np.bool_, SHAPE), MAPS)
def test_a_guess_stays_between_the_nearest_known_ones(
    disparity: np.ndarray, known: np.ndarray, guess: np.ndarray
) -> None:
    filled = fill_between(disparity, known, guess)
    assert filled.dtype == np.float32
    for row in range(SHAPE[0]):
        at = np.flatnonzero(known[row])
        for column in range(SHAPE[1]):
            near = [at[at <= column][-1:], at[at >= column][:1]]
            around = [disparity[row, i] for side in near for i in side]
            expected = np.clip(guess[row, column], min(around), max(around)) if around else guess[row, column]
            assert filled[row, column] == expected
