"""A pair that is easy to foretell: a near square before a far wall."""

from __future__ import annotations

import numpy as np

from stereo_exp.geometry.pair import Calibration

HEIGHT, WIDTH = 120, 160
CAMERA = Calibration(200.0, 0.1)
NEAR, FAR = 20.0, 5.0
"""px; 1 m and 4 m away."""
SQUARE = slice(40, 80), slice(60, 110)


def scene(height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left view, disparity, confidence: a red square that is sure, a green wall that is half sure; a stripe unknown."""
    left = np.full((height, width, 3), (20, 160, 60), np.uint8)
    disparity = np.full((height, width), FAR, np.float32)
    confidence = np.full((height, width), 0.5, np.float32)
    left[SQUARE], disparity[SQUARE], confidence[SQUARE] = (220, 30, 30), NEAR, 1.0
    disparity[:8] = np.inf
    return left, disparity, confidence
