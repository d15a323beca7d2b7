"""How much disparity changes between frames where the image does not: flicker, as a figure."""

from __future__ import annotations

import cv2
import numpy as np

# Where an image did not change from one frame to the next.


# A sensor's noise is no change: differences are averaged over a window first.
WINDOW = 5


def still_pixels(before: np.ndarray, now: np.ndarray, change: float) -> np.ndarray:
    """Pixels whose neighbourhood kept its colours.

    Args:
        before, now: uint8 H×W×3 of one camera.
        change: largest mean absolute difference over a 5×5 window and the channels, in grey levels of 0…255.

    Returns:
        bool H×W.
    """
    difference = cv2.absdiff(before, now).astype(np.float32).mean(axis=-1)
    still: np.ndarray = cv2.blur(difference, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT) <= change
    return still


FLICKER_PX = 1.0


class Stability:
    """Sums over the frames of one sequence.

    Args:
        change: see `TemporalFilter`.
    """

    def __init__(self, change: float = 6.0) -> None:
        self.change = change
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self._pixels = self._seen = self._sum = self._flicker = 0.0
        self._pairs = 0

    def update(self, image: np.ndarray, disparity: np.ndarray) -> None:
        """Add the next frame: left view, uint8 H×W×3, and disparity, float32 H×W px; what is not finite is
        left out."""
        if self._before is not None and self._before[0].shape == image.shape:
            still = still_pixels(self._before[0], image, self.change)
            still &= np.isfinite(disparity) & np.isfinite(self._before[1])
            moved = np.abs(disparity[still] - self._before[1][still]).astype(np.float64)
            self._pixels += moved.size
            self._sum += float(moved.sum())
            self._flicker += float((moved > FLICKER_PX).sum())
            self._seen += still.size
            self._pairs += 1
        self._before = image, disparity

    def compute(self) -> dict[str, float | int]:
        """`change_px`: mean |d(t) − d(t−1)| over still pixels; `flicker`: share of them that moved by more than 1 px;
        `still`: share of all pixels that were still; `n_changes`: pairs of frames. NaN where nothing was still."""
        pixels = self._pixels or float("nan")
        return {
            "change_px": self._sum / pixels,
            "flicker": self._flicker / pixels,
            "still": self._pixels / self._seen if self._seen else float("nan"),
            "n_changes": self._pairs,
        }


# A filter over time for still places: it takes the flicker and leaves what moves alone.


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


__all__ = ["Stability", "TemporalFilter"]
