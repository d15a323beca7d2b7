"""A filter over time for still places: it takes the flicker and leaves what moves alone."""

from __future__ import annotations

import numpy as np

from stereo_exp.temporal.still import still_pixels


class TemporalFilter:
    """Exponential average over the frames, pixel by pixel, where neither image nor disparity moved.

    Where the left image changed, or the new disparity is far from the average, the new value counts alone: nothing
    drags behind a moving object. A change of size starts afresh.

    Args:
        weight: of the new frame in the average, above 0, at most 1; 1 filters nothing.
        change: mean difference over a small window up to which an image counts as unchanged, grey levels.
        jump: difference in px up to which a disparity counts as flicker.
    """

    def __init__(self, weight: float = 0.3, change: float = 6.0, jump: float = 2.0) -> None:
        self.weight, self.change, self.jump = weight, change, jump
        self._image: np.ndarray | None = None
        self._average: np.ndarray | None = None

    def __call__(self, image: np.ndarray, disparity: np.ndarray) -> np.ndarray:
        """The filtered disparity: float32 H×W px.

        Args:
            image: left view, uint8 H×W×3.
            disparity: float32 H×W px.
        """
        average = self._average
        if average is None or self._image is None or self._image.shape != image.shape:
            average = disparity.astype(np.float32)
        else:
            steady = still_pixels(self._image, image, self.change) & (np.abs(disparity - average) <= self.jump)
            average = np.where(steady, average + np.float32(self.weight) * (disparity - average), disparity)
        self._image, self._average = image, average
        return average
