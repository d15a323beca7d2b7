"""Crop, pad, augmentation and colour."""

import numpy as np
import pytest
import torch
from augmenting import AUGMENTATIONS, build_augment
from composing import composed
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.data.augment import Augment, Photometric, VerticalFlip
from stereo_exp.geometry.images import pad_to, random_crop, round_up_size
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.model.colour import normalize, rgb_to_yuv


def make_sample(height, width):
    """Every array holds its pixels' row and column, so that a window shows where it comes from."""
    ys, xs = np.mgrid[:height, :width]
    image = np.stack((ys, xs, ys + xs), -1).astype(np.uint8)
    return StereoSample("a", image, image + 1, (1 + 200 * ys + xs).astype(np.float32), (ys + xs) % 2 == 0)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 80), st.integers(1, 80), st.integers(0, 1000))
def test_a_crop_is_the_same_window_of_everything(height, width, crop_height, crop_width, seed):
    sample = make_sample(height, width)
    cropped = random_crop(sample, (crop_height, crop_width), np.random.default_rng(seed))
    assert cropped.size == cropped.disparity.shape == cropped.noc.shape == (crop_height, crop_width)
    inside = cropped.disparity > 0
    ys, xs = np.divmod(cropped.disparity[inside].astype(int) - 1, 200)
    for name in ("left", "right", "noc"):
        np.testing.assert_array_equal(getattr(cropped, name)[inside], getattr(sample, name)[ys, xs])
    assert (cropped.disparity[~inside] == -1).all() and not cropped.noc[~inside].any()
    # Where the image is smaller than the crop, its edges are repeated.
    rows = np.minimum(ys.min() + np.arange(crop_height), height - 1)
    columns = np.minimum(xs.min() + np.arange(crop_width), width - 1)
    for name in ("left", "right"):
        np.testing.assert_array_equal(getattr(cropped, name), getattr(sample, name)[rows][:, columns])
    assert inside.sum() == min(height, crop_height) * min(width, crop_width)


def test_crops_reach_every_place_and_no_other():
    rng = np.random.default_rng(0)
    corners = {random_crop(make_sample(6, 8), (4, 5), rng).disparity[0, 0] for _ in range(400)}
    assert corners == {1 + 200 * y + x for y in range(3) for x in range(4)}


@given(st.integers(1, 2000), st.integers(1, 2000), st.sampled_from([1, 32, 64]))
def test_padded_size_is_the_next_multiple(height, width, multiple):
    for before, after in zip((height, width), round_up_size((height, width), multiple), strict=True):
        assert after % multiple == 0 and before <= after < before + multiple


def test_padding_goes_to_the_bottom_and_the_right():
    sample = make_sample(5, 7)
    padded = pad_to(sample, round_up_size(sample.size, 32))
    assert padded.size == (32, 32)
    np.testing.assert_array_equal(padded.left[:5, :7], sample.left)
    np.testing.assert_array_equal(padded.disparity[:5, :7], sample.disparity)
    # The edges, not zeros: a border that the scene does not have costs the network accuracy.
    for view, before in ((padded.left, sample.left), (padded.right, sample.right)):
        np.testing.assert_array_equal(view, np.pad(before, ((0, 27), (0, 25), (0, 0)), "edge"))
    assert (padded.disparity[5:] == -1).all() and (padded.disparity[:, 7:] == -1).all()
    assert pad_to(StereoSample("b", sample.left, sample.right), (9, 9)).disparity is None
    assert pad_to(sample, (5, 7)) is sample


def test_sceneflow_pads_to_544():
    assert round_up_size((540, 960), 32) == (544, 960)


def test_vertical_flip_turns_everything_or_nothing():
    sample = make_sample(5, 7)
    rng = np.random.default_rng(0)
    flipped = VerticalFlip(probability=1)(sample, rng)
    for name in ("left", "right", "disparity", "noc"):
        np.testing.assert_array_equal(getattr(flipped, name), getattr(sample, name)[::-1])
    assert VerticalFlip(probability=0)(sample, rng) is sample


def test_photometric_changes_the_views_apart_and_nothing_else():
    sample = make_sample(40, 50)
    changed = Photometric(probability=1)(sample, np.random.default_rng(0))
    assert changed.left.dtype == np.uint8 and changed.left.shape == sample.left.shape
    assert not np.array_equal(changed.left, sample.left)
    assert not np.array_equal(changed.left, Photometric(probability=1)(sample, np.random.default_rng(0)).right)
    same_views = StereoSample("b", sample.left, sample.left, sample.disparity)
    changed_same = Photometric(probability=1)(same_views, np.random.default_rng(0))
    assert not np.array_equal(changed_same.left, changed_same.right)  # asymmetric
    assert changed.disparity is sample.disparity and changed.noc is sample.noc


