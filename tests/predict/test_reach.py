"""The range is told, and what may lie beyond it is not believed."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from scenes_beyond import BASELINE, FOCAL, HEIGHT, PLACE, WIDTH, scene_with_object

import stereo_exp as se
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.reach import Reach, find_beyond
from stereo_exp.runtime import StereoModel

MAXDISP = 192


@pytest.fixture(scope="module")
def model() -> StereoModel:
    return se.load("release", threads=1)


def test_a_near_thing_beyond_the_range_is_found() -> None:
    for factor in (1.1, 1.3, 1.6, 2.2):
        found = find_beyond(*scene_with_object(factor * MAXDISP), MAXDISP)
        assert found is not None
        assert found[PLACE].mean() > 0.8
        outside = found.copy()
        outside[PLACE] = False
        # A block of the coarse match is nine cells wide.
        assert outside.sum() < 0.6 * found[PLACE].size


@pytest.mark.parametrize("factor", [0.2, 0.6, 0.97])
def test_a_thing_within_the_range_is_left_alone(factor: float) -> None:
    assert find_beyond(*scene_with_object(factor * MAXDISP), MAXDISP) is None


def test_small_ranges_and_small_pairs_are_not_looked_at() -> None:
    left, right = scene_with_object(1.3 * MAXDISP)
    assert find_beyond(left[:, :100], right[:, :100], MAXDISP) is None
    assert find_beyond(left[:20], right[:20], MAXDISP) is None
    assert find_beyond(left, right, 16.0) is None


def test_the_release_does_not_believe_what_it_cannot_see(model: StereoModel, caplog: pytest.LogCaptureFixture) -> None:
    """1.3 times the range: the network sees something plausible there; its confidence is 0, and a warning counts."""
    left, right = scene_with_object(1.3 * MAXDISP)
    camera = Calibration(FOCAL, BASELINE)
    with caplog.at_level(logging.WARNING):
        found = model(left, right, scale=1, calib=camera)
    assert found.beyond is not None
    inside = found.confidence[PLACE]
    assert np.isfinite(found.disparity).all()
    assert found.disparity[PLACE].max() < MAXDISP
    assert (inside < 0.05).mean() > 0.8
    assert (found.confidence[found.beyond] == 0).all()
    assert found.expected_error[found.beyond].min() >= 0
    lacking = MAXDISP - found.disparity[found.beyond]
    assert (found.expected_error[found.beyond] >= lacking - 1e-3).all()
    assert found.reach == Reach(MAXDISP, pytest.approx(FOCAL * BASELINE / MAXDISP))
    told = [record.message for record in caplog.records if "nearer than the network can see" in record.message]
    assert len(told) == 1
    assert told[0].startswith(f"{found.num_beyond} pixels (")
    assert "192 px, depth from" in told[0]
    # Half the size sees all of it.
    half = model(left, right, scale=0.5, calib=camera)
    assert half.num_beyond == 0
    assert half.reach.disparity == 2 * MAXDISP
    assert np.median(half.disparity[PLACE]) == pytest.approx(1.3 * MAXDISP, abs=8)


def test_an_enlarged_pair_sees_less(model: StereoModel) -> None:
    left, right = scene_with_object(0.3 * MAXDISP)
    found = model(left[:240, :320], right[:240, :320])
    assert found.reach.disparity == pytest.approx(MAXDISP / model.enlargement((240, 320)))
    assert 90 < found.reach.disparity < 110
    assert found.reach.depth is None
    assert f"{found.reach}" == f"disparities up to {found.reach.disparity:.4g} px"


def test_a_batch_keeps_what_each_pair_says(model: StereoModel) -> None:
    near, far = scene_with_object(1.3 * MAXDISP), scene_with_object(0.5 * MAXDISP)
    views = [np.stack([near[side], far[side]]) for side in (0, 1)]
    found = model(*views, scale=1)
    alone = [model(*pair, scale=1) for pair in (near, far)]
    assert found.beyond is not None
    assert found.beyond[0].sum() == alone[0].num_beyond == found.num_beyond > 0
    for index, one in enumerate(alone):
        assert np.array_equal(found.confidence[index], one.confidence)
        assert np.array_equal(found.expected_error[index], one.expected_error)


def test_nothing_is_nearer_than_the_principal_points_allow() -> None:
    assert Reach.of(100, Calibration(500, 0.1, doffs=-100)).depth is None
    assert Reach.of(100, Calibration(500, 0.1, doffs=25)).depth == pytest.approx(0.4)
    assert f"{Reach.of(100, Calibration(500, 0.1))}" == "disparities up to 100 px, depth from 0.5 m on"
    assert HEIGHT < WIDTH
