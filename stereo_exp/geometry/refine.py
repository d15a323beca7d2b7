"""Disparity made finer on the host: OpenCV's semi-global matching, led by the network's answer.

First at half the size, in both views: what they agree on corrects the network, what only the left one sees takes the
farther of its neighbours, other mismatches stay between theirs. Then once more at full size, near that; the right
view's disparities of the first time tell which matches to believe.
"""

from __future__ import annotations

import cv2
import numpy as np

from stereo_exp.geometry.filling import fill_between
from stereo_exp.geometry.images import resize
from stereo_exp.geometry.occlusion import find_consistent, find_hidden
from stereo_exp.geometry.sgbm import Sgbm

REACH = 64
"""How far from the network's answer a match may lie, px. Farther ones are mismatches: repeated patterns, bare walls."""
# The same for the second matching, which starts from the first one's answer.
_REACH_AGAIN = 32
# A pixel of half the size is four already: matched one by one.
_HALF_BLOCK = 1
# Weaker penalties follow finer outlines; what they let through, the right view and the reach hold back.
_FULL_SMOOTHNESS = 0.75
# Rows and columns around a pixel in which something must change, whatever the blocks.
_CONTRAST = 3
# OpenCV's candidates come in groups of so many; at least one more than the answer so far needs is searched.
_GROUP = 16
# OpenCV's disparities are 16ths in 16 bits.
_MOST = 2000
# Three paths: in parallel, and no worse here than five.
_MODE = cv2.STEREO_SGBM_MODE_SGBM_3WAY
_MEDIAN = 5


def refine_disparity(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Disparity of the left view, nearer to what the pixels say: float32 H×W px, 0 or more.

    Where no match is sure (not unique, not confirmed by the right view, alone, far from the answer, without contrast),
    the answer stays what it was, but for three things: it is held between the nearest matches in its row and column, is
    the farther one of those in its row where the right view sees nothing of it, and goes through a median over 5×5
    pixels.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
        disparity: float32 H×W px; what is not finite stays so.
    """
    given = disparity
    disparity = np.ascontiguousarray(np.where(np.isfinite(given), given, 0), np.float32)
    height, width = disparity.shape
    half = (height + 1) // 2, (width + 1) // 2
    ratio = np.float32(half[1] / width)
    small = [resize(view, half) for view in (left, right)]
    guess = resize(disparity, half) * ratio
    found = Sgbm(_candidates(guess), _MODE, block=_HALF_BLOCK).match_both(*small)
    known = found.known & _credible(found.disparity, guess, float(REACH * ratio), small[0])
    unseen = find_hidden(found.right, guess)
    correction = fill_between(found.disparity, known, guess, unseen) - guess
    disparity = np.maximum(disparity + resize(correction, (height, width)) / ratio, 0)

    unseen, of_right = (_enlarged(half_size, (height, width)) for half_size in (unseen, found.right / ratio))
    again = Sgbm(_candidates(disparity), _MODE, smoothness=_FULL_SMOOTHNESS).match(left, right)
    # The usual tolerance, 1.5 px, is three quarters of a pixel of half the size.
    known = (again >= 0) & find_consistent(again, of_right) & _credible(again, disparity, _REACH_AGAIN, left)
    refined = cv2.medianBlur(fill_between(again, known, disparity, unseen), _MEDIAN)
    return np.where(np.isfinite(given), refined, given).astype(np.float32, copy=False)


def _candidates(guess: np.ndarray) -> int:
    # No match is farther away than the other side of the image, whatever the network says.
    largest = min(float(guess.max()), guess.shape[1], _MOST)
    return (int(largest) // _GROUP + 2) * _GROUP


def _enlarged(half_size: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each value as it is: between a disparity and none there is nothing."""
    return half_size.repeat(2, axis=0).repeat(2, axis=1)[: size[0], : size[1]]


def _credible(matched: np.ndarray, guess: np.ndarray, reach: float, view: np.ndarray) -> np.ndarray:
    """bool H×W, near the guess, and with something around that changes along the row: without any contrast all
    candidates match, and both views take the first."""
    steps = view[:, 1:] ^ view[:, :-1]
    changes = np.zeros(matched.shape, np.uint8)
    changes[:, :-1] = steps[..., 0] | steps[..., 1] | steps[..., 2]
    contrast = cv2.dilate(changes, np.ones((_CONTRAST, _CONTRAST), np.uint8)) > 0
    credible: np.ndarray = contrast & (np.abs(matched - guess) < reach)
    return credible
