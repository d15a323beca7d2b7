"""A camera's own faults: mount, lens, exposure, sensor."""

import cv2
import numpy as np
import pytest
from composing import composed

from stereo_exp.config import bind
from stereo_exp.data.augment import (
    Bayer,
    Defocus,
    Exposure,
    MotionBlur,
    Noise,
    Patches,
    VerticalField,
    Vignette,
)
from stereo_exp.geometry.pair import StereoSample

SIZE = (64, 96)
TRUTH = np.full(SIZE, 5, np.float32)
OPS = [op(probability=1) for op in (VerticalField, Patches, Vignette, MotionBlur, Exposure, Bayer)]
OPS.append(Defocus(radius=6, probability=1))
RIGHT_ONLY = (VerticalField, Patches)


def textured(size=SIZE, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def pair(image, right=None):
    return StereoSample("a", image, image if right is None else right, np.ones(image.shape[:2], np.float32))


def flat(colour, size=SIZE):
    return np.broadcast_to(np.array(colour, np.uint8), (*size, 3)).copy()


def impulse(size=(41, 41)):
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 2, size[1] // 2] = 255
    return image


def spread(image):
    """Centroid (x, y) and 2×2 covariance of the first channel about the middle of the image, px."""
    weights = image[..., 0].astype(float) / image[..., 0].sum()
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] - np.array(image.shape[:2])[:, None, None] // 2
    centre = (weights * x).sum(), (weights * y).sum()
    away = np.stack([x - centre[0], y - centre[1]]).reshape(2, -1)
    return np.array(centre), (weights.ravel() * away) @ away.T


@pytest.mark.parametrize("op", OPS, ids=lambda op: type(op).__name__)
def test_the_truth_stays_and_nobody_elses_arrays_are_written_to(op):
    sample = StereoSample("a", textured(), textured(seed=1), TRUTH, TRUTH > 0)
    before, changed = (sample.left.copy(), sample.right.copy()), []
    for seed in range(5):
        out = op(sample, np.random.default_rng(seed))
        assert out.disparity is TRUTH and out.noc is sample.noc
        changed.append(not np.array_equal(out.right, sample.right))
        assert (out.left is sample.left) == isinstance(op, RIGHT_ONLY)
        for view in (out.left, out.right):
            assert view.dtype == np.uint8 and view.shape == (*SIZE, 3) and view.flags.c_contiguous
    assert sum(changed) >= 3, "a strength near 0 does nothing"
    np.testing.assert_array_equal(sample.left, before[0])
    np.testing.assert_array_equal(sample.right, before[1])


@pytest.mark.parametrize("op", OPS, ids=lambda op: type(op).__name__)
def test_odd_sizes_and_windows_of_larger_arrays_are_taken(op):
    large = textured((90, 130))
    window = StereoSample("a", large[7:70, 9:104], large[8:71, 9:104])
    copy = StereoSample("a", window.left.copy(), window.right.copy())
    a, b = (op(sample, np.random.default_rng(1)) for sample in (window, copy))
    np.testing.assert_array_equal(a.left, b.left)
    np.testing.assert_array_equal(a.right, b.right)
    assert a.right.shape == (63, 95, 3)


@pytest.mark.parametrize("op", [op for op in OPS if type(op) is not Patches], ids=lambda op: type(op).__name__)
def test_changed_or_not_a_pair_takes_as_many_numbers(op):
    """So that the luck of one augmentation does not shift the next one's."""
    a, b = np.random.default_rng(0), np.random.default_rng(0)
    op(pair(textured()), a)
    type(op)(probability=0)(pair(textured()), b)
    assert a.random() == b.random()


# The mount.


def test_the_vertical_field_moves_rows_smoothly_within_its_bound_and_columns_not_at_all():
    down = flat(0)
    down[..., 0], down[..., 1] = 3 * np.arange(64)[:, None], 2 * np.arange(96)
    furthest = []
    for seed in range(30):
        out = VerticalField(shift=1, probability=1)(pair(down), np.random.default_rng(seed))
        assert out.left is down
        inner = out.right[3:-3].astype(float)
        moved = (down[3:-3, :, 0] - inner[..., 0]) / 3
        assert np.abs(moved).max() <= 1 + 0.5 / 3
        assert np.abs(np.diff(moved, axis=1)).max() < 0.5, "one step of 8 bits, no tear"
        np.testing.assert_array_equal(inner[..., 1], down[3:-3, :, 1])
        furthest.append(np.abs(moved).max())
        assert moved.std() > 0 or furthest[-1] < 0.2
    assert max(furthest) > 0.8 and min(furthest) < 0.3


