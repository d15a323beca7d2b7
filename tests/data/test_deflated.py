"""Truth in fewer bytes: nothing of it is lost, and damage is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stereo_exp.base import DataError
from stereo_exp.data.shards.disparity import deflate_disparity, inflate_disparity
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scenes import sample_scene


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(width=32)))
def test_every_bit_comes_back(values):
    found = inflate_disparity(b"".join(deflate_disparity(values)), "a")
    assert found.dtype == np.float32 and found.shape == values.shape and found.flags.writeable
    np.testing.assert_array_equal(found.view(np.uint32), values.view(np.uint32))


def test_windows_of_larger_arrays_are_taken():
    values = np.random.default_rng(0).random((20, 30), np.float32)[3:11, 4:19]
    np.testing.assert_array_equal(inflate_disparity(b"".join(deflate_disparity(values)), "a"), values)


def test_a_rendered_truth_takes_a_small_part_of_its_bytes():
    sizes = []
    for index in range(4):
        truth = render_scene(sample_scene(0, "TRAIN", index, 160, 320)).disparity_left
        sizes.append(sum(map(len, deflate_disparity(truth))) / truth.nbytes)
    assert np.mean(sizes) < 0.2


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:7], lambda d: b"x" + d[1:], lambda d: d[:4] + d[8:]])
def test_damage_is_told(damage):
    data = b"".join(deflate_disparity(np.ones((4, 6), np.float32)))
    with pytest.raises(DataError, match=r"^map=.* bytes: is not a whole deflated disparity"):
        inflate_disparity(damage(data), "map")
