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


# Which left pixels the right camera sees too, found out from the truth of both views.


# Coarsest truth: thirds of a pixel, on surfaces that slant; an occluder stands out by more.
TOLERANCE_PX = 1.0


def find_seen_by_both(left: np.ndarray, right: np.ndarray, tolerance: float = TOLERANCE_PX) -> np.ndarray:
    """Left-right consistency: the right view's truth, looked up where a left pixel lands, must agree with it.

    A pixel that lands outside the right image, on a nearer surface, or where the right truth is unknown counts
    as not seen: what is true here is known to be seen by both.

    Args:
        left, right: float32 H×W, px; 0 = unknown. Right (x, y) matches left (x + d, y).
        tolerance: largest difference that counts as agreement, px; between two pixels the nearer value counts.

    Returns:
        bool H×W.
    """
    height, width = left.shape
    rows = np.arange(height)[:, None]
    landed = np.arange(width, dtype=np.float32) - left
    seen = np.zeros(left.shape, np.bool_)
    for column in (np.floor(landed), np.ceil(landed)):
        inside = (left > 0) & (column >= 0) & (column < width)
        found = right[rows, np.where(inside, column, 0).astype(np.intp)]
        seen |= inside & (found > 0) & (np.abs(found - left) <= tolerance)
    return seen


# The left-right check: a pixel and its match must agree on how far apart they are.


TOLERANCE = 1.5
"""Disagreement in px that still counts as agreement."""


def find_consistent(left: np.ndarray, right: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Pixels of the left view whose match says the same.

    Args:
        left: float32 H×W, disparity of the left view: (x, y) matches (x − d, y).
        right: float32 H×W, disparity of the right view: (x, y) matches (x + d, y).
        tolerance: px.

    Returns:
        bool H×W; false also where the match lies outside of the right view.
    """
    width = left.shape[1]
    match = np.rint(np.arange(width) - left).astype(np.int64)
    inside = match >= 0
    found = np.take_along_axis(right, np.clip(match, 0, width - 1), axis=1)
    agrees: np.ndarray = inside & (np.abs(found - left) <= tolerance)
    return agrees


def find_hidden(right: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Pixels of the left view that the right camera does not see: no pixel of its view matches them.

    Other pixels that fail `find_consistent` are mismatches. Told apart after Hirschmüller (PAMI 2008), who asks whether
    the right view reaches a pixel at any disparity; here it must also be known what the right view sees in its place.

    Args:
        right: float32 H×W, disparity of the right view in px; not finite where it is unknown.
        guess: float32 H×W, where the pixels are thought to be: (x, y) matches (x − d, y).

    Returns:
        bool H×W; gaps of one pixel, as stretching leaves them between matches, are none.
    """
    height, width = right.shape
    match = np.rint(np.arange(width) + np.where(np.isfinite(right), right, width)).astype(np.int64)
    # What lies outside of the left view goes into a column of its own.
    reached = np.zeros((height, width + 1), bool)
    np.put_along_axis(reached, np.clip(match, 0, width), True, axis=1)
    reached = reached[:, :width]
    gap = ~reached
    gap[:, 1:-1] &= ~(reached[:, :-2] & reached[:, 2:])
    place = np.clip(np.rint(np.arange(width) - guess).astype(np.int64), 0, width - 1)
    unseen: np.ndarray = gap & np.isfinite(np.take_along_axis(right, place, axis=1))
    return unseen
