"""Does the true disparity belong to these views? Warp by it and see under which reading they agree."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.data.epipolar import require_views, to_grey

_TEXTURE_WINDOW = 9  # px, a side
_MIN_TEXTURE = 3.0  # grey levels: standard deviation in the window below which a pixel is called flat
_MIN_TEXTURED = 1000  # pixels
_MIN_FIT, _MIN_LEAD = 0.3, 0.15
_MAX_UNRELATED = 0.1


@dataclass(frozen=True)
class TruthFit:
    """How well the views agree through their true disparity: a correlation of texture, -1 to 1, for each reading.

    Attributes:
        as_named: the left image with the right one at x − d, as it should be.
        negated: with the right one at x + d: the disparity has the wrong sign, or the views are mirrored.
        exchanged: the image called right with the one called left at x − d: the views are swapped.
        num_textured: pixels with known disparity and texture that were compared as named.
        verdict: `fits`, `negated`, `swapped`, `unrelated` (the views disagree under every reading), or None:
            cannot tell.
    """

    as_named: float
    negated: float
    exchanged: float
    num_textured: int
    verdict: str | None


def truth_fit(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> TruthFit:
    """Warp one view to the other by the truth, and by what the truth would be if something were exchanged.

    A reading wins with a correlation of at least 0.3 that leads its rivals by 0.15; "unrelated" is below 0.1 under
    every reading, which a vertical shift of a few px causes as well (see `pair_geometry`). Texture is the grey value
    less its mean in a 9×9 window over the standard deviation there, so that exposure does not matter.

    Args:
        left, right: uint8 H×W or H×W×3 RGB, of the same size.
        disparity: float H×W, px of the left image; 0 or less, infinity and NaN = unknown. Where nothing is
            positive, the verdict is None.

    Raises:
        ValueError: the arrays do not fit each other.
    """
    require_views(left, right)
    if disparity.shape != left.shape[:2]:
        raise ValueError(f"disparity must be {left.shape[:2]}, not {disparity.shape}")
    here, there = (_texture(to_grey(view)) for view in (left, right))
    known = np.isfinite(disparity) & (disparity > 0)
    shift = np.where(known, disparity, 0).astype(np.float32)
    (as_named, count), (negated, _), (exchanged, _) = (
        _agreement(fixed, moved, sign * shift, known)
        for fixed, moved, sign in ((here, there, -1), (here, there, 1), (there, here, -1))
    )
    verdict = None
    if count >= _MIN_TEXTURED:
        # On a smooth surface the two wrong readings nearly agree; only the true one of them is exact.
        wrong, name = max((negated, "negated"), (exchanged, "swapped"))
        if max(as_named, wrong) < _MAX_UNRELATED:
            verdict = "unrelated"
        elif as_named >= _MIN_FIT and as_named - wrong >= _MIN_LEAD:
            verdict = "fits"
        elif wrong >= _MIN_FIT and wrong - as_named >= _MIN_LEAD:
            verdict = name
    return TruthFit(as_named, negated, exchanged, count, verdict)


def _texture(grey: np.ndarray) -> np.ndarray:
    """Float32 H×W, mostly within -3..3; NaN where the image is flat."""
    values = grey.astype(np.float32)
    size = (_TEXTURE_WINDOW, _TEXTURE_WINDOW)
    mean = cv2.blur(values, size)
    deviation = np.sqrt(np.maximum(cv2.blur(values * values, size) - mean * mean, 0))
    return np.where(deviation >= _MIN_TEXTURE, (values - mean) / np.maximum(deviation, _MIN_TEXTURE), np.nan)


def _agreement(fixed: np.ndarray, moved: np.ndarray, shift: np.ndarray, known: np.ndarray) -> tuple[float, int]:
    """Correlation of `fixed` with `moved` at x + shift, over the pixels that have texture in both; and their number."""
    height, width = fixed.shape
    column = np.arange(width, dtype=np.float32) + shift
    row = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    warped = cv2.remap(moved, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
    valid = known & np.isfinite(fixed) & np.isfinite(warped)
    count = int(valid.sum())
    if count < 2:
        return 0.0, count
    a, b = fixed[valid].astype(np.float64), warped[valid].astype(np.float64)
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return (float((a * b).sum()) / norm if norm > 0 else 0.0), count