def test_photometric_of_no_strength_is_the_identity():
    sample = make_sample(20, 30)
    same = Photometric(brightness=0, contrast=0, gamma=0, probability=1)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(same.left, sample.left)


def test_photometric_spreads_as_documented():
    grey = StereoSample("g", *np.full((2, 1, 1, 3), 128, np.uint8))
    op = Photometric(brightness=0.1, contrast=0.2, gamma=0, probability=1)
    values = [int(op(grey, np.random.default_rng(i)).left[0, 0, 0]) for i in range(300)]
    assert 128 - 26 <= min(values) < 106 and 150 < max(values) <= 128 + 26


def test_augment_is_off_unless_asked_for_and_runs_in_order():
    sample = make_sample(5, 7)
    assert Augment()(sample, np.random.default_rng(0)) is sample
    assert build_augment([]).ops == ()
    specs = [{"name": "photometric", "gamma": 0.5}, {"name": "vertical_flip", "probability": 1.0}]
    augment = build_augment(specs)
    assert augment.ops == (Photometric(gamma=0.5), VerticalFlip(probability=1))
    a, b = (augment(sample, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(a.left, b.left)


# These two make a truth of their own: see test_augment_geometry.py.
@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name not in ("scale", "hflip_swap")])
def test_other_augmentations_keep_shapes_types_and_the_truth_with_its_pixels(name):
    sample = make_sample(32, 48)
    op = build_augment([{"name": name}])
    for seed in range(20):
        out = op(sample, np.random.default_rng(seed))
        assert out.left.dtype == out.right.dtype == np.uint8 and out.disparity.dtype == np.float32
        assert out.left.shape == out.right.shape == (*out.disparity.shape, 3)
        # Whatever the op did to the grid, it did to truth and mask alike.
        ys, xs = np.divmod(out.disparity.astype(int) - 1, 200)
        np.testing.assert_array_equal(out.noc, (ys + xs) % 2 == 0)


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        (["+augment.sepia.probability=1"], r"augment\.sepia=sepia: must be one of photometric, statistics, vert"),
        (
            ["augment=photometric", "+augment.photometric.hue=1"],
            r"augment\.photometric\.hue.*: is not a key",
        ),
        (
            ["augment=photometric", "augment.photometric.contrast=1.5"],
            "contrast=1.5: must be a number from 0 to 0.99",
        ),
        (
            ["augment=flip", "augment.vertical_flip.probability=often"],
            r"vertical_flip\.probability: .*'often'.* to Float",
        ),
        (["+augment.probability=1"], r"must be one of photometric"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_wrong_augmentations_are_refused_in_one_line(overrides, rule):
    with pytest.raises(UserError, match=rule) as caught:
        bind(composed(*overrides))
    assert "\n" not in str(caught.value)


def plain_yuv(red, green, blue):
    """Network.md §5.1, in Python's integers."""
    return (
        (77 * red + 150 * green + 29 * blue + 128) // 256,
        (-43 * red - 84 * green + 127 * blue + 128) // 256 + 128,
        (127 * red - 106 * green - 21 * blue + 128) // 256 + 128,
    )


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50))
@settings(max_examples=50)
def test_colours_are_those_of_the_specification(colours):
    rgb = torch.tensor(colours, dtype=torch.uint8).T.reshape(1, 3, 1, -1)
    expected = torch.tensor([plain_yuv(*colour) for colour in colours]).T.reshape(1, 3, 1, -1)
    assert torch.equal(rgb_to_yuv(rgb).long(), expected)
    normalised = normalize(rgb)
    assert normalised.dtype == torch.float32 and torch.equal(normalised * 128 + 128, expected.float())


def test_a_million_colours_stay_in_range_and_agree_with_numpy():
    for red in range(0, 256, 15):
        green, blue = np.mgrid[:256, :256]
        rgb = torch.from_numpy(np.stack((np.full_like(green, red), green, blue))[None].astype(np.uint8))
        yuv = rgb_to_yuv(rgb)[0].numpy()
        np.testing.assert_array_equal(yuv, np.stack(plain_yuv(red, green, blue)))
        assert yuv.min() >= 0 and yuv.max() <= 255


def test_grey_has_no_colour_and_the_range_is_full():
    grey = torch.tensor([0, 128, 255], dtype=torch.uint8).repeat(3, 1).reshape(1, 3, 1, 3)
    assert normalize(grey).tolist() == [[[[-1, 0, 127 / 128]], [[0, 0, 0]], [[0, 0, 0]]]]
