"""A map of numbers in colours."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from stereo_exp.geometry.drawing.scales import (
    CONFIDENCE_MAP,
    DEPTH_MAP,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR_MAP,
    Scale,
)

UNKNOWN_GREY = 128
"""What is not finite is drawn in this grey."""

# Stops of a scale whose middle is nearly white: red below, blue above, as dark at both ends.
_RED_BLUE = (
    (110, 10, 32),
    (200, 70, 62),
    (246, 176, 140),
    (246, 246, 246),
    (154, 202, 226),
    (58, 130, 188),
    (14, 54, 104),
)
_LEVELS = 256


def color_map(values: np.ndarray, scale: Scale) -> np.ndarray:
    """A map in colours.

    Args:
        values: float H×W.
        scale: which number has which colour.

    Returns:
        uint8 H×W×3 RGB, grey where a value is not finite.
    """
    levels = (scale.place(values) * (_LEVELS - 1)).astype(np.uint8)
    picture = color_table(scale.colours)[levels]
    picture[~np.isfinite(values)] = UNKNOWN_GREY
    return picture


@lru_cache(maxsize=8)
def color_table(colours: str) -> np.ndarray:
    """uint8 256×3 RGB of a scale, from its low end to its high one.

    Raises:
        ValueError: there is no scale of that name.
    """
    ramp = np.arange(_LEVELS, dtype=np.uint8)[:, None]
    if colours == DIFFERENCE_MAP:
        stops = np.array(_RED_BLUE, np.float64)
        places = np.linspace(0, len(stops) - 1, _LEVELS)
        columns = [np.interp(places, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
        return np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    if colours == DEPTH_MAP:
        return np.ascontiguousarray(color_table(DISPARITY_MAP)[::-1])
    if colours == CONFIDENCE_MAP:
        return ramp.repeat(3, axis=1)
    codes = {DISPARITY_MAP: cv2.COLORMAP_TURBO, ERROR_MAP: cv2.COLORMAP_MAGMA}
    if colours not in codes:
        known = ", ".join((DISPARITY_MAP, DEPTH_MAP, CONFIDENCE_MAP, ERROR_MAP, DIFFERENCE_MAP))
        raise ValueError(f"no colours are called {colours}, only {known}")
    return np.ascontiguousarray(cv2.applyColorMap(ramp, codes[colours])[:, 0, ::-1])
