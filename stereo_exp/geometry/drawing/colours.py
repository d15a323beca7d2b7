"""Colour scales: a map of numbers in colours, and the ticks of the bar that explains them."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

DISPARITY_MAP, DEPTH_MAP, ERROR_MAP, DIFFERENCE_MAP = "turbo", "turbo_r", "magma", "red_blue"
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


def color_map(values: np.ndarray, limits: tuple[float, float], colours: str = DISPARITY_MAP) -> np.ndarray:
    """A map in colours.

    Args:
        values: float H×W.
        limits: values at the two ends of the scale; beyond them the colours stay.
        colours: `turbo`, `turbo_r` (reversed), `magma` or `red_blue`.

    Returns:
        uint8 H×W×3 RGB, grey where a value is not finite.
    """
    low, high = limits
    known = np.isfinite(values)
    # A map of one value alone has limits that coincide.
    stretch = (_LEVELS - 1) / (high - low) if high > low else 0.0
    levels = np.clip((np.where(known, values, low) - low) * stretch, 0, _LEVELS - 1).astype(np.uint8)
    picture = color_table(colours)[levels]
    picture[~known] = UNKNOWN_GREY
    return picture


@lru_cache(maxsize=4)
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
    codes = {DISPARITY_MAP: cv2.COLORMAP_TURBO, ERROR_MAP: cv2.COLORMAP_MAGMA}
    if colours not in codes:
        raise ValueError(
            f"no colours are called {colours}, only {DISPARITY_MAP}, {DEPTH_MAP}, {ERROR_MAP}, {DIFFERENCE_MAP}"
        )
    return np.ascontiguousarray(cv2.applyColorMap(ramp, codes[colours])[:, 0, ::-1])


def disparity_limits(*maps: np.ndarray) -> tuple[float, float]:
    """0 to the 99.5th percentile of the known values, rounded up to a multiple of 8 px."""
    known = np.concatenate([m[np.isfinite(m) & (m > 0)].ravel() for m in maps])
    top = float(np.percentile(known, 99.5)) if known.size else 8.0
    return 0.0, max(8.0, np.ceil(top / 8) * 8)


def place_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round numbers from `low` to `high`, evenly spaced, with what to write beside them.

    Args:
        most: how many there may be, two or more; there are as many as a step of 1, 2 or 5 times a power of ten gives,
            at least one.
    """
    span = high - low
    if not span > 0:
        return [(low, f"{low:g}")]
    power = 10.0 ** (math.floor(math.log10(span / most)))
    for step in (factor * power for factor in (1, 2, 5, 10, 20)):
        # A number that rounding puts beside an end is meant to be at it.
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    # Adding 0 makes the minus of -0 vanish.
    return [(step * i, f"{step * i + 0.0:.{decimals}f}") for i in range(first, last + 1)]
