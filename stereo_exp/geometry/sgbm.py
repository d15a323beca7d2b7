"""OpenCV's semi-global matching, set up to be a strong opponent: every pixel gets a disparity.

Settings beyond blocks and penalties were chosen on the Middlebury 2005/2006 pairs, for the lowest error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from stereo_exp.geometry.filling import fill_from_background
from stereo_exp.geometry.occlusion import find_consistent

BLOCK = 3
TOLERANCE = 1.0
"""Disagreement in px between the views' disparities that still counts as agreement."""
# OpenCV gives disparity as 16ths of a px.
_SIXTEENTHS = 16
_ROBUST = {"preFilterCap": 63, "speckleWindowSize": 100, "speckleRange": 1}


def opencv_matcher(
    num_disparities: int, mode: int, *, block: int = BLOCK, smoothness: float = 1.0, **settings: int
) -> Any:
    """`cv2.StereoSGBM` on RGB.

    Args:
        num_disparities: multiple of 16; candidates are 0 … num_disparities − 1 px.
        mode: `cv2.STEREO_SGBM_MODE_…`.
        block: px, odd, 1 or more; costs are summed over so many rows and columns.
        smoothness: above 0, factor on the penalties that OpenCV's documentation suggests.
        settings: OpenCV's other parameters by name.
    """
    area = 3 * block**2
    small, large = (round(smoothness * penalty * area) for penalty in (8, 32))
    return cv2.StereoSGBM.create(0, num_disparities, block, small, large, mode=mode, **settings)


class Checked(NamedTuple):
    """What both views say together, before anything is filled.

    Attributes:
        disparity: of the left view, float32 H×W px, below 0 where nothing was found.
        known: bool H×W, found in the left view and confirmed by the right one.
        right: of the right view, float32 H×W px, inf where nothing was found.
    """

    disparity: np.ndarray
    known: np.ndarray
    right: np.ndarray


class Sgbm:
    """Matching of both views, left-right check, holes filled from the background.

    Args:
        num_disparities, mode, block, smoothness: see `opencv_matcher`; the default mode is the full-size two-pass one.
        unique: per cent by which the best candidate must beat the second.
    """

    def __init__(
        self,
        num_disparities: int = 192,
        mode: int = cv2.STEREO_SGBM_MODE_HH,
        block: int = BLOCK,
        smoothness: float = 1.0,
        unique: int = 5,
    ) -> None:
        self.num_disparities = num_disparities
        settings = {**_ROBUST, "uniquenessRatio": unique}
        self._matcher = opencv_matcher(num_disparities, mode, block=block, smoothness=smoothness, **settings)

    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Disparity of the left view, float32 H×W px, in [0, num_disparities), known everywhere.

        Args:
            left, right: uint8 H×W×3 of a rectified pair.
        """
        found = self.match_both(left, right)
        return fill_from_background(found.disparity, found.known)

    def match_both(self, left: np.ndarray, right: np.ndarray, *, tolerance: float = TOLERANCE) -> Checked:
        """Match each view with the other, and compare; `tolerance` in px."""
        disparity = self.match(left, right)
        # Seen in a mirror, the right view is the left one.
        of_right = self.match(cv2.flip(right, 1), cv2.flip(left, 1))[:, ::-1]
        # Where the right view found nothing, it holds -1, which is close to no disparity but those near 0.
        of_right = np.where(of_right < 0, np.float32(np.inf), of_right)
        return Checked(disparity, (disparity >= 0) & find_consistent(disparity, of_right, tolerance), of_right)

    def match(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Disparity of the left view as it is found, unchecked: float32 H×W px, below 0 where nothing was.

        OpenCV leaves out the columns whose candidates do not all lie in the right view; behind a border as wide as
        the candidates are many there are none. Its pixels repeat the edge: black ones would match dark things.
        """
        padded = (
            cv2.copyMakeBorder(view, 0, 0, self.num_disparities, 0, cv2.BORDER_REPLICATE) for view in (left, right)
        )
        matched: np.ndarray = self._matcher.compute(*padded)[:, self.num_disparities :].astype(np.float32) / _SIXTEENTHS
        return matched
