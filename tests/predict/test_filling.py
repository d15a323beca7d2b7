"""What the right camera cannot see takes what lies behind; what it sees stays to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stereo_exp.geometry.filling import GROWN, fill_hidden, fill_rows
from stereo_exp.geometry.sizing import Rule

NEAR, FAR, WIDTH = 20.0, 5.0, 120


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A thing before a wall: the truth, and which pixels both cameras see."""
    truth = np.full((6, WIDTH), FAR, np.float32)
    truth[:, 60:90] = NEAR
    seen = np.ones(truth.shape, bool)
    seen[:, :5] = False
    seen[:, 45:60] = False
    return truth, seen


def test_hidden_places_take_the_wall() -> None:
    truth, seen = scene()
    # A network guesses there: too near, which is what makes a robot stop.
    guess = np.where(seen, truth, np.float32(50))
    sureness = np.where(seen, np.float32(0.9), np.float32(0.3))
    filled = fill_hidden(guess, sureness)
    np.testing.assert_array_equal(filled, truth)


def test_what_is_seen_by_both_stays() -> None:
    truth, _ = scene()
    filled = fill_hidden(truth, np.ones(truth.shape, np.float32))
    assert (filled != truth).sum() == len(truth) * GROWN
    wavy = (10 + 3 * np.sin(np.arange(WIDTH) / 9)).astype(np.float32)[None].repeat(4, 0)
    changed = fill_hidden(wavy, np.ones(wavy.shape, np.float32)) != wavy
    # Columns whose match leaves the image, and those beside them.
    assert not changed[:, 15 + GROWN :].any()


def test_what_the_network_is_not_sure_of_takes_the_farther_neighbour() -> None:
    truth, _ = scene()
    sureness = np.ones(truth.shape, np.float32)
    guess = truth.copy()
    guess[:, 88:100], sureness[:, 88:100] = 90, 0.1
    # Nothing that is unsure may hide what stands to its left and is sure.
    filled = fill_hidden(guess, sureness)
    assert (filled[:, 88:] == FAR).all()
    np.testing.assert_array_equal(filled[:, 62:86], truth[:, 62:86])


def test_a_row_that_knows_nothing_stays_and_what_is_no_number_stays_none() -> None:
    disparity = np.full((2, 30), 7, np.float32)
    disparity[1, 20] = np.nan
    nothing = np.zeros(disparity.shape, np.float32)
    np.testing.assert_array_equal(fill_hidden(disparity, nothing), disparity)
    filled = fill_hidden(disparity, np.ones(disparity.shape, np.float32))
    assert np.isnan(filled[1, 20]) and np.isfinite(np.delete(filled[1], 20)).all()


@settings(max_examples=50)
@given(st.data(), st.integers(1, 5), st.integers(1, 24))
def test_every_pixel_gets_a_value_of_its_row(data: st.DataObject, height: int, width: int) -> None:
    values = arrays.arrays(np.float32, (height, width), elements=st.floats(0, 64, width=32))
    disparity, known = data.draw(values), data.draw(arrays.arrays(bool, (height, width)))
    filled = fill_rows(disparity, known)
    np.testing.assert_array_equal(filled[known], disparity[known])
    for row, (found, was) in enumerate(zip(filled, disparity, strict=True)):
        assert set(found.tolist()) <= set(was[known[row]].tolist()) if known[row].any() else (found == was).all()
        unknown = ~known[row]
        if known[row].any() and unknown.any():
            assert found[unknown].max() <= was[known[row]].max()
    assert fill_hidden(disparity, known.astype(np.float32)).shape == disparity.shape


@pytest.mark.parametrize("refine", [False, True])
def test_the_rule_fills_ahead_of_all_else(refine: bool) -> None:
    truth, seen = scene()
    big = np.kron(truth, np.ones((10, 1), np.float32))
    guess = np.kron(np.where(seen, truth, np.float32(50)), np.ones((10, 1), np.float32))
    sureness = np.kron(np.where(seen, np.float32(0.9), np.float32(0.3)), np.ones((10, 1), np.float32))
    views = np.random.default_rng(0).integers(0, 255, (2, *big.shape, 3), np.uint8)

    def network(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return guess, sureness

    off = [np.abs(Rule(1.0, refine, fill)(network, *views, 32).disparity - big).mean() for fill in (False, True)]
    assert off[1] < 0.5 * off[0]
    assert not Rule(1.0, fill=True).is_plain((60, WIDTH), 1)
