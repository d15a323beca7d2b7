"""The left-right check: a pixel and its match must agree on how far apart they are."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1.5
"""Disagreement in px that still counts as agreement."""


def consistent(left: np.ndarray, right: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Pixels of the left view whose match says the same.

    Args:
        left: float32 H×W, disparity of the left view: (x, y) matches (x − d, y).
        right: float32 H×W, disparity of the right view: (x, y) matches (x + d, y).
        tolerance: px.

    Returns:
        bool H×W; false also where the match lies outside of the right view.
    """
    width = left.shape[1]
    match = np.rint(np.arange(width) - left).astype(np.int64)
    inside = match >= 0
    found = np.take_along_axis(right, np.clip(match, 0, width - 1), axis=1)
    return inside & (np.abs(found - left) <= tolerance)
