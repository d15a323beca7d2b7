"""The classical opponent: known disparities come back everywhere, hidden pixels take the background's."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.geometry.filling import fill_from_background
from stereo_exp.geometry.sgbm import Sgbm, opencv_matcher

BACKGROUND, OBJECT = 12, 40
HEIGHT, WIDTH = 120, 260
THING = slice(40, 80), slice(120, 180)


def texture(seed: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (3, 3), 0)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A textured rectangle at 40 px ahead of a wall at 12 px: left view, right view, truth."""
    wall, thing = texture(0, WIDTH + BACKGROUND), texture(1, WIDTH)
    left, right = wall[:, :WIDTH].copy(), wall[:, BACKGROUND:].copy()
    truth = np.full((HEIGHT, WIDTH), BACKGROUND, np.float32)
    rows, columns = THING
    left[THING] = thing[THING]
    right[rows, columns.start - OBJECT : columns.stop - OBJECT] = thing[THING]
    truth[THING] = OBJECT
    return left, right, truth


def test_known_disparities_come_back_at_every_pixel(pair: tuple[np.ndarray, ...]) -> None:
    left, right, truth = pair
    found = Sgbm(64)(left, right)
    assert found.dtype == np.float32 and found.shape == truth.shape
    error = np.abs(found - truth)
    assert (error > 1).mean() < 0.03
    # Neither the columns that the right view does not hold nor those that OpenCV leaves out stay without.
    assert (error[:, :BACKGROUND] > 1).mean() < 0.05
    assert (error[:, BACKGROUND:64] > 1).mean() < 0.05


def test_what_the_right_view_does_not_see_is_not_known_and_takes_the_background(pair: tuple[np.ndarray, ...]) -> None:
    left, right, _ = pair
    rows, columns = THING
    # Left of the thing, as wide as the two disparities differ, the thing hides the wall from the right view.
    hidden = slice(rows.start + 3, rows.stop - 3), slice(columns.start - (OBJECT - BACKGROUND) + 3, columns.start - 3)
    matcher = Sgbm(64)
    known = matcher.match_both(left, right).known
    assert not known[:, : BACKGROUND - 2].any()
    assert known[hidden].mean() < 0.1
    assert (np.abs(matcher(left, right)[hidden] - BACKGROUND) <= 1).mean() > 0.9


def test_without_the_border_opencv_leaves_columns_out(pair: tuple[np.ndarray, ...]) -> None:
    left, right, _ = pair
    plain = opencv_matcher(64, cv2.STEREO_SGBM_MODE_HH).compute(left, right)
    assert (plain[:, :63] < 0).all()


@pytest.mark.parametrize(
    ("block", "smoothness", "penalties"), [(1, 1.0, (24, 96)), (3, 1.0, (216, 864)), (3, 0.75, (162, 648))]
)
def test_penalties_are_those_of_opencvs_documentation_times_the_smoothness(
    block: int, smoothness: float, penalties: tuple[int, int]
) -> None:
    matcher = opencv_matcher(64, cv2.STEREO_SGBM_MODE_HH, block=block, smoothness=smoothness)
    assert matcher.getBlockSize() == block
    assert (matcher.getP1(), matcher.getP2()) == penalties


@pytest.mark.parametrize("settings", [{"block": 1}, {"block": 5}, {"smoothness": 0.5}])
def test_other_blocks_and_penalties_find_the_same_scene(
    pair: tuple[np.ndarray, ...], settings: dict[str, float]
) -> None:
    left, right, truth = pair
    found = Sgbm(64, cv2.STEREO_SGBM_MODE_SGBM_3WAY, **settings)(left, right)
    assert (np.abs(found - truth) > 1).mean() < 0.04
    assert not np.array_equal(found, Sgbm(64, cv2.STEREO_SGBM_MODE_SGBM_3WAY)(left, right))


def test_views_that_have_nothing_in_common_give_a_map_all_the_same() -> None:
    found = Sgbm(64)(np.zeros((40, 80, 3), np.uint8), texture(0, 80)[:40])
    assert np.isfinite(found).all() and (found >= 0).all() and (found < 64).all()


def test_holes_take_the_smaller_neighbour_of_their_row() -> None:
    disparity = np.array([[5, 0, 0, 9, 0], [0, 7, 0, 2, 8]], np.float32)
    known = disparity > 0
    np.testing.assert_array_equal(fill_from_background(disparity, known), [[5, 5, 5, 9, 9], [7, 7, 2, 2, 8]])


def test_rows_without_any_take_their_neighbours_and_maps_without_any_are_zero() -> None:
    disparity = np.array([[4, 4], [-1, -1], [-1, -1], [3, 6]], np.float32)
    np.testing.assert_array_equal(fill_from_background(disparity, disparity > 0), [[4, 4], [3, 4], [3, 4], [3, 6]])
    np.testing.assert_array_equal(fill_from_background(disparity, np.zeros((4, 2), bool)), np.zeros((4, 2)))


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1))
def test_filling_keeps_what_is_known_and_invents_no_value(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    disparity = rng.uniform(0, 100, (7, 9)).astype(np.float32)
    known = rng.random((7, 9)) < share
    filled = fill_from_background(disparity, known)
    np.testing.assert_array_equal(filled[known], disparity[known])
    assert set(filled.ravel()) <= ({*disparity[known]} or {0})
