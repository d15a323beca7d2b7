"""Augmentations that move pixels: the new truth matches the new pair, and better than the old truth does."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.data.augment import Augment, HflipSwap, Scale, VerticalFlip, VerticalJitter
from stereo_exp.data.augment.geometry import resize_sample
from stereo_exp.geometry.occlusion import right_disparity
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scenes import sample_scene

SCENES = range(4)


@cache
def rendered(index):
    """A pair without photometric differences, its exact masks, and the right view's own truth."""
    pair = render_scene(sample_scene(3, "TRAIN", index, 128, 256), photometric=False)
    width = pair.disparity_left.shape[1]
    partner = np.arange(width) - pair.disparity_left
    there = np.clip(np.rint(partner).astype(int), 0, width - 1)
    met = np.take_along_axis(pair.disparity_right, there, 1)
    noc = (partner >= 0) & (np.abs(met - pair.disparity_left) < 1)
    calibration = Calibration(400.0, 0.2, 5.0)
    return StereoSample(str(index), pair.left, pair.right, pair.disparity_left, noc, calibration), pair.disparity_right


def mismatch(sample, disparity=None, keep=None):
    """Mean difference of the left view and the right one carried over by the truth, where both see, 8-bit steps."""
    disparity = sample.disparity if disparity is None else disparity
    height, width = disparity.shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    warped = cv2.remap(sample.right, xs - disparity, ys, cv2.INTER_LINEAR)
    valid = (disparity > 0) & (xs - disparity >= 0) & (sample.noc if keep is None else keep)
    return np.abs(warped.astype(int) - sample.left)[valid].mean()


@pytest.mark.parametrize("index", SCENES)
@pytest.mark.parametrize("size", [(96, 200), (160, 320), (128, 330), (110, 256), (100, 330), (180, 190)])
def test_a_scaled_pair_matches_by_its_scaled_truth(index, size):
    sample, _ = rendered(index)
    out = resize_sample(sample, size)
    assert out.size == out.disparity.shape == out.noc.shape == size
    assert mismatch(out) < 1.6 * mismatch(sample) + 0.5
    if size[1] != sample.size[1]:
        unchanged = resize_sample(
            replace(sample, disparity=sample.disparity * sample.size[1] / size[1]), size
        ).disparity
        assert mismatch(out) < 0.7 * mismatch(out, unchanged)
    else:  # the height alone leaves disparity as it is
        assert set(np.unique(out.disparity)) <= set(np.unique(sample.disparity))
    assert not np.shares_memory(out.disparity, sample.disparity)


sides = st.integers(1, 70)


@given(sides, sides, sides, sides)
def test_resized_truth_is_the_nearest_pixels_times_the_ratio(height, width, new_height, new_width):
    rng = np.random.default_rng(height * 71 + width)
    disparity = rng.uniform(-2, 20, (height, width)).astype(np.float32)
    disparity[rng.random((height, width)) < 0.2] = 0
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    sample = StereoSample("a", image, image, disparity, disparity > 5, Calibration(10.0, 0.5, -2.0))
    out = resize_sample(sample, (new_height, new_width))
    ratio = np.float32(new_width / width)
    ys = np.floor((np.arange(new_height) + 0.5) * height / new_height + 1e-9).astype(int)
    xs = np.floor((np.arange(new_width) + 0.5) * width / new_width + 1e-9).astype(int)
    nearest = disparity[np.ix_(ys, xs)]
    np.testing.assert_array_equal(out.disparity, np.where(nearest > 0, nearest * ratio, nearest))
    np.testing.assert_array_equal(out.noc, sample.noc[np.ix_(ys, xs)])
    assert out.disparity.dtype == np.float32 and out.left.shape == (new_height, new_width, 3)
    # Depth is what it was: focal · baseline / (disparity + doffs).
    before = sample.calibration.focal * sample.calibration.baseline / (7 + sample.calibration.doffs)
    after = out.calibration.focal * out.calibration.baseline / (7 * new_width / width + out.calibration.doffs)
    assert after == pytest.approx(before)


