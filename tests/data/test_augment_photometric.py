"""Augmentations that change colours only: noise, JPEG, tint, erasing."""

import cv2
import numpy as np
import pytest

from stereo_exp.data.augment import Erase, Jpeg, Noise, Photometric, Statistics
from stereo_exp.geometry.pair import StereoSample

TRUTH = np.full((64, 96), 5, np.float32)
OPS = [
    Photometric(tint=0.1, probability=1),
    Statistics(probability=1),
    Noise(probability=1),
    Jpeg(probability=1),
    Erase(probability=1),
]


def textured(height=64, width=96):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def flat(value, size=(64, 96)):
    image = np.full((*size, 3), value, np.uint8)
    return StereoSample("flat", image, image, np.ones(size, np.float32))


@pytest.mark.parametrize("op", OPS, ids=lambda op: type(op).__name__)
def test_only_images_change(op):
    sample = StereoSample("a", textured(), textured()[::-1], TRUTH, TRUTH > 0)
    for seed in range(5):
        out = op(sample, np.random.default_rng(seed))
        assert out.disparity is TRUTH and out.noc is sample.noc
        assert not np.array_equal(out.right, sample.right)
        assert np.array_equal(out.left, sample.left) == isinstance(op, Erase)
        assert out.left.dtype == out.right.dtype == np.uint8 and out.left.shape == out.right.shape == (64, 96, 3)
        assert out.left.min() >= 0 and out.right.flags.c_contiguous


@pytest.mark.parametrize("op", OPS[:4], ids=lambda op: type(op).__name__)
def test_two_equal_views_come_out_unequal(op):
    sample = StereoSample("a", textured(), textured(), TRUTH)
    out = op(sample, np.random.default_rng(0))
    assert not np.array_equal(out.left, out.right)


@pytest.mark.parametrize("op", OPS, ids=lambda op: type(op).__name__)
def test_crops_that_are_windows_of_larger_arrays_are_taken(op):
    large = StereoSample("a", textured(90, 130)[7:71, 9:105], textured(90, 130)[8:72, 9:105], TRUTH)
    small = StereoSample("a", large.left.copy(), large.right.copy(), TRUTH)
    a, b = (op(sample, np.random.default_rng(1)) for sample in (large, small))
    np.testing.assert_array_equal(a.left, b.left)
    np.testing.assert_array_equal(a.right, b.right)


def test_tint_moves_the_channels_apart_and_its_absence_draws_nothing():
    grey = flat(128)
    tinted = Photometric(brightness=0, contrast=0, gamma=0, tint=0.2, probability=1)
    seen = np.array([tinted(grey, np.random.default_rng(seed)).left[0, 0] for seed in range(100)], int)
    assert 128 * 0.8 - 1 <= seen.min() < 110 and 146 < seen.max() <= 128 * 1.2 + 1
    assert (np.ptp(seen, axis=1) > 0).mean() > 0.95
    # Runs of before there was a tint draw the same numbers.
    a, b = np.random.default_rng(0), np.random.default_rng(0)
    Photometric()(grey, a)
    b.random(8)
    assert a.random() == b.random()


@pytest.mark.parametrize("value", [30, 128, 220])
def test_noise_has_the_drawn_variance(value):
    sample = flat(value, (200, 200))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        out = Noise(gaussian=6, shot=0.2, probability=1)(sample, rng)
        check = np.random.default_rng(seed)
        _, gaussian, shot = check.random(3)
        expected = (6 * gaussian) ** 2 + 0.2 * shot * value + 1 / 12  # the last: rounding to 8 bits
        error = out.left.astype(float) - value
        assert error.mean() == pytest.approx(0, abs=0.1)
        assert error.var() == pytest.approx(expected, rel=0.05)
        assert abs(np.corrcoef(error[..., 0].ravel(), error[..., 1].ravel())[0, 1]) < 0.03
        assert abs(np.corrcoef(error[:, 1:].ravel(), error[:, :-1].ravel())[0, 1]) < 0.03


def test_noise_saturates_and_of_no_strength_is_none():
    for value in (0, 255):
        out = Noise(gaussian=20, shot=0, probability=1)(flat(value), np.random.default_rng(0)).left
        assert np.abs(out.astype(int) - value).max() < 100, "no value wraps around"
    same = Noise(gaussian=0, shot=0, probability=1)(flat(77), np.random.default_rng(0))
    np.testing.assert_array_equal(same.left, 77)


def test_jpeg_loses_more_at_lower_quality_and_keeps_colours_in_order():
    image = textured()
    image[..., 0] = np.minimum(255, image[..., 0].astype(int) + 60)  # red is told from blue
    sample = StereoSample("a", image, image, TRUTH)

    def loss(quality):
        out = Jpeg(quality, quality, 1)(sample, np.random.default_rng(0))
        return np.abs(out.left.astype(int) - image).mean()

    assert 0 < loss(98) < loss(70) < loss(10)
    out = Jpeg(95, 95, 1)(sample, np.random.default_rng(0)).left
    assert np.abs(out.mean((0, 1)) - image.mean((0, 1))).max() < 1


