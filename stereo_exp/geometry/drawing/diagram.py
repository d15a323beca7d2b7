"""A reliability diagram: how often pixels of each confidence are right; below it how many pixels have it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stereo_exp.geometry.drawing.text import GREY, draw_text, shorten_text

_SIDE, _HISTOGRAM = 420, 90
_LEFT, _TOP, _GAP, _BOTTOM, _RIGHT = 76, 44, 22, 52, 28
_TITLE_SIZE, _TEXT_SIZE = 10.0, 8.5
_GRID, _FRAME, _BAR = (226, 226, 226), (150, 150, 150), (198, 213, 232)
_LINE, _DIAGONAL = (31, 87, 149), (120, 120, 120)
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_DOT = 3


def draw_reliability(bins: Sequence[Sequence[float]], title: str, right_px: float) -> np.ndarray:
    """The share of right pixels over their confidence; on the grey diagonal confidence is what it says.

    Args:
        bins: mean confidence, share of right pixels, share of all pixels of each; in rising order.
        title: above all.
        right_px: a pixel is right within so many px.

    Returns:
        uint8 H×W×3 RGB on white.
    """
    picture = np.full((_TOP + _SIDE + _GAP + _HISTOGRAM + _BOTTOM, _LEFT + _SIDE + _RIGHT, 3), 255, np.uint8)
    draw_text(
        picture, shorten_text(title, _TITLE_SIZE, _SIDE + _LEFT), (picture.shape[1] / 2, 20), _TITLE_SIZE, "centre"
    )
    low = _TOP + _SIDE + _GAP + _HISTOGRAM

    def place(confidence: float, right: float) -> tuple[int, int]:
        return _LEFT + round(confidence * (_SIDE - 1)), _TOP + round((1 - right) * (_SIDE - 1))

    for tick in _TICKS:
        x, y = place(tick, tick)
        cv2.line(picture, (x, _TOP), (x, low), _GRID)
        cv2.line(picture, (_LEFT, y), (_LEFT + _SIDE - 1, y), _GRID)
        draw_text(picture, f"{tick:g}", (x, low + 14), _TEXT_SIZE, "centre")
        draw_text(picture, f"{tick:g}", (_LEFT - 8, y), _TEXT_SIZE, "right")
    cv2.line(picture, place(0, 0), place(1, 1), _DIAGONAL, 1, cv2.LINE_AA)
    most = max((share for _, _, share in bins), default=1.0)
    width = _SIDE // (3 * max(len(bins), 1))
    for confidence, _, share in bins:
        x, height = place(confidence, 0)[0], round(share / most * (_HISTOGRAM - 4))
        picture[low - height : low, max(x - width, _LEFT) : min(x + width, _LEFT + _SIDE)] = _BAR
    points = [place(confidence, right) for confidence, right, _ in bins]
    if points:
        cv2.polylines(picture, [np.array(points, np.int32)], False, _LINE, 2, cv2.LINE_AA)
    for point in points:
        cv2.circle(picture, point, _DOT, _LINE, -1, cv2.LINE_AA)
    cv2.rectangle(picture, (_LEFT - 1, _TOP - 1), (_LEFT + _SIDE, _TOP + _SIDE), _FRAME)
    cv2.rectangle(picture, (_LEFT - 1, _TOP + _SIDE + _GAP - 1), (_LEFT + _SIDE, low), _FRAME)
    told = f"share within {right_px:g} px"
    draw_text(picture, told, (_LEFT + 10, _TOP + 14), _TEXT_SIZE, color=GREY)
    draw_text(
        picture, f"pixels (top: {100 * most:.0f} %)", (_LEFT + 10, _TOP + _SIDE + _GAP + 12), _TEXT_SIZE, color=GREY
    )
    draw_text(picture, "confidence", (_LEFT + _SIDE / 2, low + 36), _TEXT_SIZE, "centre", GREY)
    return picture
