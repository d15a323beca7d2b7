"""Where the pixels are: scale and stretch, both flips, and a right camera that is not quite level."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from stereo_exp.data.augment.base import check_order, check_ranges
from stereo_exp.geometry import Calibration, StereoSample, right_disparity

Size = tuple[int, int]


@dataclass(frozen=True)
class Scale:
    """Another size for the whole pair, and another aspect: disparity and calibration follow the width.

    Both sides are scaled by one factor, its logarithm drawn uniformly between scale_min and scale_max, and
    each side by one more, between 1 / stretch_max and stretch_max. Where a crop follows, no side shrinks below
    it: the crop would have to be padded.

    The depth formula needs the horizontal focal length only, so that it holds for a stretched pair too, with
    focal length and doffs in the new pixels.

    Raises:
        UserError: an argument out of its range, or scale_min above scale_max.
    """

    before_crop: ClassVar[bool] = True
    scale_min: float = 0.85
    """Smallest factor of both sides, 0.1 to 10."""
    scale_max: float = 1.35
    """Largest factor of both sides, 0.1 to 10."""
    stretch_max: float = 1.15
    """Largest factor of one side beside that, 1 to 4."""
    probability: float = 0.8
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, scale_min=(0.1, 10), scale_max=(0.1, 10), stretch_max=(1, 4), probability=(0, 1))
        check_order(self, "scale_min", "scale_max")

    def __call__(self, sample: StereoSample, rng: np.random.Generator, crop: Size | None = None) -> StereoSample:
        chosen, scale, *stretch = rng.random(4)
        if chosen >= self.probability:
            return sample
        common = self.scale_min * (self.scale_max / self.scale_min) ** scale
        sides = []
        for side, draw, wanted in zip(sample.size, stretch, crop or (1, 1), strict=True):
            scaled = round(side * common * self.stretch_max ** (2 * draw - 1))
            # A side that is smaller than the crop as it is may stay so.
            sides.append(max(scaled, min(side, wanted), 1))
        return resize_sample(sample, (sides[0], sides[1]))


@dataclass(frozen=True)
class HflipSwap:
    """Mirrors both views and swaps them: again a rectified pair whose disparity is positive.

    Its left image is the mirrored right one, for which most sets have no truth: it is derived from the left
    truth (see `right_disparity`), unknown where the left camera does not see. Ahead of the crop, since the
    match of a pixel near the crop's edge lies outside of it. Calibration stays: mirrored, the difference of the
    principal points changes its sign, and swapped, changes it back.

    Raises:
        UserError: the argument is out of its range.
    """

    before_crop: ClassVar[bool] = True
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator, crop: Size | None = None) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        truth = None if sample.disparity is None else right_disparity(sample.disparity, sample.noc)
        return replace(
            sample,
            left=_turned(sample.right, 1),
            right=_turned(sample.left, 1),
            disparity=None if truth is None else _turned(truth, 1),
            # What is known was carried over from the other view, so that both see it.
            noc=None if truth is None or sample.noc is None else _turned(truth > 0, 1),
        )


@dataclass(frozen=True)
class VerticalFlip:
    """Turns both views and the truth upside down, which leaves a rectified pair rectified.

    Raises:
        UserError: the argument is out of its range.
    """

    before_crop: ClassVar[bool] = False
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        return replace(
            sample,
            left=_turned(sample.left, 0),
            right=_turned(sample.right, 0),
            disparity=None if sample.disparity is None else _turned(sample.disparity, 0),
            noc=None if sample.noc is None else _turned(sample.noc, 0),
        )


@dataclass(frozen=True)
class VerticalJitter:
    """Slight mis-rectification: the right view is moved up or down by a fraction of a pixel and tilted.

    Content at (x, y) comes to y + s + (x − centre) · tan r. Of the rotation only this vertical part is applied:
    the horizontal one would move matches along their rows and make the truth, which stays, wrong. Bilinear; the
    image's edge is repeated.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    shift: float = 0.5
    """Largest move up or down in px, 0 to 16: s is drawn from ± this."""
    rotation: float = 0.0
    """Largest tilt in degrees, 0 to 5: r is drawn from ± this. 0.05 is 0.2 px at the sides of 512 columns."""
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, shift=(0, 16), rotation=(0, 5), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        chosen, shift, rotation = rng.random(3)
        if chosen >= self.probability:
            return sample
        height, width = sample.size
        slope = math.tan(math.radians(self.rotation * (2 * rotation - 1)))
        offset = self.shift * (2 * shift - 1) - slope * (width - 1) / 2
        right = cv2.warpAffine(
            sample.right,
            # OpenCV asks where a pixel comes from: one row up for content that moves down.
            np.array([[1, 0, 0], [-slope, 1, -offset]]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return replace(sample, right=right)


def resize_sample(sample: StereoSample, size: Size) -> StereoSample:
    """The pair at another height and width, px, both at least 1.

    Images are averaged where they shrink and interpolated where they grow. Truth and mask take the nearest
    pixel: a depth edge between two surfaces belongs to neither's mean. Disparity is multiplied by the ratio of
    the widths; unknown (0 or less) stays what it was.
    """
    ratio = size[1] / sample.size[1]
    disparity, noc, calibration = sample.disparity, sample.noc, sample.calibration
    if disparity is not None:
        disparity = _nearest(disparity, size)
        disparity = np.where(disparity > 0, disparity * np.float32(ratio), disparity)
    if calibration is not None:
        calibration = _resized_calibration(calibration, sample.size, size)
    return replace(
        sample,
        left=_resized_image(sample.left, size),
        right=_resized_image(sample.right, size),
        disparity=disparity,
        noc=None if noc is None else _nearest(noc, size),
        calibration=calibration,
    )


def _resized_calibration(calibration: Calibration, before: Size, after: Size) -> Calibration:
    high, wide = (new / old for new, old in zip(after, before, strict=True))
    centre = calibration.centre
    if centre is not None:
        # A pixel's middle, not its corner, has whole coordinates.
        centre = ((centre[0] + 0.5) * wide - 0.5, (centre[1] + 0.5) * high - 0.5)
    return Calibration(calibration.focal * wide, calibration.baseline, calibration.doffs * wide, centre)


def _resized_image(image: np.ndarray, size: Size) -> np.ndarray:
    # One side may shrink while the other grows; OpenCV averages only where both shrink.
    height, width = (min(have, want) for have, want in zip(image.shape, size, strict=False))
    if (height, width) != image.shape[:2]:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if (height, width) != size:
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    return image


def _nearest(values: np.ndarray, size: Size) -> np.ndarray:
    """H×W of any type at another size, each pixel from the one under its centre."""
    rows, columns = (
        ((2 * np.arange(want) + 1) * have) // (2 * want) for have, want in zip(values.shape, size, strict=True)
    )
    return values[rows].take(columns, axis=1)


def _turned(values: np.ndarray, axis: int) -> np.ndarray:
    # A copy: OpenCV and torch take no negative strides.
    return np.ascontiguousarray(np.flip(values, axis))
