"""A sequence as a film: left view above its disparity, with one scale throughout."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from stereo_exp.base import UserError, create_beside
from stereo_exp.geometry.drawing.colours import color_map, color_table
from stereo_exp.geometry.drawing.scales import Scale
from stereo_exp.geometry.drawing.text import draw_text, measure_text

_CODEC, _RATE = "mp4v", 10.0
_LONGEST_STILL = 5.0
"""Seconds for which a frame is repeated at most where none follows."""
_LEAST_WIDTH = 320
"""Of frames that have room for a legend, px."""
_SIZE, _BAR, _MARGIN = 8.0, 10, 8
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


class Film:
    """Writes frames as they come; the file appears when the block ends, however many frames there were by then.

    Args:
        path: an .mp4 file.
        scale: of the disparities; frames from 320 px of width on show it in a corner.
        rate: frames a second.
    """

    def __init__(self, path: Path, scale: Scale, rate: float = _RATE) -> None:
        self.path, self.scale, self.rate = path, scale, rate
        self._begin: float | None = None
        self._frame: np.ndarray | None = None
        self._count = 0
        self._temporary: Path | None = None
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
        colours = color_map(disparity, self.scale)
        if left.shape[1] >= _LEAST_WIDTH:
            _draw_legend(colours, self.scale)
        frame = cv2.cvtColor(np.concatenate((left, colours)), cv2.COLOR_RGB2BGR)
        size = (frame.shape[1], frame.shape[0])
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = size
            self._temporary = create_beside(self.path, self.path.suffix)
            self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*_CODEC), self.rate, size)
            if not self._writer.isOpened():
                self._temporary.unlink(missing_ok=True)
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
        if self._temporary is not None:
            if self._count:
                self._temporary.replace(self.path)
            self._temporary.unlink(missing_ok=True)


def _draw_legend(picture: np.ndarray, scale: Scale) -> None:
    """A lying bar in the lower left corner, its numbers above it, white on black, in place."""
    width = picture.shape[1] // 3
    left, bottom = 2 * _MARGIN, picture.shape[0] - _MARGIN
    table = color_table(scale.colours)
    top = bottom - _BAR - 2 * round(_SIZE) - 4
    cv2.rectangle(picture, (left - _MARGIN, top - 4), (left + width + 4 * _MARGIN, bottom + 4), _BLACK, cv2.FILLED)
    levels = np.linspace(0, len(table) - 1, width).round().astype(int)
    picture[bottom - _BAR : bottom, left : left + width] = table[levels][None]
    most = max(2, width // (2 * measure_text("000", _SIZE)))
    for value, text in scale.ticks(most):
        x = left + float(scale.place(np.array(value))) * (width - 1)
        draw_text(picture, text, (x, bottom - _BAR - _SIZE), _SIZE, "centre", _WHITE)
    draw_text(picture, scale.unit, (left + width + _MARGIN, bottom - _BAR / 2), _SIZE, "left", _WHITE)
