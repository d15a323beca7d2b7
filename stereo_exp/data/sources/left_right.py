"""Which left pixels the right camera sees too, found out from the truth of both views."""

from __future__ import annotations

import numpy as np

# Coarsest truth: thirds of a pixel, on surfaces that slant; an occluder stands out by more.
TOLERANCE_PX = 1.0


def seen_by_both(left: np.ndarray, right: np.ndarray, tolerance: float = TOLERANCE_PX) -> np.ndarray:
    """Left-right consistency: the right view's truth, looked up where a left pixel lands, must agree with it.

    A pixel that lands outside the right image, on a nearer surface, or where the right truth is unknown counts
    as not seen: what is true here is known to be seen by both.

    Args:
        left, right: float32 H×W, px; 0 = unknown. Right (x, y) matches left (x + d, y).
        tolerance: largest difference that counts as agreement, px; between two pixels the nearer value counts.

    Returns:
        bool H×W.
    """
    height, width = left.shape
    rows = np.arange(height)[:, None]
    landed = np.arange(width, dtype=np.float32) - left
    seen = np.zeros(left.shape, np.bool_)
    for column in (np.floor(landed), np.ceil(landed)):
        inside = (left > 0) & (column >= 0) & (column < width)
        found = right[rows, np.where(inside, column, 0).astype(np.intp)]
        seen |= inside & (found > 0) & (np.abs(found - left) <= tolerance)
    return seen
