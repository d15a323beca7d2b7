"""Colours for numbers, limits for maps, numbers for ticks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.geometry.drawing import (
    DEPTH_MAP,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR_MAP,
    color_map,
    disparity_limits,
)
from stereo_exp.geometry.drawing.colours import UNKNOWN_GREY, color_table, place_ticks


@pytest.mark.parametrize("colours", [DISPARITY_MAP, DEPTH_MAP, ERROR_MAP, DIFFERENCE_MAP])
def test_values_take_the_colours_of_their_place_in_the_limits(colours: str) -> None:
    values = np.array([[-9.0, -2.0, 0.0, 2.0, 9.0, np.nan, np.inf, -np.inf]], np.float32)
    found = color_map(values, (-2.0, 2.0), colours)[0]
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
    below, zero, above = color_map(np.array([[-2.0, 0.0, 2.0]]), (-2.0, 2.0), DIFFERENCE_MAP)[0].astype(int)
    assert below[0] > 2 * below[2] and above[2] > 2 * above[0]
    assert zero.min() > 235
    light = color_table(DIFFERENCE_MAP).astype(int) @ [299, 587, 114]
    assert (np.diff(light[:127]) > 0).all() and (np.diff(light[129:]) < 0).all()


def test_a_name_that_no_scale_has() -> None:
    with pytest.raises(ValueError, match="viridis"):
        color_map(np.zeros((1, 1)), (0, 1), "viridis")


def test_limits_cover_what_is_known() -> None:
    values = np.linspace(1, 41, 1000, dtype=np.float32)
    holes = np.array([np.nan, np.inf, -1.0, 0.0], np.float32)
    assert disparity_limits(np.concatenate([values, holes])) == (0, 48)
    assert disparity_limits(values, np.full(1000, 100, np.float32)) == (0, 104)
    assert disparity_limits(holes) == (0, 8)


@given(low=st.floats(-1e4, 1e4), span=st.floats(1e-3, 1e4), most=st.integers(2, 12))
def test_ticks_are_round_evenly_spaced_and_within(low: float, span: float, most: int) -> None:
    ticks = place_ticks(low, low + span, most)
    values = [value for value, _ in ticks]
    assert 1 <= len(ticks) <= most
    assert all(low - 1e-6 * span <= value <= low + span + 1e-6 * span for value in values)
    steps = np.diff(values)
    if len(steps):
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        mantissa = float(f"{steps[0]:e}".split("e")[0])
        assert min(abs(mantissa - round_one) for round_one in (1, 2, 5, 10)) < 1e-3
        # What is written is the value, and no two say the same.
        assert len({text for _, text in ticks}) == len(ticks)
    for value, text in ticks:
        assert abs(float(text) - value) <= 1e-6 * max(1.0, abs(value))


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        ((0, 64), ["0", "10", "20", "30", "40", "50", "60"]),
        ((-2, 2), ["-2", "-1", "0", "1", "2"]),
        ((1.52, 4.2), ["2.0", "2.5", "3.0", "3.5", "4.0"]),
        ((3, 3), ["3"]),
    ],
)
def test_ticks_read_well(limits: tuple[float, float], texts: list[str]) -> None:
    assert [text for _, text in place_ticks(*limits, 8)] == texts
