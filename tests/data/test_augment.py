"""The augmentations together: presets, their order around the crop, their random numbers, their errors."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from augmenting import AUGMENTATIONS, build_augment
from composing import composed

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind, conf_dir
from stereo_exp.data.augment import (
    Augment,
    Bayer,
    Defocus,
    Exposure,
    MotionBlur,
    Patches,
    Photometric,
    Scale,
    Statistics,
    VerticalField,
    VerticalFlip,
    Vignette,
)
from stereo_exp.data.loader import train_loader
from stereo_exp.data.order import sample_rng
from stereo_exp.data.source import StereoSource
from stereo_exp.geometry.images import random_crop
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scenes import sample_scene

PRESETS = sorted(path.stem for path in (conf_dir() / "augment").glob("*.yaml"))
CROP = (96, 160)


def preset(*overrides):
    return Augment(list(bind(composed(*overrides)).augment.values()))


@pytest.fixture(scope="module")
def samples():
    def sample(index):
        pair = render_scene(sample_scene(7, "TRAIN", index, 128, 224))
        seen = np.random.default_rng(index).random((128, 224)) < 0.9
        calibration = Calibration(500.0, 0.1, 3.0)
        return StereoSample(str(index), pair.left, pair.right, pair.disparity_left, seen, calibration)

    return [sample(index) for index in range(5)]


class Source(StereoSource):
    """Pairs from memory."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def key(self, index):
        return self.samples[index].key

    def read(self, index):
        return self.samples[index]


def assert_same(a, b):
    for name in ("left", "right", "disparity", "noc"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.calibration == b.calibration


def assert_sound(sample, size):
    """What `StereoSample` promises, and nothing that OpenCV or torch could trip over."""
    assert sample.size == size
    for image in (sample.left, sample.right):
        assert image.dtype == np.uint8 and image.shape == (*size, 3)
        assert min(image.strides) > 0
        torch.from_numpy(image)
    assert sample.disparity.dtype == np.float32 and sample.disparity.shape == size
    assert np.isfinite(sample.disparity).all()
    assert sample.noc.dtype == np.bool_ and sample.noc.shape == size


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_gives_sound_crops(samples, name):
    augment = preset(f"augment={name}")
    for sample in samples:
        for epoch in range(4):
            out = augment(sample, sample_rng(0, epoch, 1), CROP)
            assert_sound(out, CROP)
            # The pair is larger than the crop: nothing had to be padded.
            assert (out.disparity >= 0).all()
            # Known disparity, in scenes without holes, unless the views were swapped.
            assert (out.disparity > 0).mean() > 0.3
            assert_same(out, augment(sample, sample_rng(0, epoch, 1), CROP))


def test_realworld_has_every_augmentation_of_the_released_recipe_and_the_reference_none():
    """What came after the releases has a preset of its own: what they were trained with stays as it was."""
    camera = {Bayer, Defocus, Exposure, MotionBlur, Patches, VerticalField, Vignette}
    assert {type(op) for op in preset("augment=realworld").ops} == set(AUGMENTATIONS.values()) - {Statistics} - camera
    assert {type(op) for op in preset("augment=statistics").ops} == set(AUGMENTATIONS.values()) - camera
    assert camera < {type(op) for op in preset("augment=camera").ops}
    assert preset().ops == preset("augment=none").ops == ()


def test_every_argument_of_every_augmentation_is_set_in_a_preset_and_takes_a_number_from_the_command_line():
    specs = {**composed("augment=statistics").augment, **composed("augment=camera").augment}
    assert {name: set(arguments) for name, arguments in specs.items()} == {
        name: {field.name for field in fields(AUGMENTATIONS[name])} for name in AUGMENTATIONS
    }
    changed = preset("augment=realworld", "augment.jpeg.quality_min=60", "augment.scale.stretch_max=1")
    jpeg = next(op for op in changed.ops if isinstance(op, AUGMENTATIONS["jpeg"]))
    scale = next(op for op in changed.ops if isinstance(op, Scale))
    assert (jpeg.quality_min, scale.stretch_max) == (60, 1)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_is_sound_and_a_function_of_its_random_numbers(samples, name):
    augment = build_augment([{"name": name, "probability": 1}])
    sample = samples[0]
    outs = [augment(sample, np.random.default_rng(seed)) for seed in range(4)]
    for seed, out in enumerate(outs):
        assert_sound(out, out.size)
        assert_same(out, augment(sample, np.random.default_rng(seed)))
        assert out.key == sample.key
    assert any(not np.array_equal(out.right, sample.right) for out in outs)
    if name not in ("vertical_flip", "hflip_swap"):  # these have nothing to draw once they happen
        assert not all(np.array_equal(out.right, outs[0].right) for out in outs)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_probability_0_changes_nothing_and_no_input_is_written_to(samples, name):
    sample = samples[1]
    before = [getattr(sample, view).copy() for view in ("left", "right", "disparity", "noc")]
    for probability in (0, 1):
        for seed in range(3):
            out = build_augment([{"name": name, "probability": probability}])(sample, np.random.default_rng(seed))
            if probability == 0:
                assert_same(out, sample)
    for view, values in zip(("left", "right", "disparity", "noc"), before, strict=True):
        np.testing.assert_array_equal(getattr(sample, view), values)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_probability_is_the_share_of_samples_that_change(name):
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 256, (2, 16, 24, 3), np.uint8)
    sample = StereoSample("a", left, right)
    augment = build_augment([{"name": name, "probability": 0.3}])
    changed = [not np.array_equal(augment(sample, sample_rng(0, 0, i)).right, right) for i in range(500)]
    assert 0.2 < np.mean(changed) < 0.4


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_pairs_without_truth_or_mask_pass(samples, name):
    bare = StereoSample("bare", samples[0].left, samples[0].right)
    out = build_augment([{"name": name, "probability": 1}])(bare, np.random.default_rng(0), CROP)
    assert out.disparity is None and out.noc is None and out.calibration is None and out.size == CROP


