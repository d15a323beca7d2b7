"""Colours for numbers, unknown ones in grey."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.drawing import (
    DEPTH_MAP,
    DIFFERENCE,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR_MAP,
    Scale,
    color_map,
)
from stereo_exp.geometry.drawing.colours import UNKNOWN_GREY, color_table


@pytest.mark.parametrize("colours", [DISPARITY_MAP, DEPTH_MAP, ERROR_MAP, DIFFERENCE_MAP])
def test_values_take_the_colours_of_their_place_in_the_limits(colours: str) -> None:
    values = np.array([[-9.0, -2.0, 0.0, 2.0, 9.0, np.nan, np.inf, -np.inf]], np.float32)
    found = color_map(values, Scale(-2.0, 2.0, colours))[0]
    table = color_table(colours)
    assert found.dtype == np.uint8 and found.shape == (8, 3)
    np.testing.assert_array_equal(found[:5], table[[0, 0, 127, 255, 255]])
    assert (found[5:] == UNKNOWN_GREY).all()


def test_the_scales_are_those_of_their_names() -> None:
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    for colours, code in ((DISPARITY_MAP, cv2.COLORMAP_TURBO), (ERROR_MAP, cv2.COLORMAP_MAGMA)):
        np.testing.assert_array_equal(color_table(colours), cv2.applyColorMap(ramp, code)[:, 0, ::-1])
    np.testing.assert_array_equal(color_table(DEPTH_MAP), color_table(DISPARITY_MAP)[::-1])


def test_differences_are_red_below_white_at_zero_and_blue_above() -> None:
    below, zero, above = color_map(np.array([[-2.0, 0.0, 2.0]]), DIFFERENCE)[0].astype(int)
    assert below[0] > 2 * below[2] and above[2] > 2 * above[0]
    assert zero.min() > 235
    light = color_table(DIFFERENCE_MAP).astype(int) @ [299, 587, 114]
    assert (np.diff(light[:127]) > 0).all() and (np.diff(light[129:]) < 0).all()


def test_a_name_that_no_scale_has() -> None:
    with pytest.raises(ValueError, match="viridis"):
        color_map(np.zeros((1, 1)), Scale(0, 1, "viridis"))
