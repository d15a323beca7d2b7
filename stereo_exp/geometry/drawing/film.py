"""A sequence as a film: left view above its disparity, with one colour scale throughout."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.drawing.colours import colour_map

_CODEC, _RATE = "mp4v", 10.0


class Film:
    """Writes frames as they come; the file appears when the block ends, however many frames there were by then.

    Args:
        path: an .mp4 file.
        limits: disparities at the two ends of the colour scale, px.
    """

    def __init__(self, path: Path, limits: tuple[float, float]) -> None:
        self.path, self.limits = path, limits
        self._temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, left: np.ndarray, disparity: np.ndarray) -> None:
        """One frame: uint8 H×W×3 RGB, and float32 H×W px whose non-finite values are drawn grey.

        Raises:
            UserError: the film cannot be written.
            ValueError: the frame has another size than the first.
        """
        frame = cv2.cvtColor(np.concatenate((left, colour_map(disparity, self.limits))), cv2.COLOR_RGB2BGR)
        size = (frame.shape[1], frame.shape[0])
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = size
            self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*_CODEC), _RATE, size)
            if not self._writer.isOpened():
                raise UserError(self.path, None, "OpenCV cannot write this film", "give another folder")
        if size != self._size:
            raise ValueError(f"a frame of {left.shape[1]}x{left.shape[0]} px in a film of another size")
        self._writer.write(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
            self._temporary.replace(self.path)
