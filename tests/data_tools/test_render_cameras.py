"""The cameras of *shapes*: each fault does what it is named after, and truth is that of the left view."""

from __future__ import annotations

import numpy as np
import pytest

from stereo_exp.shapes.photometry import Camera, sample_cameras


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth picture with colours, float32 64×96×3."""
    rng = np.random.default_rng(0)
    x, y = np.arange(96)[None, :, None], np.arange(64)[:, None, None]
    waves = np.sin(x * rng.uniform(0.1, 0.3, 3) + y * rng.uniform(0.1, 0.3, 3))
    return (110 + 60 * waves).astype(np.float32)


def test_noise_has_the_spread_that_is_asked_for() -> None:
    for camera, level, spread in (
        (Camera(noise=3.0, seed=4), 100, 3.0),
        (Camera(shot=0.05, seed=5), 180, 3.0),
        (Camera(noise=2.0, shot=0.03, seed=6), 100, 7**0.5),
    ):
        flat = np.full((128, 128, 3), level, np.float32)
        found = camera.expose(flat).astype(float)
        assert found.mean() == pytest.approx(level, abs=0.2)
        assert found.std() == pytest.approx(spread, rel=0.06)  # rounding adds a little
        np.testing.assert_array_equal(camera.expose(flat), camera.expose(flat))


def test_different_seeds_give_different_noise() -> None:
    flat = np.full((64, 64, 3), 90, np.float32)
    first, second = (Camera(noise=2.0, seed=seed).expose(flat).astype(float) - 90 for seed in (1, 1 << 50))
    assert abs((first * second).mean()) < 0.3


def test_noise_of_a_picture_larger_than_the_row_of_numbers() -> None:
    flat = np.full((1000, 1000, 3), 90, np.float32)
    assert Camera(noise=2.0, seed=7).expose(flat).astype(float).std() == pytest.approx(2.0, rel=0.06)


def test_tilt_moves_rows_only(picture: np.ndarray) -> None:
    seen = Camera(tilt=(1.0, 0.0)).expose(picture).astype(float)
    assert np.abs(seen[2:-2] - picture[1:-3]).max() <= 1
    sloped = Camera(tilt=(0.0, 2 / 96)).expose(picture).astype(float)
    assert np.abs(sloped[4:-4, 48] - picture[4:-4, 48]).max() <= 2  # nothing happens in the middle column
    assert np.abs(sloped[4:-4, 95] - picture[3:-5, 95]).mean() < 1


@pytest.mark.parametrize("camera", [Camera(blur=1.5), Camera(motion=(5.0, 2.0))])
def test_blur_keeps_the_mean_and_takes_detail(camera: Camera) -> None:
    noise = np.random.default_rng(1).uniform(0, 255, (64, 64, 3)).astype(np.float32)
    seen = camera.expose(noise).astype(float)
    assert seen.mean() == pytest.approx(noise.mean(), abs=2)
    assert seen.std() < 0.6 * noise.std()


def test_vignette_veil_grey_and_jpeg(picture: np.ndarray) -> None:
    flat = np.full((64, 96, 3), 150, np.float32)
    dark = Camera(vignette=0.4).expose(flat)
    assert dark[32, 48, 0] >= 149 and dark[0, 0, 0] < 100
    bright = Camera(veil=(0.0, 0.5, 50.0)).expose(flat)
    assert bright[32, 0, 0] > 195 and bright[32, 95, 0] < 155
    grey = Camera(grey=True, noise=1.0).expose(picture)
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 1] == grey[..., 2]).all()
    packed = Camera(jpeg=80).expose(picture).astype(float)
    assert 0 < np.abs(packed - picture).mean() < 4


def test_sampled_rigs_vary_and_only_right_views_are_crooked() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    rigs = [sample_cameras(rng) for _ in range(300)]
    assert all(left.tilt == (0.0, 0.0) for left, _ in rigs)
    shifts = [abs(right.tilt[0]) for _, right in rigs]
    assert 0.2 < np.mean([shift > 0 for shift in shifts]) < 0.5 and max(shifts) <= 0.9
    matched = np.mean([left.gain == right.gain for left, right in rigs])
    assert 0.2 < matched < 0.45
    for key in ("blur", "noise", "shot", "vignette", "grey", "jpeg"):
        share = np.mean([bool(getattr(right, key)) for _, right in rigs])
        assert 0 < share < 1, key
    assert any(any(right.motion) for _, right in rigs)
    assert any(right.veil[2] for _, right in rigs)
