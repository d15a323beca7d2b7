"""Where pixels lie in space."""

from __future__ import annotations

import numpy as np

from stereo_exp.data.sample import Calibration


def points_in_metres(depth: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Every pixel as a point in the left camera's axes: x to the right, y down, z forward.

    Args:
        depth: H×W in m.
        calibration: where it has no principal point, the middle of the image stands in.

    Returns:
        float32 H×W×3 in m; not finite where the depth is not.
    """
    height, width = depth.shape
    centre_x, centre_y = calibration.centre or ((width - 1) / 2, (height - 1) / 2)
    x = ((np.arange(width) - centre_x) / calibration.focal).astype(np.float32)
    y = ((np.arange(height) - centre_y) / calibration.focal).astype(np.float32)
    with np.errstate(invalid="ignore"):  # infinity times the middle column
        return np.stack((depth * x, depth * y[:, None], depth), axis=-1)
