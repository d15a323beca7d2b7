"""What a network's range leaves out: how large a disparity it can see, how near that is, and what may lie nearer.

A near thing beyond the range is the worst case for a robot: the network fills it with something plausible, and may be
sure of it. So both views are matched once more, eight px to one, up to twice the range and more: a thousandth of the
network's work finds the places where only a match beyond the range is good.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.geometry.pair import Calibration

_CELLS = 24
"""The range in cells of the coarse match, about."""
_FARTHER = 2.6
"""It looks for matches of up to so many times the range."""
_MARGIN = 0.5
"""Cells by which a match must lie beyond the range."""
# OpenCV's block matching: candidates come in groups of 16; blocks are of 9×9 cells. A best match must be a fifth better
# than every other, and agree with the right view's; an area of fewer than 20 cells is noise.
_GROUP, _BLOCK, _UNIQUE, _SPECKLE, _TEXTURE = 16, 9, 20, 20, 10
_SIXTEENTHS = 16
# Rows of which one is looked at: along a cell's height there is enough to average.
_ROWS = 4


@dataclass(frozen=True)
class Reach:
    """What can be seen of a pair, at the pair's own size.

    Attributes:
        disparity: the largest, px; inf: not known.
        depth: the nearest, m; None: the cameras are not known.
    """

    disparity: float
    depth: float | None = None

    @classmethod
    def of(cls, disparity: float, calibration: Calibration | None) -> Reach:
        """With the depth at that disparity, where the cameras are known."""
        if calibration is None or not disparity + calibration.doffs > 0:
            return cls(disparity)
        return cls(disparity, calibration.focal * calibration.baseline / (disparity + calibration.doffs))

    def __str__(self) -> str:
        told = f"disparities up to {self.disparity:.4g} px"
        return told if self.depth is None else f"{told}, depth from {self.depth:.3g} m on"


def find_beyond(left: np.ndarray, right: np.ndarray, range_px: float) -> np.ndarray | None:
    """Where the left view matches the right one at more than `range_px`, and nowhere else.

    What only the left view sees (x < disparity) has no match; bare and repeated patterns have none that is clear.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.

    Returns:
        bool H×W; None: nowhere, which is the rule.
    """
    height, width = left.shape[:2]
    cell = range_px / _CELLS
    size = round(width / cell), round(height / cell)
    if cell < 1 or width <= range_px or min(size) <= _BLOCK:
        return None
    number = -(-int(min(_CELLS * _FARTHER, size[0])) // _GROUP) * _GROUP
    rows = max(1, min(_ROWS, round(cell / 2)))
    views = []
    for view in (left, right):
        grey = cv2.cvtColor(view[::rows], cv2.COLOR_RGB2GRAY)
        coarse = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        # Columns on the left, without which block matching would leave out as many as there are candidates.
        views.append(cv2.copyMakeBorder(coarse, 0, 0, number, 0, cv2.BORDER_REPLICATE))
    matcher = cv2.StereoBM.create(number, _BLOCK)
    matcher.setUniquenessRatio(_UNIQUE)
    matcher.setTextureThreshold(_TEXTURE)
    matcher.setSpeckleWindowSize(_SPECKLE)
    matcher.setSpeckleRange(1)
    matcher.setDisp12MaxDiff(1)
    found = matcher.compute(*views)[:, number:]
    beyond = found >= (_CELLS + _MARGIN) * _SIXTEENTHS
    if not beyond.any():
        return None
    # In the border there is nothing to match.
    beyond &= found <= np.arange(size[0]) * _SIXTEENTHS
    # Between matches of one thing there is more of it.
    closed = cv2.morphologyEx(beyond.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    grown = cv2.dilate(closed, np.ones((3, 3), np.uint8))
    whole = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return whole if whole.any() else None
