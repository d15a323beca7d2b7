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


def hidden(right: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Pixels of the left view that the right camera does not see: no pixel of its view matches them.

    Other pixels that fail `consistent` are mismatches. Told apart after Hirschmüller (PAMI 2008), who asks whether the
    right view reaches a pixel at any disparity; here it must also be known what the right view sees in its place.

    Args:
        right: float32 H×W, disparity of the right view in px; not finite where it is unknown.
        guess: float32 H×W, where the pixels are thought to be: (x, y) matches (x − d, y).

    Returns:
        bool H×W; gaps of one pixel, as stretching leaves them between matches, are none.
    """
    height, width = right.shape
    match = np.rint(np.arange(width) + np.where(np.isfinite(right), right, width)).astype(np.int64)
    # What lies outside of the left view goes into a column of its own.
    reached = np.zeros((height, width + 1), bool)
    np.put_along_axis(reached, np.clip(match, 0, width), True, axis=1)
    reached = reached[:, :width]
    gap = ~reached
    gap[:, 1:-1] &= ~(reached[:, :-2] & reached[:, 2:])
    place = np.clip(np.rint(np.arange(width) - guess).astype(np.int64), 0, width - 1)
    return gap & np.isfinite(np.take_along_axis(right, place, axis=1))
