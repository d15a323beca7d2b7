"""Where curves and points of the report lie, in px of a drawing of `WIDTH` by `HEIGHT`; the page and the picture share
them."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.geometry import BLACK, GREY, draw_text, place_ticks, shorten_text
from stereo_exp.suite.compare.table import Row, Table, find_front

WIDTH, HEIGHT = 720, 340
_LEFT, _RIGHT, TOP, BOTTOM = 64, 24, 30, 58
_MOST_POINTS, _MOST_KEYS = 120, 12
_TICKS = 7
_GRID = (226, 226, 226)


@dataclass(frozen=True)
class Mark:
    """A row's points: a curve, or one point."""

    title: str
    colour: tuple[int, int, int]
    """RGB."""
    points: list[tuple[float, float]]
    front: bool = False
    """Whether nothing beats it."""

    @property
    def hex(self) -> str:
        """The colour as the page writes it."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)

    @property
    def path(self) -> str:
        """The curve as SVG writes it."""
        return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """A drawing with two axes."""

    title: str
    across: str
    """What is measured along the horizontal axis."""
    marks: list[Mark]
    columns: list[tuple[float, str]]
    lines: list[tuple[float, str]]
    """Where the grid lies, and what stands beside it."""
    steps: list[tuple[float, float]]
    """The front, as one line."""

    @property
    def keys(self) -> list[Mark]:
        """Those that the page names; none where there are too many to tell apart."""
        return self.marks if len(self.marks) <= _MOST_KEYS else []


def place_curves(table: Table) -> Chart | None:
    """Test EPE over steps, one curve for each row; None: there are none."""
    shown = [row for row in table.rows if len(row.first.curve) > 1]
    if not shown:
        return None
    curves = [_thin([point for point in row.first.curve if math.isfinite(point[1])]) for row in shown]
    steps, values = ([p[axis] for curve in curves for p in curve] for axis in (0, 1))
    # A first evaluation of random weights would flatten all that follows.
    high = float(np.percentile(values, 95)) * 1.1
    x_of, y_of = _axes(0, max(steps), min(values), max(high, min(values) + 1e-3))
    marks = [
        Mark(row.title, _colour(i, len(shown)), [(x_of(s), y_of(min(v, high))) for s, v in curve])
        for i, (row, curve) in enumerate(zip(shown, curves, strict=True))
    ]
    return _chart("Test EPE over steps, px", "steps", marks, (0, max(steps)), (min(values), high), x_of, y_of)


def place_front(table: Table, name: str, cost: Callable[[Row], float | None]) -> Chart | None:
    """Test EPE against what a row costs, with the front of those that nothing beats; None: no cost is known."""
    shown = [row for row in table.rows if row.epe is not None and cost(row) is not None]
    if not shown:
        return None
    costs, values = [float(cost(row) or 0) for row in shown], [row.epe or 0.0 for row in shown]
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or 0.1
    x_of, y_of = _axes(0, max(costs) * 1.05, low - room, high + room)
    front = find_front(shown, cost)
    marks = [
        Mark(row.title, _colour(i, len(shown)), [(x_of(costs[i]), y_of(values[i]))], any(row is f for f in front))
        for i, row in enumerate(shown)
    ]
    corners: list[tuple[float, float]] = []
    for row in front:
        x, y = x_of(float(cost(row) or 0)), y_of(row.epe or 0.0)
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    ends = (0, max(costs) * 1.05), (low - room, high + room)
    return _chart(f"Test EPE, px, against {name}", name, marks, *ends, x_of, y_of, corners)


def _chart(
    title: str,
    across: str,
    marks: list[Mark],
    xs: tuple[float, float],
    ys: tuple[float, float],
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
    steps: Sequence[tuple[float, float]] = (),
) -> Chart:
    columns = [(x_of(value), text) for value, text in place_ticks(*xs, _TICKS)]
    lines = [(y_of(value), text) for value, text in place_ticks(*ys, _TICKS)]
    return Chart(title, across, marks, columns, lines, list(steps))


def _axes(
    left: float, right: float, low: float, high: float
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - TOP - BOTTOM
    across, up = (right - left) or 1.0, (high - low) or 1.0
    return (lambda x: _LEFT + (x - left) / across * width), (lambda y: TOP + (high - y) / up * height)


def _thin(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    step = max(1, math.ceil(len(curve) / _MOST_POINTS))
    return [*curve[:-1:step], curve[-1]] if curve else []


def _colour(i: int, count: int) -> tuple[int, int, int]:
    """Of equal distance on the wheel, dark enough for white paper and light enough for a dark page."""
    red, green, blue = colorsys.hls_to_rgb(i / max(count, 1), 0.46, 0.62)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_charts(charts: Sequence[Chart]) -> np.ndarray:
    """The charts one below the other, uint8 H×W×3 RGB on white."""
    pictures = [_draw(chart) for chart in charts]
    return np.concatenate(pictures) if pictures else np.full((HEIGHT, WIDTH, 3), 255, np.uint8)


def _draw(chart: Chart) -> np.ndarray:
    keys = chart.keys
    picture = np.full((HEIGHT + 18 * len(keys) + 8, WIDTH, 3), 255, np.uint8)
    draw_text(picture, chart.title, (_LEFT, 14), 10.0, color=BLACK)
    for x, text in chart.columns:
        cv2.line(picture, (round(x), TOP), (round(x), HEIGHT - BOTTOM), _GRID)
        draw_text(picture, text, (x, HEIGHT - BOTTOM + 14), 8.5, "centre")
    for y, text in chart.lines:
        cv2.line(picture, (_LEFT, round(y)), (WIDTH - _RIGHT, round(y)), _GRID)
        draw_text(picture, text, (_LEFT - 8, y), 8.5, "right")
    draw_text(picture, chart.across, (WIDTH / 2, HEIGHT - 12), 8.5, "centre", GREY)
    if chart.steps:
        cv2.polylines(picture, [_whole(chart.steps)], False, (150, 150, 150), 1, cv2.LINE_AA)
    for mark in chart.marks:
        if len(mark.points) > 1:
            cv2.polylines(picture, [_whole(mark.points)], False, mark.colour, 2, cv2.LINE_AA)
        for x, y in mark.points[:1] if len(mark.points) == 1 else ():
            cv2.circle(picture, (round(x), round(y)), 6 if mark.front else 4, mark.colour, -1, cv2.LINE_AA)
    for i, mark in enumerate(keys):
        y = HEIGHT + 18 * i + 8
        picture[y - 5 : y + 5, _LEFT : _LEFT + 14] = mark.colour
        draw_text(picture, shorten_text(mark.title, 8.5, WIDTH - _LEFT - 40), (_LEFT + 22, y), 8.5)
    return picture


def _whole(points: Sequence[tuple[float, float]]) -> np.ndarray:
    return np.round(np.array(points)).astype(np.int32)
