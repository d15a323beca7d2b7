"""Films: one for each view, or one with both views beside or above each other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.calibration import Cameras
from stereo_exp.geometry.frames.base import LeftOut, Stamped, find_tolerance, match_times, pair_of
from stereo_exp.geometry.pair import StereoSample

log = logging.getLogger(__name__)
LAYOUTS = ("auto", "side", "top")
"""How one picture holds both views: the left one to the left, or above."""
_SIDE_FROM, _TOP_BELOW = 2.0, 1.1
"""Width by height: from here on two views stand side by side, below this one above the other; between, it is looked."""
_SAME_RATE = 0.005
_THUMB = 64


class FilmFrames:
    """Frames of two films, or the halves of one's.

    Films of one rate go frame by frame; those of two rates, and films whose frames come at uneven times, go by time.

    Args:
        left: the left view's film, or the one with both.
        right: the right view's; None: every frame of `left` holds both views.
        layout: of one film: `side`, `top`, or `auto`, by its shape and what is in it.

    Raises:
        DataError: a file cannot be opened as a video.
    """

    is_sequence = True
    is_live = False
    cameras: Cameras | None = None

    def __init__(self, left: Path, right: Path | None, layout: str = "auto") -> None:
        self.paths = [left] if right is None else [left, right]
        self.left_out = LeftOut()
        self.layout = check_layout(layout)
        facts = []
        for path in self.paths:
            capture = open_film(path)
            facts.append((int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), float(capture.get(cv2.CAP_PROP_FPS))))
            capture.release()
        self._count = max(min(count for count, _ in facts), 0)
        rates = [rate for _, rate in facts]
        self.rate = rates[0] if np.isfinite(rates[0]) and 0 < rates[0] < 1000 else None
        self._rates = rates
        self.is_even = len(rates) == 1 or abs(rates[0] - rates[1]) <= _SAME_RATE * rates[0]

    def __len__(self) -> int:
        return self._count if self.is_even else 0

    def __iter__(self) -> Iterator[StereoSample]:
        self.left_out = LeftOut()
        captures = [open_film(path) for path in self.paths]
        try:
            index = -1
            for index, (time, left, right) in enumerate(self._views(captures)):
                yield pair_of(f"{index:06d}", left, right, self.paths[-1], time)
            if index < 0:
                raise DataError(self.paths[0], None, "holds no frame that can be decoded", "give another video")
        finally:
            for capture in captures:
                capture.release()

    def _views(self, captures: list[cv2.VideoCapture]) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        streams = [_frames_of(capture, rate) for capture, rate in zip(captures, self._rates, strict=True)]
        if len(streams) == 1:
            split = Splitter(self.layout, self.paths[0])
            for each in streams[0]:
                yield each.time, *split(each.item)
            return
        tolerance = 0.5 / self._rates[0] if self._rates[0] > 0 else 0.5
        if not self.is_even:
            told = "%s has %g frames a second, %s has %g: paired by time"
            log.info(told, self.paths[0], self._rates[0], self.paths[1], self._rates[1])
            tolerance = find_tolerance(*([0.0, 1 / rate] for rate in self._rates))
        for first, second in match_times(streams[0], streams[1], tolerance, self.left_out):
            yield first.time, first.item, second.item


def _frames_of(capture: cv2.VideoCapture, rate: float) -> Iterator[Stamped[np.ndarray]]:
    """Frames in RGB; their times are those of an even rate, from 0 on."""
    index = 0
    while (frame := read_frame(capture)) is not None:
        yield Stamped(index / rate if rate > 0 else float(index), frame)
        index += 1


class Splitter:
    """Cuts pictures that hold both views; what `auto` found in the first holds for the rest.

    Args:
        layout: of `LAYOUTS`.
        source: what the pictures come from, for the log.
    """

    def __init__(self, layout: str, source: object) -> None:
        self.layout, self.source = layout, source

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Left and right view, contiguous."""
        if self.layout == "auto":
            self.layout = find_layout(image)
            how = {"side": "side by side", "top": "the left one above the right one"}[self.layout]
            told = "%s: %dx%d px hold both views, %s; layout=side or top says otherwise"
            log.info(told, self.source, image.shape[1], image.shape[0], how)
        height, width = image.shape[0] // 2, image.shape[1] // 2
        if self.layout == "top":
            return np.ascontiguousarray(image[:height]), np.ascontiguousarray(image[height : 2 * height])
        return np.ascontiguousarray(image[:, :width]), np.ascontiguousarray(image[:, width : 2 * width])


def find_layout(image: np.ndarray) -> str:
    """`side` or `top`: by the shape of the picture, and where that does not tell by which halves look more alike."""
    height, width = image.shape[:2]
    if width >= _SIDE_FROM * height:
        return "side"
    if width < _TOP_BELOW * height:
        return "top"
    middle, centre = height // 2, width // 2
    beside = _likeness(image[:, :centre], image[:, centre : 2 * centre])
    above = _likeness(image[:middle], image[middle : 2 * middle])
    return "top" if above > beside else "side"


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two halves, much reduced."""
    size = (_THUMB, _THUMB)
    a, b = (cv2.resize(half, size, interpolation=cv2.INTER_AREA).astype(np.float64) for half in (first, second))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))


def check_layout(layout: str) -> str:
    """A layout that there is.

    Raises:
        ArgumentError: there is none of that name.
    """
    if layout not in LAYOUTS:
        raise ArgumentError("layout", layout, f"must be one of {', '.join(LAYOUTS)}", "try {layout}=auto")
    return layout


def open_film(path: Path) -> cv2.VideoCapture:
    """A film to read.

    Raises:
        DataError: it is not there, or OpenCV reads none of it.
    """
    if not path.is_file():
        raise DataError(path, None, "there is no such file", "give a video, an image, a folder or a camera's number")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise DataError(path, None, "cannot be read as a video", "convert it to mp4 or avi")
    return capture


def read_frame(capture: Any) -> np.ndarray | None:
    """The next frame in RGB; None at the end."""
    found, frame = capture.read()
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if found else None