def test_content_moves_down_where_the_field_says_so():
    dots = flat(0, (64, 96))
    dots[32] = 255
    found = {}
    for seed in range(40):
        right = (
            VerticalField(shift=3, probability=1)(pair(dots), np.random.default_rng(seed)).right[..., 0].astype(float)
        )
        rows = (right * np.arange(64)[:, None]).sum(0) / right.sum(0) - 32
        rng = np.random.default_rng(seed)
        strength, points = rng.random(2)[1], 2 * rng.random((4, 5)) - 1
        found[float(rows.mean())] = (
            3 * strength * cv2.resize(points, (96, 64), interpolation=cv2.INTER_CUBIC)[32].mean()
        )
    assert np.corrcoef(list(found), list(found.values()))[0, 1] > 0.98


def test_patches_are_other_parts_of_the_right_view():
    height, width = 120, 160
    places = np.zeros((height, width, 3), np.uint8)
    places[..., 0], places[..., 1] = np.arange(height)[:, None], np.arange(width)
    counts, sides = set(), []
    for seed in range(40):
        op = Patches(count_max=2, size_min=20, size_max=30, probability=1)
        out = op(pair(flat(7, (height, width)), places), np.random.default_rng(seed))
        moved = (out.right.astype(int) - places)[..., :2]
        assert (out.right[..., 2] == 0).all() and not np.shares_memory(out.right, places)
        offsets = {tuple(offset) for offset in np.unique(moved[moved.any(-1)], axis=0).tolist()}
        counts.add(len(offsets))
        for offset in offsets:
            y, x = np.nonzero((moved == offset).all(-1))
            if len(offsets) == 1:
                assert len(y) == (np.ptp(y) + 1) * (np.ptp(x) + 1), "a rectangle"
                if y.max() < height - 1 and x.max() < width - 1:
                    sides += [int(np.ptp(y)) + 1, int(np.ptp(x)) + 1]
    assert counts == {1, 2} and 20 <= min(sides) < 23 and 27 < max(sides) <= 30


def test_a_patch_larger_than_the_view_is_cut_off():
    out = Patches(size_min=500, size_max=500, probability=1)(pair(textured()), np.random.default_rng(0))
    assert out.right.shape == (*SIZE, 3)


# The lens.


def test_a_vignette_takes_its_share_of_the_light_by_the_square_of_the_distance():
    for seed in range(6):
        out = Vignette(strength=0.6, probability=1)(pair(flat(200)), np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        for view in (out.left, out.right):
            _, strength, y, x = rng.random(4)
            rows, columns = np.mgrid[:64, :96].astype(float)
            r2 = (rows - (0.25 + y / 2) * 63) ** 2 + (columns - (0.25 + x / 2) * 95) ** 2
            wanted = 200 * (1 - 0.6 * strength * r2 / r2.max())
            np.testing.assert_allclose(view[..., 0], wanted, atol=0.51)
            assert (view[..., 0] == view[..., 2]).all() and view.max() == 200
        assert not np.array_equal(out.left, out.right)


@pytest.mark.parametrize("radius", [1.5, 3.0, 6.0])
def test_defocus_makes_a_disc_where_the_point_was(radius):
    op, measured = Defocus(radius=radius, probability=1), 0
    for seed in range(4):
        out, rng = op(pair(impulse()), np.random.default_rng(seed)), np.random.default_rng(seed)
        for view in (out.left, out.right):
            drawn = radius * rng.random(2)[1]
            if drawn > 1:  # below, a pixel is coarser than the disc; above, a part is lost to 8 bits
                centre, covariance = spread(view)
                np.testing.assert_allclose(centre, 0, atol=1e-6)
                np.testing.assert_allclose(np.diag(covariance), (drawn**2) / 4, rtol=0.2)
                assert covariance[0, 1] == pytest.approx(0, abs=1e-6)
                measured += 1
    assert measured


def test_motion_blur_draws_one_line_for_both_views_and_moves_nothing():
    op, directions = MotionBlur(length=12, probability=1), []
    for seed in range(30):
        out, rng = op(pair(impulse()), np.random.default_rng(seed)), np.random.default_rng(seed)
        np.testing.assert_array_equal(out.left, out.right)
        _, length, angle = rng.random(3)
        centre, covariance = spread(out.left)
        np.testing.assert_allclose(centre, 0, atol=0.02)
        if length < 0.4:
            continue
        along = np.array([np.cos(np.pi * angle), np.sin(np.pi * angle)])
        across = np.array([-along[1], along[0]])
        assert along @ covariance @ along == pytest.approx((12 * length) ** 2 / 12, rel=0.25, abs=0.3)
        assert across @ covariance @ across < 0.4
        directions.append(angle)
    assert min(directions) < 0.2 and max(directions) > 0.8


@pytest.mark.parametrize("op", [Defocus(radius=5, probability=1), MotionBlur(length=9, probability=1)])
def test_blur_leaves_flat_views_as_they_are(op):
    for seed in range(5):
        out = op(pair(flat((10, 120, 255))), np.random.default_rng(seed))
        np.testing.assert_array_equal(out.right, flat((10, 120, 255)))


# The exposure and the sensor.


def test_exposure_is_in_stops_and_cuts_off_what_is_too_bright():
    op = Exposure(common=1, apart=0.5, balance=0.25, probability=1)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2).repeat(2, 0)
    saturated = 0
    for seed in range(20):
        out, rng = op(pair(ramp), np.random.default_rng(seed)), np.random.default_rng(seed)
        common, apart, balance = rng.random(2)[1], rng.random((2, 1)), rng.random((2, 3))
        for view, a, w in zip((out.left, out.right), apart, balance, strict=True):
            stops = (2 * common - 1) + 0.5 * (2 * a - 1) + 0.25 * (2 * w - 1)
            wanted = np.minimum(np.arange(256)[:, None] * 2 ** (stops / 2.2), 255)
            np.testing.assert_allclose(view[0], wanted, atol=0.51)
            saturated += bool((view[0] == 255).all(1).sum() > 5)
        assert not np.array_equal(out.left, out.right)
    assert 0 < saturated < 40


