"""At what size a network sees a pair, and at what size its answer is refined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stereo_exp.runtime.images import resized
from stereo_exp.runtime.refine import refined

Maps = tuple[np.ndarray, np.ndarray]
"""Disparity in px of the views that it belongs to, and confidence, both float32 H×W."""
Network = Callable[[np.ndarray, np.ndarray], Maps]
"""From two views, uint8 H×W×3, to maps of their size."""
MAX_SCALE = 8.0
_PIXELS = 544 * 960
# Less than this is not worth the blur of resampling, more brings nothing but time.
_LEAST, _MOST = 1.1, 2.0


def enlargement(size: tuple[int, int]) -> float:
    """By how much a pair of (height, width) px is enlarged where nobody says: to as many pixels as 544×960 has.

    1 for pairs as large as that, or almost; never more than 2.
    """
    scale = min((_PIXELS / (size[0] * size[1])) ** 0.5, _MOST)
    return scale if scale >= _LEAST else 1.0


def predicted(network: Network, left: np.ndarray, right: np.ndarray, scale: float, refine: bool) -> Maps:
    """What `network` says of a pair that it sees resized by `scale`, at the pair's own size.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
        refine: correct the disparity by semi-global matching, of the enlarged views where `scale` enlarges them, else
            of those given.
    """
    if not refine:
        return _at_scale(network, left, right, scale)

    def fine(left: np.ndarray, right: np.ndarray) -> Maps:
        disparity, confidence = _at_scale(network, left, right, min(scale, 1.0))
        return refined(left, right, disparity), confidence

    return _at_scale(fine, left, right, max(scale, 1.0))


def _at_scale(network: Network, left: np.ndarray, right: np.ndarray, scale: float) -> Maps:
    if scale == 1:
        return network(left, right)
    height, width = left.shape[:2]
    size = max(1, round(height * scale)), max(1, round(width * scale))
    disparity, confidence = (
        resized(values, (height, width)) for values in network(*(resized(v, size) for v in (left, right)))
    )
    return disparity * np.float32(width / size[1]), confidence
