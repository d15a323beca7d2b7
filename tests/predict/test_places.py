"""Errors are told apart by where they lie, and every pixel counts in one place."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.places import PLACES, PlaceMetrics, find_places

HEIGHT, WIDTH, NEAR, FAR = 40, 120, 20.0, 5.0
SQUARE = np.s_[10:30, 60:90]


def pair(noc: bool = False) -> StereoSample:
    """A textured square before a textured wall, which is bare at its right end."""
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    image[:, 100:] = 128
    truth = np.full((HEIGHT, WIDTH), FAR, np.float32)
    truth[SQUARE] = NEAR
    seen = None
    if noc:
        seen = np.ones(truth.shape, bool)
        seen[:, :10] = False
    return StereoSample("square", image, image, truth, noc=seen)


def test_each_place_is_where_geometry_has_it() -> None:
    places = find_places(pair())
    name = np.array(PLACES)[places]
    assert (name[:, :5] == "border").all() and (name[2, 5:97] == "other").all()
    # What the square hides of the wall: as many columns to its left as it is nearer.
    hidden = np.argwhere(name[20] == "occluded")[:, 0]
    assert hidden.min() >= 60 - (NEAR - FAR) - 1 and hidden.max() == 59 and hidden.size >= NEAR - FAR - 1
    assert (name[20, 60:63] == "edge").all() and name[20, 63] == "other" and name[20, 92] == "edge"
    assert (name[5:7, 70] == "other").all() and (name[7:10, 70] == "edge").all()
    assert (name[:6, 105:] == "bare").all()


def test_the_mask_of_the_set_wins_over_what_truth_hides() -> None:
    name = np.array(PLACES)[find_places(pair(noc=True))]
    assert (name[0, 5:10] == "occluded").all() and (name[20, 45:57] == "other").all()


def test_shares_add_up_and_errors_land_where_they_are() -> None:
    sample = pair()
    assert sample.disparity is not None
    off = sample.disparity.copy()
    off[:, :5] += 4
    off[0, 50] = np.nan
    metrics = PlaceMetrics(192)
    metrics.update(off, sample)
    metrics.update(off, StereoSample("no truth", sample.left, sample.right))
    found = metrics.compute()
    for key in ("pixels_share", "error_share", "bad2_share"):
        assert math.isclose(sum(of[key] for of in found.values()), 1)
    assert found["border"]["epe"] == 4 and found["border"]["bad2"] == 1
    assert found["other"]["bad2_share"] == pytest.approx(1 / (5 * HEIGHT + 1))
    assert found["occluded"]["error_share"] == 0
    again = PlaceMetrics(192)
    again.totals = metrics.totals + metrics.totals
    assert again.compute() == found


def test_without_truth_there_are_no_places() -> None:
    image = np.zeros((8, 9, 3), np.uint8)
    with pytest.raises(ValueError, match="has no truth"):
        find_places(StereoSample("none", image, image))


@settings(max_examples=25)
@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 2**31))
def test_any_truth_has_a_place_everywhere(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-5, 40, (height, width)).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = np.nan
    image = rng.integers(0, 255, (height, width), np.uint8)
    places = find_places(StereoSample("any", image, image, truth))
    assert places.shape == truth.shape and places.max() < len(PLACES)
    unknown = ~(truth > 0)
    assert set(np.array(PLACES)[places[unknown]].tolist()) <= {"bare", "other"}
