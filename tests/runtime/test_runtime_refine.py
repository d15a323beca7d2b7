"""Refining: what the network sees roughly becomes fine, what cannot be matched stays, whatever the size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stereo_exp.data.sources.middlebury import MotorcycleSource
from stereo_exp.geometry.metrics import StereoMetrics
from stereo_exp.geometry.refine import REACH, refine_disparity

HEIGHT, WIDTH = 120, 320


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A slanted wall with a box before it: left view, right view, disparity of the left one."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    texture = cv2.GaussianBlur(texture, (0, 0), 1.2)
    right = cv2.normalize(texture, np.empty_like(texture), 0, 255, cv2.NORM_MINMAX)
    rows, columns = np.indices((HEIGHT, WIDTH), np.float32)
    disparity = 10 + columns / 40 + rows / 60
    disparity[40:80, 150:220] = 30
    left = cv2.remap(right, columns - disparity, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return left, right, disparity


def error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.abs(found - truth)[:, 40:]


@pytest.mark.parametrize("amplitude", [1.0, 4.0, 10.0])
def test_a_rough_answer_becomes_fine(amplitude: float) -> None:
    left, right, truth = scene()
    rows, columns = np.indices(truth.shape, np.float32)
    rough = cv2.blur(truth, (15, 15)) + amplitude * np.sin(columns / 30) * np.cos(rows / 25)
    assert error(rough, truth).mean() > 0.4 * amplitude
    fine = error(refine_disparity(left, right, rough), truth)
    assert np.median(fine) < 0.2
    assert (fine > 1).mean() < 0.04


@pytest.mark.parametrize("shift", [0, -8, 0.75 * REACH])
def test_what_both_views_agree_on_corrects_the_answer(shift: float) -> None:
    left, right, truth = scene()
    fine = error(refine_disparity(left, right, np.maximum(truth + shift, 0)), truth)
    # Parabolas through the costs draw what is slanted towards whole px.
    assert np.median(fine) < 0.12
    assert (fine > 1).mean() < 0.03


@pytest.mark.parametrize("shift", [REACH + 8, 100])
def test_what_is_too_far_from_the_answer_counts_as_a_mismatch(shift: float) -> None:
    left, right, truth = scene()
    found = refine_disparity(left, right, truth + shift)
    assert np.median(error(found, truth)) == shift


def test_what_the_right_view_does_not_see_takes_the_background() -> None:
    """A box at 40 px before a wall at 10; the network says 40 for what the box hides from the right view, too."""
    rng = np.random.default_rng(4)
    wall, box = (cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, 400, 3), dtype=np.uint8), (0, 0), 1.2) for _ in "wb")
    left, right = wall[:, :WIDTH].copy(), wall[:, 10 : WIDTH + 10].copy()
    left[30:90, 150:220], right[30:90, 110:180] = box[30:90, 150:220], box[30:90, 150:220]
    answer = np.full((HEIGHT, WIDTH), 10, np.float32)
    answer[30:90, 120:220] = 40
    found = refine_disparity(left, right, answer)
    seen_by_one = found[34:86, 122:146]
    assert (np.abs(seen_by_one - 10) < 1).mean() > 0.9
    assert (np.abs(found[34:86, 154:216] - 40) < 1).mean() > 0.95


def test_a_patch_that_only_the_left_view_has_takes_what_is_around_it() -> None:
    """A wall at 20 px with a patch, a reflection, say, that only the left view has."""
    rng = np.random.default_rng(6)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, 400, 3), dtype=np.uint8), (0, 0), 1.2)
    left, right = wall[:, :WIDTH].copy(), wall[:, 20 : WIDTH + 20].copy()
    left[30:90, 150:210] = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    found = refine_disparity(left, right, np.full((HEIGHT, WIDTH), 20, np.float32))
    assert (np.abs(found[34:86, 154:206] - 20) < 1).mean() > 0.95


def test_of_a_repeated_pattern_the_answer_chooses() -> None:
    """What repeats every 80 px matches at 16 and 96 px: nothing but the network knows which."""
    rng = np.random.default_rng(5)
    once = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, 80, 3), dtype=np.uint8), (0, 0), 1.2)
    texture = np.tile(once, (1, 6, 1))
    left, right = (np.ascontiguousarray(view) for view in (texture[:, :WIDTH], texture[:, 16 : WIDTH + 16]))
    for distance in (16, 96):
        found = refine_disparity(left, right, np.full((HEIGHT, WIDTH), distance - 2, np.float32))
        assert (np.abs(found[:, 110:-10] - distance) < 2.5).mean() > 0.95, distance


def test_one_absurd_pixel_costs_no_time_and_breaks_nothing() -> None:
    left, right, truth = scene()
    answer = truth.copy()
    answer[60, 100] = 1e6
    found = refine_disparity(left, right, answer)
    np.testing.assert_array_equal(
        error(found, truth)[:40] > 1, error(refine_disparity(left, right, truth), truth)[:40] > 1
    )
    assert error(found, truth).max() < 50


def test_disparities_far_above_the_answer_are_not_searched() -> None:
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH + 100, 3), dtype=np.uint8), (0, 0), 1.2)
    left, right = (np.ascontiguousarray(view) for view in (texture[:, :WIDTH], texture[:, 100:]))
    found = refine_disparity(left, right, np.zeros((HEIGHT, WIDTH), np.float32))
    assert np.median(error(found, np.full_like(found, 100))) > 50


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_bare_walls_keep_what_the_network_says(grey: int) -> None:
    bare = np.full((HEIGHT, WIDTH, 3), grey, np.uint8)
    rough = np.full((HEIGHT, WIDTH), 20.25, np.float32)
    rough[:, 200:] = 30.5
    np.testing.assert_array_equal(refine_disparity(bare, bare, rough), rough)


def test_what_matches_by_chance_is_not_believed() -> None:
    """Noise of each view's own, in a wall at 20 px: semi-global matching finds matches there, the right view others."""
    wrong = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        wall = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, 400, 3), dtype=np.uint8), (0, 0), 1.2)
        left, right = wall[:, :WIDTH].copy(), wall[:, 20 : WIDTH + 20].copy()
        for view, column in ((left, 110), (right, 90)):
            view[10:110, column : column + 100] = np.clip(rng.normal(128, 8, (100, 100, 3)), 0, 255)
        found = refine_disparity(left, right, np.full((HEIGHT, WIDTH), 20, np.float32))
        wrong.append((np.abs(found[14:106, 114:206] - 20) > 1).mean())
    assert np.mean(wrong) < 0.18


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (2, 3), (31, 33), (65, 40)])
def test_any_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    left, right = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in "lr")
    disparity = rng.uniform(0, 250, size).astype(np.float32)
    found = refine_disparity(left, right, disparity)
    assert found.shape == size and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0


