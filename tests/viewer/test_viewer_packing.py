"""What goes into a page comes out again, in far fewer bytes."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stereo_exp.geometry.example import example_pair
from stereo_exp.geometry.viewer.packing import STEP, Maps, count_bytes, pack_frame


def unpack(frame: dict[str, Any]) -> list[np.ndarray]:
    """Planes of sums, as a page's script makes them: lengths in px, NaN unknown; confidence."""
    size = frame["height"], frame["width"]
    planes = np.frombuffer(zlib.decompress(base64.b64decode(frame["maps"])), np.uint8).reshape(-1, *size)

    def add_up(levels: np.ndarray) -> np.ndarray:
        levels = levels.copy()
        levels[:, 0] = np.cumsum(levels[:, 0], dtype=levels.dtype)
        return np.cumsum(levels, axis=1, dtype=levels.dtype)

    def lengths(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        folded = low.astype(np.uint16) | (high.astype(np.uint16) << 8)
        levels = add_up((folded >> 1) ^ -(folded & 1).astype(np.uint16))
        return np.where(levels > 0, (levels.astype(np.float64) - 1) * STEP, np.nan)

    found = [lengths(*planes[:2]), add_up(planes[2]) / 255]
    return found if len(planes) == 3 else [*found, lengths(*planes[3:])]


@given(
    values=arrays.arrays(np.float32, (5, 7), elements=st.floats(0, 1000, width=32) | st.just(np.inf) | st.just(np.nan)),
    sure=arrays.arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32)),
)
def test_maps_come_back(values: np.ndarray, sure: np.ndarray) -> None:
    left = np.zeros((5, 7, 3), np.uint8)
    disparity, confidence, error = unpack(pack_frame(Maps(left, values, sure, values[::-1]), "x", (5, 7)))
    known = np.isfinite(values)
    np.testing.assert_array_equal(np.isfinite(disparity), known)
    assert np.abs(disparity - values)[known].max(initial=0) <= STEP / 2 + 1e-4
    np.testing.assert_allclose(confidence, sure, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(error, disparity[::-1])


def test_a_real_map_takes_less_than_two_bytes_a_pixel() -> None:
    pair = example_pair()
    assert pair.disparity is not None
    size = pair.size
    frame = pack_frame(Maps(pair.left, pair.disparity, np.ones(size, np.float32)), "example", size)
    assert count_bytes(frame) < 2 * size[0] * size[1]
    left = cv2.imdecode(np.frombuffer(base64.b64decode(frame["left"]), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(left.astype(int) - pair.left).mean() < 5


def test_reducing_picks_disparities_and_averages_colours() -> None:
    left = np.zeros((40, 60, 3), np.uint8)
    left[:, ::2] = 200
    disparity = np.where(np.arange(60) < 31, 5, 50).astype(np.float32)[None].repeat(40, 0)
    small = Maps(left, disparity, np.ones((40, 60), np.float32), disparity).reduce(2)
    assert small.left.shape == (20, 30, 3) and small.error is not None
    assert set(np.unique(small.disparity)) == {5, 50} and set(np.unique(small.error)) == {5, 50}
    assert abs(float(small.left.mean()) - 100) < 2


def test_maps_of_unequal_sizes() -> None:
    with pytest.raises(ValueError, match="confidence"):
        Maps(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6)), np.zeros((4, 5)))
