"""Disparity made finer on the host: what lies near the network's answer is matched once more, pixel by pixel.

The right view is warped by the disparity, so that what is left to find is small; OpenCV's semi-global matching looks
for it among few candidates. Its penalties for jumps then hold against the network's surface, slanted or not.
"""

from __future__ import annotations

import cv2
import numpy as np

from stereo_exp.classical.sgbm import SIXTEENTHS, opencv_matcher

REACH = 16
"""How far the answer may move, px."""
# Groups of fewer pixels that stand out by more px are mismatches.
_SPECKLE_SIZE, _SPECKLE_RANGE = 200, 2
_UNIQUENESS = 10
_MEDIAN = 5


def refined(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Disparity of the left view, nearer to what the pixels say: float32 H×W px, 0 or more.

    Where the match is not unique, lies outside the right view or stands alone, the answer stays what it was, but for a
    median over 5×5 pixels.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
        disparity: float32 H×W px, finite.
    """
    disparity = np.ascontiguousarray(disparity, np.float32)
    grid = np.indices(disparity.shape, np.float32)
    rows, columns = grid[0], grid[1]
    warped = _sample(right, columns - disparity, rows)
    sixteenths = _match(left, warped)
    residual = sixteenths.astype(np.float32) / SIXTEENTHS
    # What matches the warped view at x − residual lies in the right view where that pixel came from.
    found = _sample(disparity, columns - residual, rows) + residual
    kept = (sixteenths >= -REACH * SIXTEENTHS) & (found >= 0) & (found <= columns)
    kept &= ~_speckles(np.where(kept, found, np.float32(-1)))
    return cv2.medianBlur(np.where(kept, found, disparity), _MEDIAN)


def _sample(image: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return cv2.remap(np.ascontiguousarray(image), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _match(left: np.ndarray, warped: np.ndarray) -> np.ndarray:
    """int16 H×W, 16ths of a px in [−REACH, REACH); below that where nothing was found."""
    # Three paths: in parallel, and no worse here than five or eight.
    mode = cv2.STEREO_SGBM_MODE_SGBM_3WAY
    matcher = opencv_matcher(2 * REACH, mode, -REACH, disp12MaxDiff=1, preFilterCap=31, uniquenessRatio=_UNIQUENESS)
    # OpenCV leaves out columns whose candidates do not all lie in the other view.
    border = 2 * REACH
    views = (cv2.copyMakeBorder(view, 0, 0, border, border, cv2.BORDER_REFLECT) for view in (left, warped))
    return matcher.compute(*views)[:, border:-border]


def _speckles(disparity: np.ndarray) -> np.ndarray:
    """bool H×W, small groups of pixels that stand out; what is below 0 is none."""
    values = np.clip(np.round(disparity * SIXTEENTHS), -SIXTEENTHS, np.iinfo(np.int16).max).astype(np.int16)
    cleaned, _ = cv2.filterSpeckles(values.copy(), -SIXTEENTHS, _SPECKLE_SIZE, _SPECKLE_RANGE * SIXTEENTHS)
    return cleaned != values