def test_the_same_on_any_number_of_threads_and_for_any_view_of_the_memory() -> None:
    left, right, truth = scene(2)
    threads = cv2.getNumThreads()
    results = []
    try:
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            results.append(refine_disparity(left, right, truth + 2))
    finally:
        cv2.setNumThreads(threads)
    mirrored = (np.ascontiguousarray(x[:, ::-1])[:, ::-1] for x in (left, right, truth + 2))
    results.append(refine_disparity(*mirrored))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_real_pixels_become_finer() -> None:
    """Motorcycle: its truth, blurred and shifted, stands for a network's answer."""
    sample = MotorcycleSource().read(0)
    assert sample.disparity is not None
    truth = sample.disparity
    known = (truth > 0).astype(np.float32)
    blurred = cv2.blur(np.where(known > 0, truth, 0), (25, 25)) / np.maximum(cv2.blur(known, (25, 25)), 1e-3)
    scores = []
    for disparity in (blurred + 1.5, refine_disparity(sample.left, sample.right, blurred + 1.5)):
        metrics = StereoMetrics(192)
        metrics.update(disparity, truth, sample.noc)
        scores.append(metrics.compute())
    assert scores[1]["epe"] < 0.8 * scores[0]["epe"]
    assert scores[1]["bad1"] < 0.35 * scores[0]["bad1"]
