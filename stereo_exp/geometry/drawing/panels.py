"""Figures of several images and maps, each with its title, each map with the scale of its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from stereo_exp.base import UserError, write_bytes
from stereo_exp.geometry.drawing.colours import DISPARITY_MAP, color_map, color_table, place_ticks
from stereo_exp.geometry.drawing.text import BLACK, GREY, draw_text, shorten_text, wrap_text
from stereo_exp.geometry.formats.image import encode_png

PANEL_WIDTH = 520
"""Of every image in a figure, px."""
MARGIN, SCALE_WIDTH, TITLE_HEIGHT, HEADING_HEIGHT = 16, 72, 30, 34
"""Around and between panels; of a colour scale with its figures; of the line above an image; of that above all; px."""
_HEADING_SIZE, _TITLE_SIZE, _TICK_SIZE, _LINE = 10.0, 9.0, 8.0, 2.2
_BAR_GAP, _BAR_WIDTH, _TICK_LENGTH, _TICK_DISTANCE = 10, 14, 4, 36
_FRAME = (150, 150, 150)
_SHAPE_WITHOUT_IMAGES = (3, 4)


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Attributes:
        title: above it.
        image: uint8 H×W×3 RGB, or a float H×W map whose non-finite values are drawn grey; None draws `note` only.
        colours: of a map, see `color_map`.
        limits: values at the two ends of the map's scale; None is 0 and 1.
        unit: above the scale.
        note: text in place of an image.
    """

    title: str
    image: np.ndarray | None = None
    colours: str = DISPARITY_MAP
    limits: tuple[float, float] | None = None
    unit: str = "px"
    note: str = ""

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
        image = color_map(image, panel.limits or (0.0, 1.0), panel.colours)
    height = max(round(width * image.shape[0] / image.shape[1]), 1)
    if width < image.shape[1]:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    interpolation = cv2.INTER_NEAREST if panel.is_map else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=interpolation)


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
    """A bar from the highest value down to the lowest, ticks with their numbers to its right, the unit above."""
    left, top = corner
    right, bottom = left + _BAR_WIDTH, top + height - 1
    table = color_table(panel.colours)
    levels = np.linspace(len(table) - 1, 0, height).round().astype(int)
    picture[top : top + height, left:right] = table[levels][:, None]
    cv2.rectangle(picture, (left - 1, top - 1), (right, bottom + 1), _FRAME)
    low, high = panel.limits or (0.0, 1.0)
    for value, text in place_ticks(low, high, max(3, height // _TICK_DISTANCE)):
        share = (value - low) / (high - low) if high > low else 0.5
        y = round(bottom - share * (bottom - top))
        cv2.line(picture, (right + 1, y), (right + _TICK_LENGTH, y), BLACK)
        # The outermost numbers stay beside the bar.
        middle = min(max(y, top + _TICK_SIZE / 2), bottom - _TICK_SIZE / 2)
        draw_text(picture, text, (right + _TICK_LENGTH + 4, middle), _TICK_SIZE)
    draw_text(picture, panel.unit, (left, top - TITLE_HEIGHT / 2 + 1), _TICK_SIZE, color=GREY)


# A sequence as a film: left view above its disparity, with one colour scale throughout.


_CODEC, _RATE = "mp4v", 10.0
_LONGEST_STILL = 5.0
"""Seconds for which a frame is repeated at most where none follows."""


class Film:
    """Writes frames as they come; the file appears when the block ends, however many frames there were by then.

    Args:
        path: an .mp4 file.
        limits: disparities at the two ends of the colour scale, px.
        rate: frames a second.
    """

    def __init__(self, path: Path, limits: tuple[float, float], rate: float = _RATE) -> None:
        self.path, self.limits, self.rate = path, limits, rate
        self._begin: float | None = None
        self._frame: np.ndarray | None = None
        self._count = 0
        self._temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def takes(self, left: np.ndarray) -> bool:
        """Whether a view has the size of those before."""
        return self._size is None or self._size == (left.shape[1], 2 * left.shape[0])

    def add(self, left: np.ndarray, disparity: np.ndarray, time: float | None = None) -> None:
        """One frame: uint8 H×W×3 RGB, and float32 H×W px whose non-finite values are drawn grey.

        Args:
            time: when it is to be seen, s from the same start for all. The frame before is repeated until then, so that
                the film runs at the speed of what it shows, whatever was left out. None: right after the last one.

        Raises:
            UserError: the film cannot be written.
            ValueError: the frame has another size than the first.
        """
        frame = cv2.cvtColor(np.concatenate((left, color_map(disparity, self.limits))), cv2.COLOR_RGB2BGR)
        size = (frame.shape[1], frame.shape[0])
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = size
            self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*_CODEC), self.rate, size)
            if not self._writer.isOpened():
                raise UserError(self.path, None, "OpenCV cannot write this film", "give another folder")
        if size != self._size:
            raise ValueError(f"a frame of {left.shape[1]}x{left.shape[0]} px in a film of another size")
        self._repeat_until(time)
        self._writer.write(frame)
        self._frame, self._count = frame, self._count + 1

    def _repeat_until(self, time: float | None) -> None:
        if time is None or self._frame is None or self._writer is None:
            self._begin = time if self._begin is None else self._begin
            return
        assert self._begin is not None
        missing = round((time - self._begin) * self.rate) - self._count
        still = min(missing, round(_LONGEST_STILL * self.rate))
        for _ in range(still):
            self._writer.write(self._frame)
        self._count += max(still, 0)
        if missing > still:
            # A longer pause is cut: what follows is counted from here.
            self._begin += (missing - still) / self.rate

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
            self._temporary.replace(self.path)
