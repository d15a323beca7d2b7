"""Figures of several images and maps, each with its title, each map with the scale of its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.base import write_bytes
from stereo_exp.geometry.drawing.colours import color_map, color_table
from stereo_exp.geometry.drawing.scales import Scale
from stereo_exp.geometry.drawing.text import BLACK, GREY, draw_text, shorten_text, wrap_text
from stereo_exp.geometry.formats.image import encode_png

PANEL_WIDTH = 520
"""Of every image in a figure, px."""
MARGIN, SCALE_WIDTH, TITLE_HEIGHT, HEADING_HEIGHT = 16, 72, 30, 34
"""Around and between panels; of a colour scale with its figures; of the line above an image; of that above all; px."""
_HEADING_SIZE, _TITLE_SIZE, _TICK_SIZE, _LINE = 10.0, 9.0, 8.0, 2.2
_BAR_GAP, _BAR_WIDTH, _TICK_LENGTH, _TICK_DISTANCE = 10, 14, 4, 26
_POINT = 6
_FRAME = (150, 150, 150)
_HATCH, _HATCH_LINE, _HATCH_GROUND = 8, 190, 232
_SHAPE_WITHOUT_IMAGES = (3, 4)


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Attributes:
        title: above it.
        image: uint8 H×W×3 RGB, or a float H×W map whose non-finite values are drawn grey; None draws `note` only.
        scale: of a map.
        note: text in place of an image.
        gaps: bool H×W, hatched: where there is nothing to compare with.
    """

    title: str
    image: np.ndarray | None = None
    scale: Scale = Scale()  # noqa: RUF009 (frozen)
    note: str = ""
    gaps: np.ndarray | None = None

    @property
    def is_map(self) -> bool:
        """Whether there are numbers to draw in colours, with their scale beside them."""
        return self.image is not None and self.image.ndim == 2


def draw_panels(panels: Sequence[Panel], columns: int = 2, heading: str = "", width: int = PANEL_WIDTH) -> np.ndarray:
    """Panels in rows of `columns`, from left to right and down.

    Args:
        panels: at least one. A note alone takes the shape of the first image.
        columns: panels in a row.
        heading: above all.
        width: of every image, px; its height follows.

    Returns:
        uint8 H×W×3 RGB on white. W: for each column `MARGIN` and `width`, `SCALE_WIDTH` more where it holds a map, then
        `MARGIN`. H: with a heading `HEADING_HEIGHT`, for each row `TITLE_HEIGHT`, its tallest image and `MARGIN`.
    """
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    shape = next((p.image.shape for p in panels if p.image is not None), _SHAPE_WITHOUT_IMAGES)
    shown = [[_scaled(panel, shape, width) for panel in row] for row in rows]
    with_scale = [any(row[i].is_map for row in rows if i < len(row)) for i in range(columns)]
    widths = [MARGIN + width + SCALE_WIDTH * scale for scale in with_scale]
    heights = [TITLE_HEIGHT + max(image.shape[0] for image in row) + MARGIN for row in shown]
    top = HEADING_HEIGHT if heading else 0
    picture = np.full((top + sum(heights), sum(widths) + MARGIN, 3), 255, np.uint8)
    if heading:
        # Centred between the panels' sides, which leaves the outermost figures out.
        span = sum(widths) - SCALE_WIDTH * with_scale[-1]
        text = shorten_text(heading, _HEADING_SIZE, span - MARGIN)
        draw_text(picture, text, ((span + MARGIN) / 2, MARGIN + 0.3 * _HEADING_SIZE), _HEADING_SIZE, "centre")
    for row, images, height in zip(rows, shown, heights, strict=True):
        left = MARGIN
        for panel, image, step in zip(row, images, widths, strict=False):
            _draw_panel(picture, panel, image, left, top + TITLE_HEIGHT)
            left += step
        top += height
    return picture


def write_panels(path: Path, panels: Sequence[Panel], columns: int = 2, heading: str = "") -> Path:
    """`draw_panels` into a PNG file that is either whole or absent; returns its path."""
    write_bytes(path, encode_png(draw_panels(panels, columns, heading), compression=6))
    return path