def test_jpeg_draws_every_quality_of_its_range():
    sample = StereoSample("a", textured(), textured(), TRUTH)
    known = {}
    for quality in (50, 51, 52):
        known[Jpeg(quality, quality, 1)(sample, np.random.default_rng(0)).left.tobytes()] = quality
    drawn = [
        known[view.tobytes()]
        for seed in range(20)
        for out in [Jpeg(50, 52, 1)(sample, np.random.default_rng(seed))]
        for view in (out.left, out.right)
    ]
    assert set(drawn) == {50, 51, 52}


def test_erased_pixels_are_rectangles_of_the_mean_colour():
    image = textured(200, 300)
    sample = StereoSample("a", image, image, np.ones((200, 300), np.float32))
    mean = image.mean((0, 1)).round()
    sizes, counts = [], set()
    for seed in range(60):
        out = Erase(count_max=2, size_min=20, size_max=30, probability=1)(sample, np.random.default_rng(seed))
        assert out.left is image and not np.shares_memory(out.right, image)
        erased = (out.right == mean).all(-1)
        np.testing.assert_array_equal(out.right[~erased], image[~erased])
        boxes = cv2.connectedComponentsWithStats(erased.astype(np.uint8))[2]
        boxes = boxes[1:][boxes[1:, cv2.CC_STAT_AREA] > 9]  # a lone pixel may have that colour by itself
        counts.add(len(boxes))
        for x, y, width, height, area in boxes:
            if x + width < 300 and y + height < 200 and len(boxes) == 1 and area == width * height:
                sizes += [width, height]
    assert counts == {1, 2}
    assert 20 <= min(sizes) < 23 and 27 < max(sizes) <= 32


def test_erasing_a_small_image_keeps_inside():
    out = Erase(count_max=5, size_min=50, size_max=100, probability=1)(flat(9, (8, 9)), np.random.default_rng(0))
    assert out.right.shape == (8, 9, 3)


# Mean and spread of every channel, drawn anew.


def statistics_of(image):
    values = image.reshape(-1, 3) / 255
    return values.mean(0), values.std(0)


def test_statistics_are_off_at_probability_0():
    sample = StereoSample("a", textured(), textured(), TRUTH)
    out = Statistics(mean=1, spread=2, probability=0)(sample, np.random.default_rng(0))
    assert out.left is sample.left and out.right is sample.right and out.disparity is TRUTH


def test_statistics_of_no_strength_change_nothing():
    sample = StereoSample("a", textured(), textured(), TRUTH)
    out = Statistics(mean=0, spread=0, probability=1)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(out.left, sample.left)


def test_mean_and_spread_move_as_drawn():
    # Blurred noise lies in the middle of the range: what is moved a little is not cut off.
    sample = StereoSample("a", textured(), textured(), TRUTH)
    means, spreads = statistics_of(sample.left)
    for seed in range(10):
        out = Statistics(mean=0.05, spread=0.2, probability=1)(sample, np.random.default_rng(seed))
        check = np.random.default_rng(seed)
        for view in (out.left, out.right):
            check.random()
            shift, contrast = check.standard_normal((2, 3))
            moved, stretched = statistics_of(view)
            np.testing.assert_allclose(moved - means, 0.05 * shift, atol=2e-3)
            np.testing.assert_allclose(stretched / spreads, np.exp(0.2 * contrast), rtol=0.03)
            assert np.ptp(shift) > 0 and np.ptp(contrast) > 0, "each channel has its own"


def test_statistics_depend_on_the_generator_alone():
    sample = StereoSample("a", textured(), textured(), TRUTH)
    op = Statistics(probability=0.5)
    first, again, other = (op(sample, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.left, again.left)
    np.testing.assert_array_equal(first.right, again.right)
    assert not np.array_equal(first.left, other.left) or not np.array_equal(first.right, other.right)
    # Changed or not, a view takes as many numbers, so that the next one's luck is its own.
    a, b = np.random.default_rng(0), np.random.default_rng(0)
    Statistics(probability=0)(sample, a)
    Statistics(probability=1)(sample, b)
    assert a.random() == b.random()


def test_the_share_of_views_is_the_one_asked_for():
    sample = StereoSample("a", textured(), textured(), TRUTH)
    op = Statistics(probability=0.3)
    outs = [op(sample, np.random.default_rng(seed)) for seed in range(300)]
    changed = [view is not sample.left and view is not sample.right for out in outs for view in (out.left, out.right)]
    assert 0.25 < np.mean(changed) < 0.35


def test_statistics_saturate_and_do_not_wrap():
    image = np.random.default_rng(0).integers(200, 256, (64, 96, 3)).astype(np.uint8)
    sample = StereoSample("a", image, image, TRUTH)
    for seed in range(20):
        out = Statistics(mean=0.5, spread=0.5, probability=1)(sample, np.random.default_rng(seed)).left.astype(int)
        check = np.random.default_rng(seed)
        check.random()
        shift, contrast = check.standard_normal((2, 3))
        mean = image.mean((0, 1)) / 255
        wanted = (image / 255 - mean) * np.exp(0.5 * contrast) + mean + 0.5 * shift
        np.testing.assert_allclose(out, np.clip(wanted, 0, 1) * 255, atol=0.51)