@given(
    height=st.integers(20, 80), width=st.integers(20, 80), crop=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    low=st.floats(0.3, 1), high=st.floats(1, 2.5), stretch=st.floats(1, 1.5), seed=st.integers(0, 10**6),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_scale_stays_in_its_range_and_fills_the_crop(height, width, crop, low, high, stretch, seed):
    image = np.zeros((height, width, 3), np.uint8)
    sample = StereoSample("a", image, image, np.full((height, width), 4, np.float32))
    op = Scale(scale_min=low, scale_max=high, stretch_max=stretch, probability=1)
    free = op(sample, np.random.default_rng(seed))
    for have, new in zip(sample.size, free.size, strict=True):
        assert have * low / stretch - 0.51 <= new <= have * high * stretch + 0.51
    assert free.disparity == pytest.approx(4 * free.size[1] / width)
    bound = op(sample, np.random.default_rng(seed), crop)
    for have, want, unbound, new in zip(sample.size, crop, free.size, bound.size, strict=True):
        assert new == max(unbound, min(have, want))
    cropped = Augment([op])(sample, np.random.default_rng(seed), crop)
    assert cropped.size == crop
    if crop[0] <= height and crop[1] <= width:
        assert (cropped.disparity > 0).all(), "no padding"


def test_stretch_gives_the_sides_factors_of_their_own():
    sample, _ = rendered(0)
    ratios = [
        (out.size[1] / 256) / (out.size[0] / 128)
        for out in (Scale(1, 1, 1.2, 1)(sample, np.random.default_rng(seed)) for seed in range(40))
    ]
    assert 1 / 1.45 < min(ratios) < 0.85 and 1.15 < max(ratios) < 1.45
    out = Scale(0.7, 1.5, 1, 1)(sample, np.random.default_rng(0))
    assert out.size[1] / 256 == pytest.approx(out.size[0] / 128, abs=0.01)


@pytest.mark.parametrize("index", SCENES)
def test_derived_right_truth_is_the_rendered_one(index):
    sample, truth = rendered(index)
    width = truth.shape[1]
    partner = np.arange(width) + truth
    inside = partner <= width - 1
    met = np.take_along_axis(sample.disparity, np.clip(np.rint(partner).astype(int), 0, width - 1), 1)
    seen = inside & (np.abs(met - truth) < 1)
    edges = cv2.dilate((cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 1).astype(np.uint8), None)
    for noc in (None, sample.noc):
        derived = right_disparity(sample.disparity, noc)
        known = derived > 0
        wrong = known & (np.abs(derived - truth) > 1)
        assert (wrong & inside).sum() <= 0.02 * known.sum()
        # Where the left view sees what the right one does, only edges are off.
        assert (wrong & seen & ~edges.astype(bool)).sum() <= 0.0005 * known.sum()
        assert np.median(np.abs(derived - truth)[known]) < 0.02
        # Known is what the left view sees, but for what may be hidden behind the continuation of its edge.
        assert (seen & ~known).sum() < (0.08 if noc is None else 0.01) * seen.sum()
    # With the mask, what stands beyond the left view's edge is no riddle.
    assert wrong.sum() <= 0.001 * known.sum()


def test_the_nearest_of_several_wins_and_holes_are_unknown():
    disparity = np.array([[1, 1, 1, 1, 4, 4, 1, 1]], np.float32)  # an object of 2 columns, 3 px in front
    # Columns 4, 5 cover right columns 0, 1; background columns 6, 7 come to 5, 6; 3 and 4 were hidden by it.
    np.testing.assert_array_equal(right_disparity(disparity), [[4, 4, 1, 0, 0, 1, 1, 0]])


def test_a_surface_wider_in_the_right_view_has_no_cracks():
    disparity = 60 - 0.4 * np.arange(100, dtype=np.float32)[None]  # right column 1.4·x − 60
    derived = right_disparity(disparity)[0]
    seen = slice(0, 79)
    assert (derived[seen] > 0).all()
    exact = 60 - 0.4 * (np.arange(79) + 60) / 1.4
    assert np.abs(derived[seen] - exact).max() < 0.4


def test_behind_a_surface_that_leaves_the_left_view_nothing_is_known():
    disparity = np.full((2, 20), 2, np.float32)
    disparity[0, 16:] = 8  # reaches the right edge: in the right view it may cover columns 8 and on
    derived = right_disparity(disparity)
    np.testing.assert_array_equal(derived[0], [2] * 8 + [8] * 4 + [0] * 8)
    np.testing.assert_array_equal(derived[1], [2] * 18 + [0] * 2)
    # A mask tells what the right view sees there: then all of it is known.
    np.testing.assert_array_equal(right_disparity(disparity, disparity > 0)[0], [2] * 8 + [8] * 4 + [2] * 2 + [0] * 6)


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 10**6), st.floats(0.5, 1e9))
def test_derived_truth_holds_for_any_map(height, width, seed, largest):
    rng = np.random.default_rng(seed)
    disparity = rng.uniform(-largest, largest, (height, width)).astype(np.float32)
    derived = right_disparity(disparity)
    assert derived.dtype == np.float32 and derived.shape == (height, width) and (derived >= 0).all()
    for y, x in np.argwhere(derived > 0):
        # Some left pixel within half a pixel of the match, or the two on both sides of it, has this disparity.
        near = np.abs(np.arange(width) - disparity[y] - x) <= 1.51
        assert near.any() and disparity[y][near].min() <= derived[y, x] <= disparity[y][near].max()
    assert not right_disparity(np.zeros((height, width), np.float32)).any()


