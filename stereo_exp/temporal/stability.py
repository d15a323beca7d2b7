"""How much disparity changes between frames where the image does not: flicker, as a figure."""

from __future__ import annotations

import numpy as np

from stereo_exp.temporal.still import still_pixels

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
