"""Pairs of images as the compiled forms take them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.pictures import PairReader

Image = str | Path | np.ndarray | Any
"""A file; uint8 H×W×3 RGB, H×W×1 or H×W grey; or a uint8 tensor 3×H×W, 1×H×W or H×W."""


def is_array(image: Image) -> bool:
    """Whether it is pixels already, not a file."""
    return not isinstance(image, (str, Path))


def as_arrays(image: Image, argument: str) -> np.ndarray:
    """A file as uint8 H×W×3 RGB, an array as it is, a tensor with its channels behind; a batch keeps its first axis.

    Raises:
        UserError: the file is missing or damaged, or it is none of these; `argument` names it.
    """
    if not is_array(image):
        return as_rgb(image, argument)
    if isinstance(image, np.ndarray):
        return image
    detach = getattr(image, "detach", None)
    if detach is None:
        rule = "must be a file, an array or a tensor"
        raise ArgumentError(argument, type(image).__name__, rule, "give {left} and {right}, or frames alone")
    # torch puts the channels ahead of height and width; nothing of it is imported for that.
    array: np.ndarray = detach().cpu().numpy()
    return np.moveaxis(array, -3, -1) if array.ndim > 2 else array


def as_pair(left: Image, right: Image, right_name: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Both views as uint8 H×W×3 RGB; `right_name` is the right one's file where it has been read already.

    Raises:
        UserError: a file is missing or damaged, an array is of another type or shape, or the views differ in size.
    """
    if isinstance(left, str | Path) and isinstance(right, str | Path):
        views = PairReader()(Path(left), Path(right))
    else:
        views = as_rgb(left, "left"), as_rgb(right, "right")
    check_one_size(*views, right_name if is_array(right) else right)
    return views


def check_one_size(left: np.ndarray, right: np.ndarray, name: object = None) -> None:
    """Refuse views H×W×3 that differ in size.

    Args:
        name: the file or device that the right one came from; None: an array.

    Raises:
        UserError: they differ.
    """
    if left.shape[:2] != right.shape[:2]:
        found, wanted = (f"{view.shape[1]}x{view.shape[0]}" for view in (right, left))
        raise ArgumentError(
            "right",
            found if name is None else f"{name} ({found})",
            f"must be as large as the left image, {wanted}",
            "give the two views of one rectified pair",
        )


def as_rgb(image: Image, argument: str) -> np.ndarray:
    """One view as uint8 H×W×3 RGB, contiguous; `argument` names it in errors.

    Raises:
        UserError: the file is missing or damaged, or the array is of another type or shape.
    """
    if not isinstance(image, np.ndarray):
        try:
            return read_rgb(Path(image))
        except DataError as error:
            # No data set, from which the file could be restored or left out.
            raise ArgumentError(argument, image, error.rule, "give a PNG, PPM or JPEG file") from None
    is_colour = image.ndim == 3 and image.shape[2] == 3
    is_grey = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    if image.dtype != np.uint8 or not (is_colour or is_grey) or image.size == 0:
        raise ArgumentError(
            argument,
            f"{image.dtype} {'×'.join(map(str, image.shape))}",
            "must be uint8 H×W×3 in RGB order, or H×W grey",
            "convert it, e.g. with cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        )
    if is_grey:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image)


def pad_edges(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image with its last row and its last column repeated up to `size`, at the bottom and the right.

    Every view that a network sees is padded so: in batches, compiled models, tiles, exports. A border of zeros would be
    an edge that the scene does not have.

    Args:
        image: H×W×C, at least one pixel, no larger than `size`.
        size: (height, width).
    """
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    out = np.empty((*size, image.shape[2]), image.dtype)
    out[:height, :width] = image
    out[:height, width:] = image[:, -1:]
    out[height:] = out[height - 1]
    return out


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image at (height, width).

    Views, H×W×C, are averaged over areas where they shrink and bicubic where they grow, which keeps their detail; maps,
    H×W, are bilinear, for a bicubic one overshoots at every edge.
    """
    if image.ndim == 2:
        method = cv2.INTER_LINEAR
    else:
        method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (size[1], size[0]), interpolation=method)


# Geometry that both views and the truth go through together: crop and pad, on numpy.


UNKNOWN = -1.0
"""Disparity of padding; masked everywhere, as 0 is."""


def round_up_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The smallest (height, width) that holds `size` and is a multiple of `multiple` both ways."""
    height, width = size
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def pad_to(sample: StereoSample, size: tuple[int, int]) -> StereoSample:
    """Pad at the bottom and the right to at least `size`: images as `pad_edges`, truth with -1, `noc` with false."""
    height, width = (max(pair) for pair in zip(size, sample.size, strict=True))
    bottom, right = height - sample.size[0], width - sample.size[1]
    if not bottom and not right:
        return sample

    def extend(values: np.ndarray, fill: float) -> np.ndarray:
        return np.pad(values, ((0, bottom), (0, right)), constant_values=fill)

    return replace(
        sample,
        left=pad_edges(sample.left, (height, width)),
        right=pad_edges(sample.right, (height, width)),
        disparity=None if sample.disparity is None else extend(sample.disparity, UNKNOWN),
        noc=None if sample.noc is None else extend(sample.noc, False),
    )


def crop_window(size: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator) -> tuple[slice, slice]:
    """A window of crop height × width at a place drawn uniformly from those inside an image of `size`."""
    top, left = (int(rng.integers(0, have - want + 1)) for have, want in zip(size, crop, strict=True))
    return slice(top, top + crop[0]), slice(left, left + crop[1])


def random_crop(sample: StereoSample, crop: tuple[int, int], rng: np.random.Generator) -> StereoSample:
    """Cut the same window out of both views and the truth; a smaller image is padded to the crop first.

    The window is the same in both views, so that disparity stays what it was.
    """
    sample = pad_to(sample, crop)
    window = crop_window(sample.size, crop, rng)
    return replace(
        sample,
        left=sample.left[window],
        right=sample.right[window],
        disparity=None if sample.disparity is None else sample.disparity[window],
        noc=None if sample.noc is None else sample.noc[window],
    )