@pytest.mark.parametrize("index", SCENES)
def test_the_swapped_pair_matches_by_its_derived_truth(index):
    sample, truth = rendered(index)
    out = HflipSwap(probability=1)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(out.left, sample.right[:, ::-1])
    np.testing.assert_array_equal(out.right, sample.left[:, ::-1])
    np.testing.assert_array_equal(out.noc, out.disparity > 0)
    assert out.calibration == sample.calibration
    exact = mismatch(out, truth[:, ::-1], out.noc)
    assert mismatch(out) < 1.3 * exact + 0.5
    assert mismatch(out) < 0.5 * mismatch(out, np.ascontiguousarray(sample.disparity[:, ::-1]), out.noc)
    assert mismatch(out) < 0.5 * mismatch(replace(out, left=sample.left, right=sample.right))
    assert HflipSwap(probability=0)(sample, np.random.default_rng(0)) is sample


def test_the_swapped_pair_without_a_mask_has_none():
    sample, _ = rendered(0)
    assert HflipSwap(1)(replace(sample, noc=None), np.random.default_rng(0)).noc is None


@pytest.mark.parametrize("index", SCENES)
def test_the_upside_down_pair_matches(index):
    sample, _ = rendered(index)
    out = VerticalFlip(1)(sample, np.random.default_rng(0))
    assert mismatch(out) == pytest.approx(mismatch(sample), rel=0.01)
    assert mismatch(out) < 0.7 * mismatch(out, sample.disparity)


def test_jitter_moves_the_right_view_by_the_drawn_part_of_a_pixel():
    ys, _ = np.mgrid[:40, :61]
    ramp = np.repeat((4 * ys)[..., None], 3, -1).astype(np.uint8)
    sample = StereoSample("a", ramp, ramp, np.ones((40, 61), np.float32))
    shifts = []
    for seed in range(60):
        out = VerticalJitter(shift=0.75, probability=1)(sample, np.random.default_rng(seed))
        moved = (ramp[5:-5].astype(float) - out.right[5:-5]) / 4  # down by s: the value of s rows further up
        assert np.ptp(moved) <= 0.25, "no tilt was asked for"
        shifts.append(moved.mean())
        assert out.left is sample.left and out.disparity is sample.disparity
    assert -0.9 < min(shifts) < -0.5 and 0.5 < max(shifts) < 0.9
    assert out.right.min() == 0 and out.right.max() >= ramp.max() - 3, "the edge is repeated, not black"


def test_jitter_tilts_about_the_middle_and_leaves_columns_alone():
    ys, xs = np.mgrid[:60, :101]
    rows, columns = (np.repeat(v[..., None], 3, -1).astype(np.uint8) for v in (4 * ys, 2 * xs))
    op = VerticalJitter(shift=0, rotation=1, probability=1)
    for seed in range(10):
        tilted = op(StereoSample("a", rows, rows), np.random.default_rng(seed)).right[10:-10, :, 0]
        moved = ((4 * ys[10:-10]) - tilted.astype(float)).mean(axis=0) / 4
        slope = np.polyfit(np.arange(101) - 50, moved, 1)
        assert abs(slope[0]) <= np.tan(np.radians(1)) + 1e-3 and abs(slope[1]) < 0.05
        assert np.abs(moved - np.polyval(slope, np.arange(101) - 50)).max() < 0.15
        out = op(StereoSample("a", columns, columns), np.random.default_rng(seed)).right
        np.testing.assert_array_equal(out, columns)


@pytest.mark.parametrize("index", SCENES)
def test_jitter_costs_the_match_a_little(index):
    sample, _ = rendered(index)
    out = VerticalJitter(shift=0.5, rotation=0.05, probability=1)(sample, np.random.default_rng(3))
    off = replace(sample, right=np.roll(sample.right, 3, axis=0))
    assert mismatch(sample) < mismatch(out) < mismatch(off)
