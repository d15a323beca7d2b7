"""Bars are as long as their numbers, from zero, in the order of their names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.drawing import Series, draw_bars
from stereo_exp.suite.pictures import draw_noise

RED, BLUE = (200, 30, 40), (180, 200, 240)


def lengths(picture: np.ndarray, colour: tuple[int, int, int]) -> list[int]:
    """Of the bars of a colour, from top to bottom, without the square of the key."""
    same = (picture == colour).all(axis=-1)
    rows = np.flatnonzero(same.any(axis=1))
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [int(same[group].any(axis=0).sum()) for group in groups[1:]]


def test_lengths_are_proportional_to_values() -> None:
    values = [10.0, 20.0, 40.0]
    picture = draw_bars(["a", "b", "c"], [Series("figures", values, RED)], "title", "unit")
    found = lengths(picture, RED)
    assert len(found) == 3
    np.testing.assert_allclose(np.array(found) / found[-1], np.array(values) / values[-1], atol=0.01)


def test_a_second_series_lies_thinner_upon_the_first() -> None:
    series = [Series("alone", [30.0, 40.0], BLUE), Series("together", [10.0, 20.0], RED)]
    picture = draw_bars(["a", "b"], series, "title", "unit")
    assert lengths(picture, RED)[1] == pytest.approx(2 * lengths(picture, RED)[0], abs=2)
    below, above = ((picture == colour).all(axis=-1).any(axis=1).sum() for colour in (BLUE, RED))
    assert above < below


def test_negative_values_go_the_other_way() -> None:
    picture = draw_bars(["worse", "better"], [Series("dB", [-5.0, 10.0], RED)], "title", "dB")
    same = (picture == RED).all(axis=-1)
    rows = np.flatnonzero(same.any(axis=1))
    first, second = (np.flatnonzero(same[row]) for row in (rows[len(rows) // 2 + 2], rows[-1]))
    assert abs(first.max() - second.min()) <= 1
    assert second.size == pytest.approx(2 * first.size, abs=3)


def test_height_follows_the_names_and_width_does_not() -> None:
    few, many = (draw_bars(["x"] * n, [Series("s", [1.0] * n, RED)], "t", "u") for n in (3, 30))
    assert many.shape[0] - few.shape[0] == 27 * 20
    assert many.shape[1] == few.shape[1]
    wide = draw_bars(["x" * 400], [Series("s", [1.0], RED)], "t", "u")
    assert wide.shape[1] < few.shape[1] + 450


def test_numbers_must_fit_the_names() -> None:
    with pytest.raises(ValueError, match="s: 2 values of 3 names"):
        draw_bars(["a", "b", "c"], [Series("s", [1.0, 2.0], RED)], "t", "u")


def test_noise_of_layers_worst_on_top(tmp_path: Path) -> None:
    records = [{"name": f"layer.{i}", "snr_db": 2.0 + i, "own_snr_db": 50.0} for i in range(60)]
    path = draw_noise(tmp_path / "layer_noise.png", records)
    picture = cv2.imread(str(path))[..., ::-1]
    found = lengths(picture, (192, 57, 43))
    assert len(found) == 40 and found == sorted(found)
    assert found[-1] / found[0] == pytest.approx(41 / 2, rel=0.1)
    assert draw_noise(tmp_path / "none.png", []).is_file()
