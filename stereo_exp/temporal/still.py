"""Where an image did not change from one frame to the next."""

from __future__ import annotations

import cv2
import numpy as np

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
    return cv2.blur(difference, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT) <= change
