"""Scales fit what a map holds, whatever single pixels say; the numbers beside them are round."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.geometry.drawing import Scale, fit_depth, fit_disparity
from stereo_exp.geometry.drawing.scales import place_ticks

HOLES = np.array([np.nan, np.inf, -np.inf, -1.0, 0.0], np.float32)


def room(far: float = 5.0, near: float = 19.0) -> np.ndarray:
    return np.linspace(far, near, 5000, dtype=np.float32)


def test_a_room_takes_the_whole_scale_and_single_pixels_do_not_stretch_it() -> None:
    scale = fit_disparity(room())
    assert 0 < scale.low <= 5.2 and 18.8 <= scale.high <= 20
    assert not scale.logarithmic and scale.unit == "px"
    wild = np.concatenate([room(), HOLES, np.full(4, 190, np.float32), np.full(4, 0.1, np.float32)])
    assert fit_disparity(wild) == scale
    assert np.ptp(scale.place(room())) > 0.9


def test_several_maps_share_one_scale() -> None:
    scale = fit_disparity(room(), room(60, 80))
    assert scale.low <= 5.5 and scale.high >= 79


def test_a_flat_wall_does_not_take_every_colour() -> None:
    scale = fit_disparity(room(20.0, 20.3))
    assert scale.high - scale.low >= 4 and scale.low <= 20 <= scale.high
    assert np.ptp(scale.place(room(20.0, 20.3))) < 0.1


def test_where_nothing_is_known() -> None:
    assert fit_disparity(HOLES) == Scale(0, 4)
    assert fit_depth(HOLES).low < fit_depth(HOLES).high


def test_depth_of_a_street_is_shown_by_ratios() -> None:
    # As many pixels at each disparity: of 400 m·px, near things take most of the picture.
    depth = 400 / np.linspace(2, 110, 20000)
    scale = fit_depth(np.concatenate([depth, [np.inf, np.nan, 1e9]]))
    assert scale.logarithmic and scale.unit == "m"
    assert scale.low <= np.percentile(depth, 1) and scale.high >= np.percentile(depth, 95)
    # By equal steps more than half of all pixels would have the nearest tenth of the colours.
    by_steps = Scale(scale.low, scale.high)
    nearest = [float((each.place(depth) < 0.1).mean()) for each in (by_steps, scale)]
    assert nearest[0] > 0.5 and nearest[1] < 0.55 * nearest[0]


@given(low=st.floats(1e-2, 1e4), ratio=st.floats(1, 1e6))
def test_the_ends_of_a_depth_scale_are_apart_and_not_too_far(low: float, ratio: float) -> None:
    scale = fit_depth(np.geomspace(low, low * ratio, 500).astype(np.float32))
    assert 1.2 <= scale.high / scale.low <= 125
    assert scale.low <= low * 1.2


@given(low=st.floats(1e-2, 1e3), ratio=st.floats(1.001, 1e4), most=st.integers(2, 12))
def test_ticks_of_a_logarithm_are_within_and_have_room(low: float, ratio: float, most: int) -> None:
    scale = Scale(low, low * ratio, logarithmic=True)
    ticks = scale.ticks(most)
    values = np.array([value for value, _ in ticks])
    assert 1 <= len(ticks) <= most + 1
    assert ((values >= low * (1 - 1e-6)) & (values <= low * ratio * (1 + 1e-6))).all()
    assert (np.diff(values) > 0).all()
    for value, text in ticks:
        assert abs(float(text) - value) <= 1e-4 * abs(value)


def test_places_of_a_logarithm() -> None:
    scale = Scale(1, 100, logarithmic=True)
    found = scale.place(np.array([0.0, 1.0, 10.0, 100.0, 1e9, np.inf, np.nan, -3.0]))
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1, 0, 0, 0], atol=1e-12)
    assert [text for _, text in Scale(3, 80, logarithmic=True).ticks(8)] == ["5", "10", "20", "50"]
    assert [text for _, text in Scale(2, 3, logarithmic=True).ticks(4)] == ["2.0", "2.5", "3.0"]


@pytest.mark.parametrize("ends", [(2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_ends_that_make_no_scale(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="finite and rise"):
        Scale(*ends)
    with pytest.raises(ValueError, match="above 0"):
        Scale(0, 1, logarithmic=True)


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
