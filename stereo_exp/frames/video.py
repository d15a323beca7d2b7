"""Video files: one for each view, or one with the views side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.data.sample import StereoSample
from stereo_exp.errors import DataError
from stereo_exp.frames.frame import pair_of


class VideoFrames:
    """Frames of two videos, or the halves of one's.

    Args:
        left: the left view's video, or the one with both.
        right: the right view's; None: every frame of `left` holds the left view in its left half.

    Raises:
        DataError: a file cannot be opened as a video.
    """

    is_sequence = True

    def __init__(self, left: Path, right: Path | None) -> None:
        self.paths = [left] if right is None else [left, right]
        counts = []
        for path in self.paths:
            capture = _opened(path)
            counts.append(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            capture.release()
        self._count = max(min(counts), 0)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[StereoSample]:
        captures = [_opened(path) for path in self.paths]
        try:
            index = 0
            while True:
                frames = [_next(capture) for capture in captures]
                if any(frame is None for frame in frames):
                    break
                images = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames if frame is not None]
                left, right = images if len(images) == 2 else _halves(images[0])
                yield pair_of(f"{index:06d}", left, right, self.paths[-1])
                index += 1
            if index == 0:
                raise DataError(self.paths[0], None, "holds no frame that can be decoded", "give another video")
        finally:
            for capture in captures:
                capture.release()


def _opened(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise DataError(path, None, "there is no such file", "give a video, an image, a folder or a camera's number")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise DataError(path, None, "cannot be read as a video", "convert it to mp4 or avi")
    return capture


def _next(capture: cv2.VideoCapture) -> np.ndarray | None:
    found, frame = capture.read()
    return frame if found else None


def _halves(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = image.shape[1] // 2
    return np.ascontiguousarray(image[:, :half]), np.ascontiguousarray(image[:, half : 2 * half])