def _scaled(panel: Panel, shape: tuple[int, ...], width: int) -> np.ndarray:
    """The panel's image in RGB, `width` px wide; white where it has none."""
    if panel.image is None:
        return np.full((max(round(width * shape[0] / shape[1]), 1), width, 3), 255, np.uint8)
    image = panel.image
    if panel.is_map:
        # Colours are averaged, not numbers: those of an outline lie far apart, and some are not known.
        image = color_map(image, panel.scale)
    height = max(round(width * image.shape[0] / image.shape[1]), 1)
    known: np.ndarray | None = None if panel.gaps is None else (~panel.gaps).astype(np.float32)
    if width < image.shape[1]:
        if known is None:
            return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        # Sparse truth keeps its colours: a pixel of the figure is the mean of those that have some.
        weighted = cv2.resize(image * known[..., None], (width, height), interpolation=cv2.INTER_AREA)
        known = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)
        image = np.rint(weighted / np.maximum(known, 1e-6)[..., None]).clip(0, 255).astype(np.uint8)
    else:
        interpolation = cv2.INTER_NEAREST if panel.is_map else cv2.INTER_CUBIC
        image = cv2.resize(image, (width, height), interpolation=interpolation)
        known = None if known is None else cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)
    if known is not None:
        image[known <= 0] = _hatch(height, width)[known <= 0]
    return image


def _hatch(height: int, width: int) -> np.ndarray:
    """uint8 H×W×3: slanting lines, in greys that no scale of ours has side by side."""
    place = np.add.outer(np.arange(height), np.arange(width)) % _HATCH
    return np.where(place < 2, np.uint8(_HATCH_LINE), np.uint8(_HATCH_GROUND))[..., None].repeat(3, axis=-1)


def _draw_panel(picture: np.ndarray, panel: Panel, image: np.ndarray, left: int, top: int) -> None:
    height, width = image.shape[:2]
    picture[top : top + height, left : left + width] = image
    cv2.rectangle(picture, (left - 1, top - 1), (left + width, top + height), _FRAME)
    title = shorten_text(panel.title, _TITLE_SIZE, width)
    draw_text(picture, title, (left + width / 2, top - TITLE_HEIGHT / 2 + 1), _TITLE_SIZE, "centre")
    if panel.image is None:
        lines = wrap_text(panel.note, _TITLE_SIZE, width - 2 * MARGIN)
        for i, line in enumerate(lines):
            y = top + height / 2 + (i - (len(lines) - 1) / 2) * _LINE * _TITLE_SIZE
            draw_text(picture, line, (left + width / 2, y), _TITLE_SIZE, "centre", GREY)
    elif panel.is_map:
        _draw_scale(picture, panel, (left + width + _BAR_GAP, top), height)


def _draw_scale(picture: np.ndarray, panel: Panel, corner: tuple[int, int], height: int) -> None:
    """A bar from the highest value down to the lowest, ticks with their numbers to its right, the unit above them."""
    left, top = corner
    right, bottom = left + _BAR_WIDTH, top + height - 1
    scale = panel.scale
    table = color_table(scale.colours)
    levels = np.linspace(len(table) - 1, 0, height).round().astype(int)
    picture[top : top + height, left:right] = table[levels][:, None]
    cv2.rectangle(picture, (left - 1, top - 1), (right, bottom + 1), _FRAME)
    for value, text in scale.ticks(max(3, height // _TICK_DISTANCE)):
        share = float(scale.place(np.array(value))) if scale.high > scale.low else 0.5
        y = round(bottom - share * (bottom - top))
        cv2.line(picture, (right + 1, y), (right + _TICK_LENGTH, y), BLACK)
        # The outermost numbers stay beside the bar.
        middle = min(max(y, top + _TICK_SIZE / 2), bottom - _TICK_SIZE / 2)
        draw_text(picture, text, (right + _TICK_LENGTH + 4, middle), _TICK_SIZE)
    assert panel.image is not None
    beyond = panel.image[np.isfinite(panel.image)]
    # A point at an end: what is shown goes on beyond it.
    middle_x, tolerance = (left + right - 1) // 2, 1e-6 * (scale.high - scale.low)
    for exceeds, y, tip, colour in (
        (beyond > scale.high + tolerance, top - 2, top - 2 - _POINT, table[-1]),
        (beyond < scale.low - tolerance, bottom + 2, bottom + 2 + _POINT, table[0]),
    ):
        if exceeds.any():
            corners = np.array([(left, y), (right - 1, y), (middle_x, tip)], np.int32)
            cv2.fillPoly(picture, [corners], colour.tolist())
    draw_text(picture, scale.unit, (right + _TICK_LENGTH, top - TITLE_HEIGHT / 2 + 1), _TICK_SIZE, color=GREY)