def test_whole_pair_augmentations_come_ahead_of_the_crop_and_the_rest_after_it(samples):
    seen = []

    class Spy:
        def __init__(self, name, before_crop):
            self.name, self.before_crop = name, before_crop

        def __call__(self, sample, rng, crop=None):
            seen.append((self.name, sample.size, crop))
            return sample

    augment = Augment([Spy("a", False), Spy("b", True), Spy("c", False), Spy("d", True)])
    augment(samples[0], np.random.default_rng(0), CROP)
    assert seen == [("b", (128, 224), CROP), ("d", (128, 224), CROP), ("a", CROP, None), ("c", CROP, None)]


def test_without_augmentation_the_crop_is_the_references(samples):
    for epoch in range(5):
        expected = random_crop(samples[0], CROP, sample_rng(3, epoch, 0))
        assert_same(Augment()(samples[0], sample_rng(3, epoch, 0), CROP), expected)
        # What comes after the crop does not move it.
        flipped = Augment([VerticalFlip(probability=1)])(samples[0], sample_rng(3, epoch, 0), CROP)
        np.testing.assert_array_equal(flipped.disparity[::-1], expected.disparity)


def batches(source, **changes):
    arguments = {"batch_size": 2, "total_steps": 6, "seed": 5, "crop": CROP, "augment": preset("augment=realworld")}
    return list(train_loader(source, **(arguments | changes)))


def test_what_is_drawn_depends_on_seed_epoch_and_pair_only(samples):
    source = Source(samples)
    reference = batches(source)
    for other in (batches(source, workers=2), batches(source)[:3] + batches(source, start_step=3)):
        for a, b in zip(reference, other, strict=True):
            assert a.keys == b.keys
            assert torch.equal(a.left, b.left) and torch.equal(a.right, b.right)
            assert torch.equal(a.disparity, b.disparity) and torch.equal(a.noc, b.noc)
    first = {(batch.epoch, key): batch.left[row] for batch in reference for row, key in enumerate(batch.keys)}
    epoch, key = next((epoch, key) for epoch, key in first if (epoch + 1, key) in first)
    assert not torch.equal(first[epoch, key], first[epoch + 1, key])
    assert not torch.equal(batches(source, seed=6)[0].left, reference[0].left)


def test_pairs_smaller_than_the_crop_are_padded_as_ever(samples):
    out = preset("augment=realworld", "augment.hflip_swap.probability=0")(
        samples[0], np.random.default_rng(1), (160, 320)
    )
    assert_sound(out, (160, 320))
    assert (out.disparity == -1).any()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_argument_is_checked_and_its_suggested_fix_works(name):
    for field in fields(AUGMENTATIONS[name]):
        for wrong in (-0.5, float("nan"), float("inf"), 1e9, "much", True, None):
            with pytest.raises(UserError) as caught:
                build_augment([{"name": name, field.name: wrong}])
            key = f"augment.{name}.{field.name}"
            assert caught.value.key == key and "\n" not in str(caught.value)
            told, _, value = caught.value.fix.removeprefix("try ").partition("=")
            assert told == key
            build_augment([{"name": name, field.name: float(value)}])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "jpeg", "quality_min": 60.5}, r"augment\.jpeg\.quality_min=60\.5: must be a whole number; try .*=60"),
        ({"name": "erase", "count_max": 1.5}, r"augment\.erase\.count_max=1\.5: must be a whole number"),
        ({"name": "jpeg", "quality_min": 99}, r"quality_min=99: must not exceed augment\.jpeg\.quality_max=95; try"),
        ({"name": "erase", "size_min": 200}, r"size_min=200: must not exceed augment\.erase\.size_max=100"),
        ({"name": "scale", "scale_min": 2}, r"scale_min=2: must not exceed augment\.scale\.scale_max=1\.35"),
        ({"name": "scale", "stretch_max": 0.9}, r"stretch_max=0\.9: must be a number from 1 to 4"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        build_augment([spec])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+augment.scale.before_crop=1", r"augment\.scale\.before_crop.*: is not a key of the configuration"),
        ("+augment.noise.sigma=1", r"augment\.noise\.sigma.*: is not a key of the configuration"),
        ("+augment.noise.gaussian=much", r"augment\.noise\.gaussian"),
        ("+augment.jpeg.quality_min=99", r"quality_min=99.*: must not exceed augment\.jpeg\.quality_max=95"),
        ("+augment.hflip={}", r"augment\.hflip=hflip: must be one of photometric, .*hflip_swap"),
    ],
)
def test_wrong_keys_are_told_in_one_line(override, message):
    with pytest.raises(UserError, match=message) as caught:
        bind(composed(override))
    assert "\n" not in str(caught.value)


def test_ops_stay_in_the_order_of_the_config():
    augment = build_augment([{"name": "photometric"}, {"name": "scale"}])
    assert augment.ops == (Photometric(), Scale())
