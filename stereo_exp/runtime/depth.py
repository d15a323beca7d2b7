"""From disparity to metres."""

from __future__ import annotations

import numpy as np


def depth(disparity: np.ndarray, focal: float, baseline: float, doffs: float = 0.0) -> np.ndarray:
    """depth = focal · baseline / (disparity + doffs).

    Args:
        disparity: H×W in px.
        focal: focal length, px of the image that the disparity belongs to.
        baseline: distance between the cameras, m.
        doffs: x of the right camera's principal point minus the left's, px.

    Returns:
        float32 H×W in m, inf where disparity + doffs is not positive.
    """
    shifted = disparity + doffs
    with np.errstate(divide="ignore"):
        metres = focal * baseline / np.maximum(shifted, 0)
    return metres.astype(np.float32)
