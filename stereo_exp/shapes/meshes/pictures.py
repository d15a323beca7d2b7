"""Pictures from outside, to paint surfaces with: a folder of them, of which each scene takes squares.

A picture is kept at most 1,024 px on its longer side and slightly blurred, as paint that is sharp to the pixel looks
different in two views. What cannot be read, or is too small to show anything, is skipped and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry import read_rgb

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm")
_LEAST, _MOST = 32, 1024  # px: the shorter side of what is taken, the longer one of what is kept
_CROPS = (0.4, 1.0)  # of the shorter side


class Album(NamedTuple):
    """What a folder holds: pictures that can be read, and (file, reason) of those that cannot."""

    pictures: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def find_pictures(folder: Path | str, progress: Callable[[int, int], None] | None = None) -> Album:
    """Read every picture below a folder once.

    Args:
        folder: searched with its folders, in the order of names.
        progress: called with (pictures read, pictures in all).

    Raises:
        ArgumentError: there is no such folder, or no picture in it can be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArgumentError("folder", folder, "is not a folder", "name a folder with pictures")
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file()]
    good, skipped = [], []
    for number, path in enumerate(found):
        try:
            read_picture(str(path))
        except ValueError as error:
            skipped.append((str(path), str(error)))
        else:
            good.append(str(path))
        if progress is not None:
            progress(number + 1, len(found))
    if not good:
        rule = f"holds no picture that can be read ({', '.join(ENDINGS)}; {len(skipped)} skipped)"
        raise ArgumentError("folder", folder, rule, "name another folder")
    return Album(tuple(good), tuple(skipped))


@lru_cache(maxsize=64)
def read_picture(path: str) -> np.ndarray:
    """A picture: uint8 h×w×3 RGB. Do not write into it.

    Raises:
        ValueError: it cannot be read, or is smaller than 32 px.
    """
    try:
        picture = read_rgb(Path(path))
    except DataError as error:
        raise ValueError(error.rule) from None
    if min(picture.shape[:2]) < _LEAST:
        raise ValueError(f"is {picture.shape[1]}x{picture.shape[0]} px; {_LEAST} are the least")
    shrink = _MOST / max(picture.shape[:2])
    if shrink < 1:
        size = [max(round(side * shrink), 1) for side in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.7)
    blurred.flags.writeable = False
    return blurred


def sample_square(rng: np.random.Generator, pictures: Sequence[str], side: int) -> np.ndarray:
    """A square of one of the pictures, now and then mirrored: uint8 side×side×3."""
    picture = read_picture(pictures[int(rng.integers(len(pictures)))])
    height, width = picture.shape[:2]
    least = min(height, width)
    size = min(max(round(least * rng.uniform(*_CROPS)), _LEAST), least)
    top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    square = picture[top : top + size, left : left + size]
    if rng.random() < 0.5:
        square = square[:, ::-1]
    interpolation = cv2.INTER_AREA if size > side else cv2.INTER_LINEAR
    tile: np.ndarray = cv2.resize(square, (side, side), interpolation=interpolation)
    return tile
