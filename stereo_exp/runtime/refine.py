"""Disparity made finer on the host: OpenCV's semi-global matching, led by the network's answer.

First at half the size, among all candidates up to the network's largest: what both views agree on corrects the network,
what only the left one sees takes the farther of its neighbours, other mismatches stay between theirs. Then at full
size, near that: the right view is warped by the disparity, so that what is left to find is small. Penalties for jumps
then hold against that surface, slanted or not.
"""

from __future__ import annotations

import cv2
import numpy as np

from stereo_exp.classical.fill import fill_between
from stereo_exp.classical.sgbm import BLOCK, SIXTEENTHS, Sgbm, opencv_matcher
from stereo_exp.predict.left_right import hidden
from stereo_exp.runtime.images import resized

REACH = 16
"""How far the second matching may move the answer, px."""
# OpenCV's candidates come in groups of so many; at least one more than the network's answer needs is searched.
_GROUP = 16
# What is off by less, in px of half the size, is left to the second matching, which sees it better.
_COARSE = 1.0
# What is farther from the network's answer, in the same px, is a mismatch: a repeated pattern, or a bare wall.
_CREDIBLE = 32.0
# Three paths: in parallel, and no worse here than five or eight.
_MODE = cv2.STEREO_SGBM_MODE_SGBM_3WAY
# Groups of fewer pixels that stand out by more px are mismatches.
_SPECKLE_SIZE, _SPECKLE_RANGE = 200, 2
_UNIQUENESS = 10
_MEDIAN = 5


def refined(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Disparity of the left view, nearer to what the pixels say: float32 H×W px, 0 or more.

    Where neither matching is sure (not unique, outside the right view, alone, far from the network), the answer stays
    what it was, but for three things: it is held between the nearest matches in its row, is the farther one of these
    where the right view sees nothing of it, and goes through a median over 5×5 pixels.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
        disparity: float32 H×W px, finite.
    """
    disparity = np.ascontiguousarray(disparity, np.float32)
    disparity = np.maximum(disparity + _correction(left, right, disparity), 0)
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


def _correction(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """float32 H×W px to add to the network's disparity; 0 wherever nothing speaks against it."""
    height, width = disparity.shape
    half = (height + 1) // 2, (width + 1) // 2
    small = [resized(view, half) for view in (left, right)]
    # As an image, so that it is averaged over the same areas.
    guess = resized(disparity[..., None], half) * np.float32(half[1] / width)
    groups = int(guess.max()) // _GROUP + 2
    matched, known, of_right = Sgbm(groups * _GROUP, _MODE).checked(*small)
    # Without any contrast all candidates match, and both views take the first.
    known &= _contrast(small[0]) & (np.abs(matched - guess) < _CREDIBLE)
    # Nothing is farther away than 0 px: held between its neighbours, that is the farther one.
    farthest = hidden(of_right, guess) & known.any(axis=1, keepdims=True)
    fused = fill_between(matched, known, np.where(farthest, np.float32(0), guess))
    change = np.where(np.abs(fused - guess) > _COARSE, fused - guess, np.float32(0))
    # In whole px: a slope of noise would blur the view that is warped by it.
    return np.round(resized(change, (height, width)) * np.float32(width / half[1]))


def _contrast(view: np.ndarray) -> np.ndarray:
    """bool H×W, blocks in which something changes along the row."""
    steps = np.abs(np.diff(view.astype(np.int16), axis=1, append=view[:, -1:])).max(axis=2) > 0
    return cv2.dilate(steps.astype(np.uint8), np.ones((BLOCK, BLOCK), np.uint8)) > 0


def _sample(image: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return cv2.remap(np.ascontiguousarray(image), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _match(left: np.ndarray, warped: np.ndarray) -> np.ndarray:
    """int16 H×W, 16ths of a px in [−REACH, REACH); below that where nothing was found."""
    matcher = opencv_matcher(2 * REACH, _MODE, -REACH, disp12MaxDiff=1, preFilterCap=31, uniquenessRatio=_UNIQUENESS)
    # OpenCV leaves out columns whose candidates do not all lie in the other view.
    border = 2 * REACH
    views = (cv2.copyMakeBorder(view, 0, 0, border, border, cv2.BORDER_REFLECT) for view in (left, warped))
    return matcher.compute(*views)[:, border:-border]


def _speckles(disparity: np.ndarray) -> np.ndarray:
    """bool H×W, small groups of pixels that stand out; what is below 0 is none."""
    values = np.clip(np.round(disparity * SIXTEENTHS), -SIXTEENTHS, np.iinfo(np.int16).max).astype(np.int16)
    cleaned, _ = cv2.filterSpeckles(values.copy(), -SIXTEENTHS, _SPECKLE_SIZE, _SPECKLE_RANGE * SIXTEENTHS)
    return cleaned != values
