"""The right view's disparity, derived from the left one's by carrying every pixel over to its match."""

from __future__ import annotations

import numpy as np

_SAME_SURFACE = 1.0
"""px: neighbours whose disparities differ by less are taken to belong to one surface."""


def right_disparity(disparity: np.ndarray, noc: np.ndarray | None = None) -> np.ndarray:
    """What the truth of the right view would be.

    Every left pixel is carried over to the right column nearest to its match x − d; where several meet, the
    largest disparity, the nearest surface, wins. A surface that is wider in the right view leaves columns
    empty between neighbours; they take the mean of the two, unless something nearer is there.

    What stands beyond the left image's right edge may hide, in the right view, what the left one sees. A surface
    that reaches that edge is taken to go on: behind its continuation nothing is known. An object wholly beyond
    the edge leaves no trace in the left truth, and what it hides is carried over all the same. `noc` knows both.

    Args:
        disparity: float32 H×W, px of the left image; 0 or less = unknown.
        noc: bool H×W, false where the right camera does not see the pixel; such pixels are left behind. None:
            not known.

    Returns:
        float32 H×W, px of the right image: right pixel (x, y) matches left pixel (x + d, y). 0 = unknown: not
        seen by the left camera, or its truth is unknown.
    """
    height, width = disparity.shape
    known = disparity > 0 if noc is None else (disparity > 0) & noc
    # Bounded, so that it fits into 32 bits: whatever is further than a width leaves the image all the same.
    target = np.rint(np.arange(width, dtype=np.float32) - np.where(known, np.minimum(disparity, width + 1), width + 1))
    column = target.astype(np.int32)
    known = column >= 0
    place = column + (np.arange(height, dtype=np.int32) * width)[:, None]
    right = np.zeros(height * width, np.float32)
    np.maximum.at(right, place[known], disparity[known])
    first, second = disparity[:, :-1], disparity[:, 1:]
    gap = (column[:, 1:] - column[:, :-1] == 2) & known[:, :-1] & (np.abs(second - first) < _SAME_SURFACE)
    np.maximum.at(right, place[:, :-1][gap] + 1, (first[gap] + second[gap]) / 2)
    right = right.reshape(height, width)
    if noc is not None:
        return right

    last = np.where(disparity > 0, np.arange(width), 0).max(axis=1, keepdims=True)
    edge = np.take_along_axis(disparity, last, axis=1)
    beyond = np.arange(width) > last - edge
    right[beyond & (right < edge - _SAME_SURFACE)] = 0
    return right
