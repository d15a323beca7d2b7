"""The filter steadies what is still and follows what moves; the figure tells flicker."""

import math

import numpy as np
import pytest

from stereo_exp.geometry.temporal import Stability, TemporalFilter, still_pixels

SHAPE = (40, 60)


def image(value: int = 100) -> np.ndarray:
    return np.full((*SHAPE, 3), value, np.uint8)


def flickering(frames: int = 30) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(20 + rng.normal(0, 0.5, SHAPE)).astype(np.float32) for _ in range(frames)]


def test_noise_is_no_change_and_a_moved_thing_is_one() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(image().astype(int) + rng.normal(0, 3, (*SHAPE, 3)), 0, 255).astype(np.uint8)
    assert still_pixels(image(), noisy, 6).all()
    moved = image()
    moved[10:20, 10:20] = 200
    still = still_pixels(image(), moved, 6)
    assert not still[10:20, 10:20].any() and still[30:, 30:].all()


def test_flicker_shrinks_as_an_average_of_its_weight_does() -> None:
    steady, filtered = TemporalFilter(weight=0.25), Stability()
    plain = Stability()
    for disparity in flickering():
        plain.update(image(), disparity)
        filtered.update(image(), steady(image(), disparity))
    before, after = plain.compute(), filtered.compute()
    assert before["change_px"] == pytest.approx(2 / math.sqrt(math.pi) * 0.5, rel=0.05)  # of two independent draws
    assert after["change_px"] < 0.35 * before["change_px"]
    assert after["still"] == 1 and after["n_changes"] == 29


def test_a_jump_and_a_changed_image_count_at_once() -> None:
    steady = TemporalFilter(weight=0.1, jump=2)
    steady(image(), np.full(SHAPE, 20, np.float32))
    np.testing.assert_array_equal(steady(image(), np.full(SHAPE, 30, np.float32)), 30)
    np.testing.assert_array_equal(steady(image(200), np.full(SHAPE, 31, np.float32)), 31)
    np.testing.assert_allclose(steady(image(200), np.full(SHAPE, 32, np.float32)), 31.1, rtol=1e-6)


def test_weight_one_and_another_size_filter_nothing() -> None:
    steady = TemporalFilter(weight=1)
    for disparity in flickering(3):
        np.testing.assert_array_equal(steady(image(), disparity), disparity)
    assert steady(image()[:10], flickering(1)[0][:10]).shape == (10, 60)


def test_what_is_unknown_or_moving_does_not_count() -> None:
    stability = Stability()
    first, second = np.full(SHAPE, 5, np.float32), np.full(SHAPE, 8, np.float32)
    first[:20], second[20:30] = np.inf, np.inf
    stability.update(image(), first)
    stability.update(image(), second)
    found = stability.compute()
    assert found["still"] == 0.25 and found["change_px"] == 3 and found["flicker"] == 1
    assert math.isnan(Stability().compute()["change_px"])
