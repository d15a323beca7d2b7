"""What a camera does to an image: exposure, colour, noise, compression. The truth stays as it is.

Everything is drawn apart for the two views: two cameras never see alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import ClassVar

import cv2
import numpy as np

from stereo_exp.data.augment.base import check_order, check_ranges, check_whole, draw_rectangles
from stereo_exp.geometry import StereoSample

_LEVELS = np.arange(256) / 255
_NOISE_BITS = 12


@dataclass(frozen=True)
class Photometric:
    """Brightness, contrast, gamma and white balance.

    v in [0, 1] becomes clip(((v ** g - 0.5) · c + 0.5 + b) · t), with b from ±brightness, c from 1 ± contrast,
    log g from ± log(1 + gamma), and t from 1 ± tint, one for each colour channel.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    brightness: float = 0.1
    """Half-range of what is added, 0 to 1 (the image's whole range)."""
    contrast: float = 0.2
    """Half-range of the factor about mid-grey, 0 to 0.99."""
    gamma: float = 0.2
    """Half-range of the exponent, 0 to 10."""
    tint: float = 0.0
    """Half-range of each colour channel's factor, 0 to 0.99."""
    probability: float = 0.8
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            brightness=(0, 1),
            contrast=(0, 0.99),
            gamma=(0, 10),
            tint=(0, 0.99),
            probability=(0, 1),
        )

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # Every view takes the same number of draws, changed or not, so that one view's luck does not shift the
        # next one's.
        chosen, b, c, g = rng.random(4)
        tint = 1 + self.tint * (2 * rng.random(3) - 1) if self.tint else np.ones(3)
        if chosen >= self.probability:
            return image
        values = _LEVELS ** ((1 + self.gamma) ** (2 * g - 1))
        values = (values - 0.5) * (1 + self.contrast * (2 * c - 1)) + 0.5 + self.brightness * (2 * b - 1)
        table = np.clip(values[:, None] * tint, 0, 1) * 255
        return cv2.LUT(image, table.round().astype(np.uint8)[None])


@dataclass(frozen=True)
class Statistics:
    """Mean and spread of every channel of every view, drawn anew about what they are.

    v in [0, 1] becomes clip((v − m) · s + m + b) with m the channel's mean, b normal with deviation `mean` and log s
    normal with deviation `spread`. After UgDA (uncertainty-guided augmentation of colour statistics, AAAI 2026), whose
    deviations are those of the batch; here they are fixed, so that a pair does not depend on its neighbours.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    mean: float = 0.1
    """Deviation of what is added to a channel, 0 to 1 (the image's whole range)."""
    spread: float = 0.3
    """Deviation of the logarithm of what a channel's contrast is multiplied by, 0 to 2."""
    probability: float = 0.5
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, mean=(0, 1), spread=(0, 2), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen, (shift, contrast) = rng.random(), rng.standard_normal((2, 3))
        if chosen >= self.probability:
            return image
        # Exact whole numbers, as numpy's mean has them, in a tenth of its time.
        mean = np.array(cv2.sumElems(image)[:3]) / image[..., 0].size / 255
        values = (_LEVELS[:, None] - mean) * np.exp(self.spread * contrast) + mean + self.mean * shift
        return cv2.LUT(image, (np.clip(values, 0, 1) * 255).round().astype(np.uint8)[None])


@dataclass(frozen=True)
class Noise:
    """Sensor noise, independent in every pixel and channel, of variance gaussian² + shot · v at the value v.

    Its strength is drawn for each view, up to the arguments.

    Raises:
        UserError: an argument out of its range.
    """

    before_crop: ClassVar[bool] = False
    gaussian: float = 4.0
    """Largest standard deviation of the part that every pixel has, in 8-bit steps, 0 to 255."""
    shot: float = 0.1
    """Largest variance for each unit of light, in 8-bit steps, 0 to 255: 0.1 gives 5 steps at white."""
    probability: float = 0.5
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, gaussian=(0, 255), shot=(0, 255), probability=(0, 1))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen, gaussian, shot = rng.random(3)
        if chosen >= self.probability:
            return image
        deviation = np.sqrt((gaussian * self.gaussian) ** 2 + shot * self.shot * np.arange(256)).astype(np.float32)
        # Four times faster than standard_normal: the sum is rounded to 8 bits anyway.
        noise = _normal_quantiles().take(rng.integers(0, 1 << _NOISE_BITS, image.shape, np.uint16))
        noise = cv2.multiply(noise, cv2.LUT(image, deviation), dst=noise)
        return cv2.add(image, noise, dtype=cv2.CV_8U)


@dataclass(frozen=True)
class Jpeg:
    """JPEG, there and back, each view at a quality of its own (with OpenCV's 4:2:0 colour).

    Raises:
        UserError: an argument out of its range, a fraction, or quality_min above quality_max.
    """

    before_crop: ClassVar[bool] = False
    quality_min: float = 50
    """Lowest quality, a whole number from 1 to 100."""
    quality_max: float = 95
    """Highest quality, a whole number from 1 to 100; drawn uniformly between the two."""
    probability: float = 0.5
    """Share of the views that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, quality_min=(1, 100), quality_max=(1, 100), probability=(0, 1))
        check_whole(self, "quality_min", "quality_max")
        check_order(self, "quality_min", "quality_max")

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen = rng.random()
        quality = int(rng.integers(int(self.quality_min), int(self.quality_max) + 1))
        if chosen >= self.probability:
            return image
        # OpenCV takes channels as blue, green, red; the codec weighs them, so that the order matters.
        encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert decoded is not None  # it was encoded a line ago
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


@cache
def _normal_quantiles() -> np.ndarray:
    """The normal distribution in 4096 equally likely steps, float32; it ends at ±3.7 standard deviations."""
    count = 1 << _NOISE_BITS
    inverse = NormalDist().inv_cdf
    return np.array([inverse((step + 0.5) / count) for step in range(count)], np.float32)


# Random erasing of the right view: what the left camera sees need not be seen by the right one.


@dataclass(frozen=True)
class Erase:
    """Rectangles of the right view take its mean colour; the truth stays.

    It stands in for occlusion, reflections and dirt: the network has to fill in from context, as HSM
    (Yang et al., CVPR 2019) and RAFT-Stereo train it to.

    Raises:
        UserError: an argument out of its range, a fraction, or size_min above size_max.
    """

    before_crop: ClassVar[bool] = False
    count_max: float = 2
    """Most rectangles, whole, 1 to 100; there is at least one."""
    size_min: float = 50
    """Shortest side of a rectangle, whole px, 1 to 10000."""
    size_max: float = 100
    """Longest side, whole px, 1 to 10000; drawn uniformly between the two, cut off at the image's edge."""
    probability: float = 0.5
    """Share of the pairs that are changed, 0 to 1."""

    def __post_init__(self) -> None:
        check_ranges(self, count_max=(1, 100), size_min=(1, 10_000), size_max=(1, 10_000), probability=(0, 1))
        check_whole(self, "count_max", "size_min", "size_max")
        check_order(self, "size_min", "size_max")

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        right = sample.right.copy()
        mean = np.array(cv2.mean(right)[:3]).round().astype(np.uint8)
        rectangles = draw_rectangles(rng, sample.size, self.count_max, self.size_min, self.size_max)
        for y, x, rows, columns in rectangles:
            right[y : y + rows, x : x + columns] = mean
        return replace(sample, right=right)
