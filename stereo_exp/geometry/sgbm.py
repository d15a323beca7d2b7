"""OpenCV's semi-global matching, set up to be a strong opponent: every pixel gets a disparity.

Settings beyond blocks and penalties were chosen on the Middlebury 2005/2006 pairs, for the lowest error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from stereo_exp.geometry.occlusion import find_consistent

# Holes of a disparity map, filled from what is known around them.
#
# What one view does not see lies behind what hides it, and is as far away as the farther one of its neighbours.


AGREEMENT = 2.0
"""Difference in px of two disparities around a hole that still counts as agreement; 1 and 4 px serve as well."""


def fill_from_background(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes the smaller of the nearest known disparities left and right of it in its row.

    At the sides there is one such neighbour. A row without any takes those of the rows above and below; a map without
    any is 0.

    Args:
        disparity: float32 H×W px, finite where known.
        known: bool H×W.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    filled = _filled_along(1, disparity, known)
    filled = _filled_along(0, filled, np.isfinite(filled))
    return np.where(np.isfinite(filled), filled, np.float32(0))


def fill_between(disparity: np.ndarray, known: np.ndarray, guess: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Each unknown pixel takes what `guess` says, as far as the nearest known ones in its row and column allow it.

    Those are four; at the sides the one neighbour counts for both, in a row (column) without any those of its column
    (row). Where the two middle ones agree within `AGREEMENT`, it lies between these, since one of the four may be
    wrong; else between the smallest and the largest. Where there are none at all, the guess stays as it is.

    Args:
        disparity, guess: float32 H×W px, the former finite where known.
        known: bool H×W.
        behind: bool H×W, pixels that take the smaller one of their neighbours in the row instead, if there are any.

    Returns:
        float32 H×W px; what is known stays as it is.
    """
    holes = np.nonzero(~known)
    row, column = _neighbours(1, disparity, known, holes), _neighbours(0, disparity, known, holes)
    farther = np.minimum(*row)
    row, column = _first_known(row, column), _first_known(column, row)
    low, high = (np.minimum(*row), np.minimum(*column)), (np.maximum(*row), np.maximum(*column))
    # The smallest and the largest of the four are not among these two.
    middle = np.maximum(*low), np.minimum(*high)
    lower, upper = np.minimum(*middle), np.maximum(*middle)
    agree = upper - lower <= AGREEMENT
    lower, upper = np.where(agree, lower, np.minimum(*low)), np.where(agree, upper, np.maximum(*high))
    held = np.where(behind[holes] & ~np.isnan(farther), farther, np.clip(guess[holes], lower, upper))
    filled = disparity.copy()
    filled[holes] = _first_known(held, guess[holes])
    return filled


def _filled_along(axis: int, disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """NaN in lines without a known pixel."""
    holes = np.nonzero(~known)
    filled = disparity.copy()
    filled[holes] = np.minimum(*_neighbours(axis, disparity, known, holes))
    return filled


def _neighbours(axis: int, disparity: np.ndarray, known: np.ndarray, holes: tuple[np.ndarray, ...]) -> np.ndarray:
    """The nearest known disparities before and after each hole along an axis, 2×holes; where there is but one, it is
    both; NaN where there is none."""
    size = known.shape[axis]
    places = np.expand_dims(np.arange(size, dtype=np.int32), 1 - axis)
    before = np.maximum.accumulate(np.where(known, places, np.int32(-1)), axis=axis)[holes]
    backwards = np.flip(np.where(known, places, np.int32(size)), axis)
    after = np.flip(np.minimum.accumulate(backwards, axis=axis), axis)[holes]
    before, after = np.where(before < 0, after, before), np.where(after == size, before, after)
    none = before == size
    found = []
    for place in (before, after):
        at = list(holes)
        at[axis] = np.where(none, 0, place)
        found.append(np.where(none, np.float32(np.nan), disparity[tuple(at)]))
    return np.stack(found)


def _first_known(values: np.ndarray, instead: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), instead, values)


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