def test_of_exposure_the_common_part_is_common_and_the_balance_by_channel():
    grey = pair(flat(100))
    for seed in range(5):
        same = Exposure(apart=0, balance=0, probability=1)(grey, np.random.default_rng(seed))
        np.testing.assert_array_equal(same.left, same.right)
        assert np.ptp(same.left[0, 0]) == 0 and same.left[0, 0, 0] != 100
        tinted = Exposure(common=0, apart=0, balance=1, probability=1)(grey, np.random.default_rng(seed))
        assert np.ptp(tinted.left[0, 0]) > 0 and not np.array_equal(tinted.left, tinted.right)


@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
def test_a_mosaic_of_one_colour_is_that_colour_wherever_it_begins(size):
    image = flat((30, 140, 220), size)
    for seed in range(16):
        out = Bayer(probability=1)(pair(image), np.random.default_rng(seed))
        np.testing.assert_array_equal(out.left, image)
        np.testing.assert_array_equal(out.right, image)


def test_a_mosaic_keeps_smooth_pictures_in_place_and_falsifies_fine_ones():
    smooth = cv2.GaussianBlur(textured((80, 120)), (0, 0), 3)
    fine = flat(0, (80, 120))
    fine[:, ::2] = 255
    kinds = set()
    for seed in range(24):
        out = Bayer(sharpen=0, probability=1)(pair(smooth, fine), np.random.default_rng(seed))
        assert np.abs(out.left.astype(int) - smooth).mean() < 0.6, "neither moved nor with channels exchanged"
        assert np.ptp(out.right.astype(int), axis=2).mean() > 60, "grey stripes of a pixel come out coloured"
        kinds.add(out.right.tobytes())
    assert len(kinds) >= 4


def test_sharpening_overshoots_at_edges_by_its_amount():
    step = flat(60)
    step[:, 48:] = 180
    overshoots = {}
    for seed in range(20):
        out = Bayer(sharpen=1.5, probability=1)(pair(step), np.random.default_rng(seed))
        amount = 1.5 * np.random.default_rng(seed).random(2)[1]
        overshoots[amount] = int(out.left[20:40].max()) - 180
        assert np.abs(out.left[:, :40].astype(int) - 60).max() == 0, "flat parts stay"
    amounts = sorted(overshoots)
    assert overshoots[amounts[-1]] > 20
    assert Bayer(sharpen=0, probability=1)(pair(step), np.random.default_rng(0)).left.max() == 180
    assert np.corrcoef(amounts, [overshoots[a] for a in amounts])[0, 1] > 0.95


def test_noise_seen_through_the_mosaic_is_a_blotch_and_no_longer_a_pixel():
    """Why `noise` stands ahead of `bayer`."""
    grey, rng = pair(flat(128, (200, 200))), np.random.default_rng(0)
    noisy = Bayer(sharpen=0, probability=1)(Noise(gaussian=12, shot=0, probability=1)(grey, rng), rng)
    error = noisy.left.astype(float) - 128
    assert np.corrcoef(error[:, 1:, 0].ravel(), error[:, :-1, 0].ravel())[0, 1] > 0.3


def test_the_preset_has_them_in_the_order_of_the_light():
    names = list(bind(composed("augment=camera")).augment)
    assert names == [
        *("hflip_swap", "scale", "vertical_flip"),
        *("vertical_field", "patches", "vignette", "defocus", "motion_blur", "exposure"),
        *("noise", "bayer", "statistics", "jpeg"),
    ]
