"""Video files: one for each view, or one with the views side by side."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.images import as_rgb, check_one_size
from stereo_exp.geometry.pair import StereoSample

# What every kind of input hands out.


class Frames(Protocol):
    """Pairs in order."""

    is_sequence: bool
    """Whether one pair follows another in time, as a video's do."""

    def __len__(self) -> int:
        """How many pairs there are; 0 where nobody knows (cameras, some videos)."""
        ...

    def __iter__(self) -> Iterator[StereoSample]:
        """The pairs, without truth.

        Raises:
            UserError: a file is damaged, the views differ in size, or a device stops.
        """
        ...


def pair_of(key: str, left: np.ndarray, right: np.ndarray, right_name: object) -> StereoSample:
    """A pair of one size.

    Raises:
        UserError: the views differ in size.
    """
    check_one_size(left, right, right_name)
    return StereoSample(key, left, right)


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
            capture = _open_video(path)
            counts.append(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            capture.release()
        self._count = max(min(counts), 0)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[StereoSample]:
        captures = [_open_video(path) for path in self.paths]
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


def _open_video(path: Path) -> cv2.VideoCapture:
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


# Two cameras by their numbers.


class CameraFrames:
    """Live pairs, without end; both cameras are triggered before either picture is fetched.

    Raises:
        UserError: a camera cannot be opened.
    """

    is_sequence = True

    def __init__(self, left: int, right: int) -> None:
        self._captures = [_open_camera(number, name) for number, name in ((left, "left"), (right, "right"))]

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[StereoSample]:
        try:
            index = 0
            # A list, so that both are triggered before either fails.
            while all([capture.grab() for capture in self._captures]):  # noqa: C419
                frames = [capture.retrieve() for capture in self._captures]
                if not all(found for found, _ in frames):
                    break
                left, right = (cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for _, frame in frames)
                yield pair_of(f"{index:06d}", left, right, "camera")
                index += 1
        finally:
            for capture in self._captures:
                capture.release()


def _open_camera(number: int, argument: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise ArgumentError(argument, number, "is no camera that can be opened", "list them with: ls /dev/video*")
    return capture


# What a name stands for, told without opening it.


VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"))
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"))


def kind_of(view: str) -> str:
    """`camera` for a number, `video` by the file's ending, else `image or folder`."""
    if view.isdecimal() and not Path(view).exists():
        return "camera"
    if Path(view).suffix.lower() in VIDEO_SUFFIXES and not Path(view).is_dir():
        return "video"
    return "image or folder"


# Image files: one pair, or the pairs of two folders or patterns.


class FileFrames:
    """Pairs of files in order.

    Args:
        left, right: as many files each.

    Raises:
        UserError: the numbers differ, or folders hold images of different names in the same place.
    """

    def __init__(self, left: Sequence[Path], right: Sequence[Path]) -> None:
        if len(left) != len(right):
            lonely = sorted({p.stem for p in left} ^ {p.stem for p in right})
            example = f", e.g. {lonely[0]}" if lonely else ""
            raise ArgumentError(
                "right",
                f"{len(right)} images",
                f"there are {len(left)} left images{example}",
                "each left image needs its right one",
            )
        self.pairs = list(zip(left, right, strict=True))
        self.is_sequence = len(self.pairs) > 1

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[StereoSample]:
        # Views from two folders go by their own names, `left.png` in a folder for each pair by the folder's.
        names = [left.stem for left, _ in self.pairs]
        if len(set(names)) < len(names):
            names = [f"{left.parent.name}_{left.stem}" for left, _ in self.pairs]
        if len(set(names)) < len(names):
            names = [f"{i:06d}" for i in range(len(names))]
        for name, (left, right) in zip(names, self.pairs, strict=True):
            yield pair_of(name, as_rgb(left, "left"), as_rgb(right, "right"), right)


def list_views(place: str, argument: str) -> list[Path]:
    """The images that a path, a folder or a pattern means, sorted by name; `argument` names it in errors.

    Raises:
        UserError: there are none.
    """
    path = Path(place)
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    elif path.exists() or not glob.has_magic(place):
        return [path]
    else:
        found = [Path(name) for name in glob.glob(place, recursive=True)]  # noqa: PTH207 (a whole pattern, absolute or not)
    if not found:
        raise ArgumentError(argument, place, "holds no images", "give an image, or a folder or pattern that has some")
    return sorted(found)


# From what the user names to pairs.


def open_frames(left: str, right: str | None) -> Frames:
    """The pairs of what two names stand for.

    Args:
        left: an image, a folder or pattern of images, a video, or the number of a camera.
        right: the same kind of thing for the right view. None: `left` is a video whose frames hold both views side
            by side.

    Raises:
        UserError: the two are not of one kind, there is nothing there, or the numbers of images differ.
    """
    kinds = [kind_of(view) for view in (left, right) if view is not None]
    if len(set(kinds)) > 1:
        raise ArgumentError("right", right, f"is a {kinds[1]}, {{left}} a {kinds[0]}", "give two of one kind")
    if right is None and kinds[0] != "video":
        raise ArgumentError("right", "None", "both views are needed", "add {right}=FILE")
    if kinds[0] == "camera":
        return CameraFrames(int(left), int(str(right)))
    if kinds[0] == "video":
        return VideoFrames(Path(left), None if right is None else Path(right))
    return FileFrames(list_views(left, "left"), list_views(str(right), "right"))
