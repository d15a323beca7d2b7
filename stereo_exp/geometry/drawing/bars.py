"""A chart of lying bars: one row for each name, several figures in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.geometry.drawing.scales import place_ticks
from stereo_exp.geometry.drawing.text import BLACK, GREY, draw_text, measure_text, shorten_text

_MARGIN, _ROW, _CHART_WIDTH, _MOST_NAME = 16, 20, 680, 420
_TITLE_HEIGHT, _KEY_HEIGHT, _AXIS_HEIGHT = 32, 26, 52
_TITLE_SIZE, _TEXT_SIZE, _NAME_SIZE = 10.0, 8.5, 7.5
# Share of a row that the first figure's bar takes; each one after it is thinner by the same factor, to lie upon it.
_THICKNESS, _THINNER = 0.8, 0.5
_GRID, _FRAME = (226, 226, 226), (150, 150, 150)
_TICKS, _ROOM = 8, 1.03


@dataclass(frozen=True)
class Series:
    """Figures of one kind.

    Attributes:
        label: what they are, for the key.
        values: one for each row of the chart, finite.
        colour: RGB.
    """

    label: str
    values: Sequence[float]
    colour: tuple[int, int, int]


def draw_bars(names: Sequence[str], series: Sequence[Series], title: str, axis: str) -> np.ndarray:
    """Bars from 0, the first name on top; a later series lies on those before it and is thinner.

    Args:
        names: of the rows; one too long for its place is shortened.
        series: at least one, each with as many values as there are names.
        title: above all.
        axis: what is measured, in which unit; below the numbers.

    Returns:
        uint8 H×W×3 RGB on white.

    Raises:
        ValueError: a series has another number of values than there are names.
    """
    for part in series:
        if len(part.values) != len(names):
            raise ValueError(f"{part.label}: {len(part.values)} values of {len(names)} names")
    values = [0.0, *(value for part in series for value in part.values)]
    low, high = min(values), max(values)
    # A little room, so that the longest bar is seen to end.
    high = low + (high - low or 1.0) * _ROOM
    names = [shorten_text(name, _NAME_SIZE, _MOST_NAME) for name in names]
    left = 2 * _MARGIN + max((measure_text(name, _NAME_SIZE) for name in names), default=0)
    top = _TITLE_HEIGHT + _KEY_HEIGHT
    bottom = top + _ROW * len(names) + _ROW // 2
    picture = np.full((bottom + _AXIS_HEIGHT, left + _CHART_WIDTH + 2 * _MARGIN, 3), 255, np.uint8)
    middle = left + _CHART_WIDTH / 2

    def column(value: float) -> int:
        return left + round((value - low) / (high - low) * (_CHART_WIDTH - 1))

    draw_text(
        picture, shorten_text(title, _TITLE_SIZE, _CHART_WIDTH), (middle, _TITLE_HEIGHT / 2), _TITLE_SIZE, "centre"
    )
    _draw_key(picture, series, left, _TITLE_HEIGHT + _KEY_HEIGHT // 2 - 2)
    for value, text in place_ticks(low, high, _TICKS):
        x = column(value)
        cv2.line(picture, (x, top), (x, bottom), _GRID)
        draw_text(picture, text, (x, bottom + 16), _TEXT_SIZE, "centre")
    for row, name in enumerate(names):
        y = top + _ROW // 4 + _ROW * row + _ROW // 2
        draw_text(picture, name, (left - 8, y), _NAME_SIZE, "right")
        for order, part in enumerate(series):
            half = round(_ROW * _THICKNESS * _THINNER**order / 2)
            ends = sorted((column(0.0), column(part.values[row])))
            picture[y - half : y + half, ends[0] : ends[1] + 1] = part.colour
    cv2.rectangle(picture, (left - 1, top), (left + _CHART_WIDTH, bottom), _FRAME)
    draw_text(picture, axis, (middle, bottom + 38), _TEXT_SIZE, "centre", GREY)
    return picture


def _draw_key(picture: np.ndarray, series: Sequence[Series], left: int, y: int) -> None:
    """A square of each colour and what it stands for, in one line."""
    for part in series:
        picture[y - 6 : y + 6, left : left + 18] = part.colour
        draw_text(picture, part.label, (left + 26, y), _TEXT_SIZE, color=BLACK)
        left += 26 + measure_text(part.label, _TEXT_SIZE) + 28
