"""Pairs of images as the compiled forms take them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stereo_exp.data.formats.image import read_rgb
from stereo_exp.errors import DataError, UserError

Image = str | Path | np.ndarray
"""A file, or uint8 H×W×3 RGB, H×W×1 or H×W grey."""


def as_pair(left: Image, right: Image) -> tuple[np.ndarray, np.ndarray]:
    """Both views as uint8 H×W×3 RGB.

    Raises:
        UserError: a file is missing or damaged, an array is of another type or shape, or the views differ in size.
    """
    views = as_rgb(left, "left"), as_rgb(right, "right")
    check_one_size(*views, "right", None if isinstance(right, np.ndarray) else right)
    return views


def check_one_size(left: np.ndarray, right: np.ndarray, key: str, name: object = None) -> None:
    """Refuse views H×W×3 that differ in size.

    Args:
        key: what the user set the right view by.
        name: the file or device that it came from; None: an array.

    Raises:
        UserError: they differ.
    """
    if left.shape[:2] != right.shape[:2]:
        found, wanted = (f"{view.shape[1]}x{view.shape[0]}" for view in (right, left))
        raise UserError(
            key,
            found if name is None else f"{name} ({found})",
            f"must be as large as the left image, {wanted}",
            "give the two views of one rectified pair",
        )


def as_rgb(image: Image, key: str) -> np.ndarray:
    """One view as uint8 H×W×3 RGB, contiguous; `key` names it in errors.

    Raises:
        UserError: the file is missing or damaged, or the array is of another type or shape.
    """
    if not isinstance(image, np.ndarray):
        try:
            return read_rgb(Path(image))
        except DataError as error:
            # No data set, from which the file could be restored or left out.
            raise UserError(key, image, error.rule, "give a PNG, PPM or JPEG file") from None
    is_colour = image.ndim == 3 and image.shape[2] == 3
    is_grey = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    if image.dtype != np.uint8 or not (is_colour or is_grey) or image.size == 0:
        raise UserError(
            key,
            f"{image.dtype} {'×'.join(map(str, image.shape))}",
            "must be uint8 H×W×3 in RGB order, or H×W grey",
            "convert it, e.g. with cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        )
    if is_grey:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image)


def padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Zeros at the bottom and the right up to `size`, as training's evaluation pads (`stereo_exp.data.batch`)."""
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    out = np.zeros((*size, image.shape[2]), image.dtype)
    out[:height, :width] = image
    return out


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image at (height, width).

    Views, H×W×C, are averaged over areas where they shrink and bicubic where they grow, which keeps their detail; maps,
    H×W, are bilinear, for a bicubic one overshoots at every edge.
    """
    if image.ndim == 2:
        method = cv2.INTER_LINEAR
    else:
        method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (size[1], size[0]), interpolation=method)
