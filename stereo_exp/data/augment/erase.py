"""Random erasing of the right view: what the left camera sees need not be seen by the right one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from stereo_exp.data.augment.rules import check_order, check_ranges, check_whole
from stereo_exp.data.sample import StereoSample


@dataclass(frozen=True)
class Erase:
    """Rectangles of the right view take its mean colour; the truth stays.

    It stands in for occlusion, reflections and dirt: the network has to fill in from context, as HSM
    (Yang et al., CVPR 2019) and RAFT-Stereo train it to.

    Args:
        count_max: 1 to this many rectangles, whole, 1 to 100.
        size_min, size_max: each side of a rectangle is drawn uniformly from these, whole px, 1 to 10000; what
            reaches over the image's edge is cut off.
        probability: share of the pairs that are changed, 0 to 1.

    Raises:
        UserError: an argument out of its range, a fraction, or size_min above size_max.
    """

    before_crop: ClassVar[bool] = False
    count_max: float = 2
    size_min: float = 50
    size_max: float = 100
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, "erase", count_max=(1, 100), size_min=(1, 10_000), size_max=(1, 10_000), probability=(0, 1))
        check_whole(self, "erase", "count_max", "size_min", "size_max")
        check_order(self, "erase", "size_min", "size_max")

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        height, width = sample.size
        right = sample.right.copy()
        mean = np.array(cv2.mean(right)[:3]).round().astype(np.uint8)
        for _ in range(int(rng.integers(1, int(self.count_max) + 1))):
            rows, columns = rng.integers(int(self.size_min), int(self.size_max) + 1, 2)
            y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
            right[y : y + rows, x : x + columns] = mean
        return replace(sample, right=right)
