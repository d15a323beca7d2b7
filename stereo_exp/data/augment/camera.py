"""A camera's own faults: how it is mounted, its lens, its exposure and its sensor. The truth stays as it is.

Rendered pairs are stored clean; what cameras do to them is drawn when a pair is read. The augmentations stand in the
order in which light meets the faults, and `augment=camera` lists them so, with `noise` ahead of `bayer`: what is added
to all three channels is then seen through the mosaic, as a sensor's noise is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from stereo_exp.data.augment.base import check_order, check_ranges, check_whole, draw_rectangles
from stereo_exp.geometry import StereoSample

# The mount, and what stands before one camera only.


@dataclass(frozen=True)
class VerticalField:
    """The right view's rows are not quite the left's: its content moves up or down by a smooth field.

    The field is drawn at 4×5 points over the view and cubic in between, within ± strength · `shift`, the strength drawn
    from 0 to 1. A match still lies d columns to the left, up to `shift` rows off: the truth stays.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    shift: float = 1.0
    """Largest move up or down in px, 0 to 16."""
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, shift=(0, 16), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        (chosen, strength), points = rng.random(2), 2 * rng.random(_FIELD_POINTS) - 1
        if chosen >= self.probability:
            return sample
        height, width = sample.size
        field = cv2.resize(points.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        field = np.clip(field, -1, 1) * np.float32(strength * self.shift)
        columns = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
        # OpenCV asks where a pixel comes from: one row up for content that moves down.
        rows = np.arange(height, dtype=np.float32)[:, None] - field
        right = cv2.remap(sample.right, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return replace(sample, right=right)


_FIELD_POINTS = (4, 5)


@dataclass(frozen=True)
class Patches:
    """Rectangles of the right view show another part of the right view.

    They stand in for what one camera sees alone: reflections, things close by, dirt. The network has to fill in from
    context, as with `erase`, but cannot tell the rectangle by its bareness. After HITNet (Tankovich et al., CVPR 2021).

    Raises:
        UserError: an argument out of its range, a fraction, or size_min above size_max.
    """

    before_crop: ClassVar[bool] = False
    count_max: float = 2
    """Most rectangles, whole, 1 to 100; there is at least one."""
    size_min: float = 40
    """Shortest side of a rectangle, whole px, 1 to 10000."""
    size_max: float = 120
    """Longest side, whole px, 1 to 10000; drawn uniformly between the two, cut off at the image's edge."""
    probability: float = 0.3
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, count_max=(1, 100), size_min=(1, 10_000), size_max=(1, 10_000), probability=(0, 1))
        check_whole(self, "count_max", "size_min", "size_max")
        check_order(self, "size_min", "size_max")

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        (height, width), right = sample.size, sample.right.copy()
        rectangles = draw_rectangles(rng, sample.size, self.count_max, self.size_min, self.size_max)
        for y, x, rows, columns in rectangles:
            from_y, from_x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
            right[y : y + rows, x : x + columns] = sample.right[from_y : from_y + rows, from_x : from_x + columns]
        return replace(sample, right=right)


# The lens.


@dataclass(frozen=True)
class Vignette:
    """Less light away from the lens's axis: v becomes v · (1 − s · r²).

    r is the distance from the axis over that of the corner furthest from it. The axis lies in the middle half of the
    view, which is a crop; it and s are drawn apart for the two views.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    strength: float = 0.4
    """Largest s, 0 to 1: the share of the light that the darkest corner loses."""
    probability: float = 0.4
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, 1), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen, strength, y, x = rng.random(4)
        if chosen >= self.probability:
            return image
        height, width = image.shape[:2]
        rows = np.arange(height, dtype=np.float32) - np.float32((0.25 + 0.5 * y) * (height - 1))
        columns = np.arange(width, dtype=np.float32) - np.float32((0.25 + 0.5 * x) * (width - 1))
        scale = np.float32(strength * self.strength / ((rows**2).max() + (columns**2).max()))
        light = (1 - scale * rows**2)[:, None] - scale * columns**2
        return cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)


@dataclass(frozen=True)
class Defocus:
    """A lens out of focus: every point becomes a disc, its radius drawn apart for the two views.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    radius: float = 2.0
    """Largest radius of the disc in px, 0 to 16."""
    probability: float = 0.3
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, radius=(0, 16), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen, radius = rng.random(2)
        if chosen >= self.probability:
            return image
        return _filtered(image, _disc(radius * self.radius))


@dataclass(frozen=True)
class MotionBlur:
    """A rig that moves while it exposes: every point becomes a straight line, the same in both views.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    length: float = 6.0
    """Longest line in px, 0 to 64; its direction is any."""
    probability: float = 0.2
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, length=(0, 64), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        chosen, length, angle = rng.random(3)
        if chosen >= self.probability:
            return sample
        line = _line(length * self.length, math.pi * angle)
        return replace(sample, left=_filtered(sample.left, line), right=_filtered(sample.right, line))


def _filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _disc(radius: float) -> np.ndarray:
    """A disc's shares of the pixels around its centre, float32, odd sides, sum 1."""
    half = max(math.ceil(radius + 0.5) - 1, 0)
    away = np.arange(-half, half + 1)
    shares = np.clip(radius + 0.5 - np.hypot(away[:, None], away), 0, 1)
    return _shares(shares)


def _line(length: float, angle: float) -> np.ndarray:
    """A line's shares of the pixels around its middle, odd sides, sum 1; `angle` in radians from the x axis."""
    half = math.ceil(length / 2)
    along = np.linspace(-length / 2, length / 2, 8 * half + 1)[:, None]
    away = np.arange(-half, half + 1)
    columns = np.maximum(1 - np.abs(along * math.cos(angle) - away), 0)
    rows = np.maximum(1 - np.abs(along * math.sin(angle) - away), 0)
    return _shares(rows.T @ columns)


def _shares(weights: np.ndarray) -> np.ndarray:
    found: np.ndarray = (weights / weights.sum()).astype(np.float32)
    return found


# The exposure and the sensor.


@dataclass(frozen=True)
class Exposure:
    """Exposure and white balance: too dark, too bright, and not the same in both views.

    v in [0, 1] becomes clip(v · 2^((e + a + w) / 2.2)): stops of light on values that gamma 2.2 has coded, with e from
    ± `common` for the pair, a from ± `apart` for each view, and w from ± `balance` for each channel of each view. What
    is too bright is cut off.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    common: float = 1.0
    """Half-range of what both views have in common, stops, 0 to 8."""
    apart: float = 0.4
    """Half-range of what each view has by itself, stops, 0 to 8."""
    balance: float = 0.3
    """Half-range of each channel's of each view, stops, 0 to 8."""
    probability: float = 0.8
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, common=(0, 8), apart=(0, 8), balance=(0, 8), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        (chosen, common), apart, balance = rng.random(2), rng.random((2, 1)), rng.random((2, 3))
        if chosen >= self.probability:
            return sample
        half_ranges = ((self.common, common), (self.apart, apart), (self.balance, balance))
        stops = sum(half * (2 * drawn - 1) for half, drawn in half_ranges)
        tables = np.minimum(np.arange(256)[:, None] * np.exp2(np.asarray(stops)[:, None] / 2.2), 255)
        left, right = tables.round().astype(np.uint8)
        return replace(sample, left=cv2.LUT(sample.left, left[None]), right=cv2.LUT(sample.right, right[None]))


@dataclass(frozen=True)
class Bayer:
    """One colour a pixel, the others interpolated, then sharpened: v becomes v + a · (v − smoothed v).

    A pair's cameras are of one make: whether they interpolate along edges and a are drawn for both, where the mosaic
    begins for each view.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    sharpen: float = 1.0
    """Largest a, 0 to 10; what is smoothed is so by a Gaussian of 1 px."""
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, sharpen=(0, 10), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        (chosen, amount), along_edges, starts = rng.random(2), int(rng.integers(0, 2)), rng.integers(0, 2, (2, 2))
        if chosen >= self.probability:
            return sample
        left, right = (
            _sharpened(_demosaiced(view, (int(y), int(x)), along_edges), amount * self.sharpen)
            for view, (y, x) in zip((sample.left, sample.right), starts, strict=True)
        )
        return replace(sample, left=left, right=right)


# By the row and the column of the first red pixel: interpolated on all sides alike, or along edges.
_DEMOSAIC = {
    (0, 0): (cv2.COLOR_BayerRGGB2RGB, cv2.COLOR_BayerRGGB2RGB_EA),
    (0, 1): (cv2.COLOR_BayerGRBG2RGB, cv2.COLOR_BayerGRBG2RGB_EA),
    (1, 0): (cv2.COLOR_BayerGBRG2RGB, cv2.COLOR_BayerGBRG2RGB_EA),
    (1, 1): (cv2.COLOR_BayerBGGR2RGB, cv2.COLOR_BayerBGGR2RGB_EA),
}
_MARGIN = 2  # OpenCV leaves the outermost pixels out


def _demosaiced(image: np.ndarray, start: tuple[int, int], along_edges: int) -> np.ndarray:
    """A view seen through a mosaic whose first red pixel is `start`, both 0 or 1."""
    (height, width), (y, x) = image.shape[:2], start
    # An even margin leaves the mosaic where it is; mirrored without its edge, the colours stay in step.
    seen = cv2.copyMakeBorder(image, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_REFLECT_101)
    mosaic = seen[..., 1].copy()
    mosaic[y::2, x::2] = seen[y::2, x::2, 0]
    mosaic[1 - y :: 2, 1 - x :: 2] = seen[1 - y :: 2, 1 - x :: 2, 2]
    found = cv2.cvtColor(mosaic, _DEMOSAIC[start][along_edges])
    return np.ascontiguousarray(found[_MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width])


def _sharpened(image: np.ndarray, amount: float) -> np.ndarray:
    return cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (5, 5), 1.0), -amount, 0)
