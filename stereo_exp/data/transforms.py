"""Geometry that both views and the truth go through together: crop and pad, on numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stereo_exp.data.sample import StereoSample

STRIDE = 32
"""The network halves its input five times."""
UNKNOWN = -1.0
"""Disparity of padding; masked everywhere, as 0 is."""


def padded_size(size: tuple[int, int], stride: int = STRIDE) -> tuple[int, int]:
    """The smallest (height, width) that holds `size` and is a multiple of `stride` both ways."""
    height, width = size
    return -(-height // stride) * stride, -(-width // stride) * stride


def pad_to(sample: StereoSample, size: tuple[int, int]) -> StereoSample:
    """Pad at the bottom and the right to at least `size`: images with 0, truth with -1, `noc` with false."""
    bottom, right = (max(0, wanted - found) for wanted, found in zip(size, sample.size, strict=True))
    if not bottom and not right:
        return sample

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        edges = ((0, bottom), (0, right)) + ((0, 0),) * (values.ndim - 2)
        return np.pad(values, edges, constant_values=fill)

    return replace(
        sample,
        left=padded(sample.left, 0),
        right=padded(sample.right, 0),
        disparity=None if sample.disparity is None else padded(sample.disparity, UNKNOWN),
        noc=None if sample.noc is None else padded(sample.noc, False),
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
