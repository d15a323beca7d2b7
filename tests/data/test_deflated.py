"""Truth in fewer bytes: nothing of it is lost, and damage is found."""

import struct
import zlib

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


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(width=32)))
def test_what_was_written_at_first_is_still_read(values):
    """Predicted along the rows alone, and not folded."""
    bits = values.view("<u4")
    steps = np.diff(bits, axis=1, prepend=np.uint32(0))
    planes = steps.astype("<u4").view(np.uint8).reshape(-1, 4).T
    member = struct.pack("<4sII", b"dz1\n", *values.shape) + zlib.compress(planes.tobytes(), 1)
    np.testing.assert_array_equal(inflate_disparity(member, "a").view(np.uint32), bits)


def test_slanted_sides_cost_little():
    """As a mesh has them: affine with an outline in between, rounded to float32."""
    y, x = np.mgrid[:120, :160]
    sides = np.where(x + 0.3 * y < 90, 20 + 0.1 * x - 0.05 * y, 40 - 0.07 * x + 0.11 * y).astype(np.float32)
    assert sum(map(len, deflate_disparity(sides))) < 0.12 * sides.nbytes


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
