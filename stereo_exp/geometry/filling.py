"""What the right camera cannot see takes the disparity of what lies behind: geometry in place of a guess."""

from __future__ import annotations

import cv2
import numpy as np

SURE = 0.5
"""A network that is less sure of a pixel than this does not know it either."""
GROWN = 2
"""px by which hidden places are widened: beside a nearer thing the network mixes both."""
TOLERANCE = 1.0
"""px by which a match may lie behind its neighbour's, as surfaces that slant away have it."""


def fill_hidden(disparity: np.ndarray, sureness: np.ndarray) -> np.ndarray:
    """Disparity with the places filled that only the left camera sees.

    Seen from the right, a pixel lies at x − d. It is hidden where a pixel of its row that stands to the right of it,
    and that the network is sure of, lands farther left; and where x − d lies left of the image. Such pixels, those
    beside them, and those that the network is not sure of take the smaller one, the farther surface, of the next
    disparities in their row that are none of these.

    Args:
        disparity: float32 H×W px, 0 or more, of the left view; what is not finite stays so.
        sureness: float32 H×W in 0…1, the network's own.

    Returns:
        float32 H×W px; a row without anything to take from stays.
    """
    is_number = np.isfinite(disparity)
    match = np.arange(disparity.shape[1], dtype=np.float32) - np.where(is_number, disparity, 0)
    is_sure = is_number & (sureness >= SURE)
    # A wrong cell of far too large a disparity would hide half of its row: what the network doubts hides nothing.
    front = np.where(is_sure & (match >= 0), match, np.inf)
    leftmost = np.minimum.accumulate(front[:, ::-1], axis=1)[:, ::-1]
    hidden = (match > leftmost + TOLERANCE) | (match < 0)
    grown = cv2.dilate(hidden.view(np.uint8), np.ones((1, 2 * GROWN + 1), np.uint8)) > 0
    return np.where(is_number, fill_rows(disparity, is_sure & ~grown), disparity)


def fill_rows(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Every pixel that is not known takes the smaller of the next known ones to both sides in its row.

    Args:
        disparity: float32 H×W.
        known: bool H×W.

    Returns:
        float32 H×W; beyond the outermost known pixel of a row that one alone counts, and a row without any stays.
    """
    width = disparity.shape[1]
    columns = np.arange(width, dtype=np.int32)
    before = np.maximum.accumulate(np.where(known, columns, np.int32(-1)), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, np.int32(width))[:, ::-1], axis=1)[:, ::-1]
    # Most pixels are known: only the others are looked up.
    places = np.nonzero(~known)
    first, second = before[places], after[places]
    to_left = np.where(first >= 0, disparity[places[0], first], np.inf)
    to_right = np.where(second < width, disparity[places[0], np.minimum(second, width - 1)], np.inf)
    found = np.minimum(to_left, to_right)
    filled = disparity.copy()
    filled[places] = np.where(np.isinf(found), disparity[places], found)
    return filled
