"""Scales: which number a colour stands for, chosen from what a map holds, and the numbers written beside the bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DISPARITY_MAP, DEPTH_MAP, CONFIDENCE_MAP = "turbo", "turbo_r", "grey"
ERROR_MAP, DIFFERENCE_MAP = "magma", "red_blue"


@dataclass(frozen=True)
class Scale:
    """From numbers to places between the two ends of a row of colours.

    Attributes:
        low, high: what stands at the two ends; beyond them the colours stay.
        colours: `turbo`, `turbo_r` (reversed), `grey`, `magma` or `red_blue`.
        unit: above the bar.
        logarithmic: equal ratios take equal room; both ends are above 0 then.

    Raises:
        ValueError: the ends are not finite, fall, or a logarithm begins at 0 or below.
    """

    low: float = 0.0
    high: float = 1.0
    colours: str = DISPARITY_MAP
    unit: str = "px"
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"the ends of a scale are finite and rise, not {self.low} and {self.high}")
        if self.logarithmic and self.low <= 0:
            raise ValueError(f"a logarithmic scale begins above 0, not at {self.low}")

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where numbers stand: float, 0 at `low` and 1 at `high`, cut there; 0 where they are not finite."""
        values = np.where(np.isfinite(values), values, self.low)
        low, high = self.low, self.high
        if self.logarithmic:
            values, low, high = np.log(np.maximum(values, low)), math.log(low), math.log(high)
        # A map of one value alone has ends that coincide.
        return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros(values.shape)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many round numbers from end to end, two or more, with what to write beside them."""
        if not self.logarithmic or self.high < _NEARLY_LINEAR * self.low:
            return place_ticks(self.low, self.high, most)
        found = [_decades(self.low, self.high, digits) for digits in _DIGITS]
        span = math.log(self.high / self.low) if self.high > self.low else 0.0
        for values in found:
            gaps = np.diff(np.log(values))
            # Numbers crowd towards the end of a decade: they need their room there too.
            if len(values) > 1 and gaps.min() * most >= span:
                return [(value, f"{value:g}") for value in values]
        return place_ticks(self.low, self.high, most)


_NEARLY_LINEAR = 3.0
_DIGITS = ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


def _decades(low: float, high: float, digits: tuple[float, ...]) -> list[float]:
    """The digits in each power of ten, of those from `low` to `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (digit * 10.0**power for power in powers for digit in digits)
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


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


# Scales that fit what is shown.


CONFIDENCE = Scale(0.0, 1.0, CONFIDENCE_MAP, "")
"""Of a confidence: black is none."""
ERROR = Scale(0.0, 8.0, ERROR_MAP)
"""Of an absolute error. Its ends are fixed, so that pictures of different runs compare."""
DIFFERENCE = Scale(-2.0, 2.0, DIFFERENCE_MAP)
"""Of two disparities' difference, fixed likewise."""
_NEAR, _FAR = 1.0, 99.0
"""Percentiles at the two ends: single wrong pixels do not stretch the scale."""
_FAR_DEPTH = 95.0
"""Far away a pixel is many metres, and sky is any number: depth ends sooner."""
_LEAST_SPAN, _LEAST_RATIO, _MOST_RATIO = 4.0, 1.25, 100.0
_STEPS = 16


def fit_disparity(*maps: np.ndarray) -> Scale:
    """From the 1st to the 99th percentile of all maps' known values (finite, above 0), rounded outwards.

    Args:
        maps: float, px, any shapes. All are shown on the one scale.

    Returns:
        4 px wide at least, so that the noise of a flat wall does not take every colour; 0 to 4 where nothing is known.
    """
    found = _percentiles(maps, _NEAR, _FAR)
    if found is None:
        return Scale(0.0, _LEAST_SPAN)
    low, high = found
    lacks = max(_LEAST_SPAN - (high - low), 0.0) / 2
    low, high = max(low - lacks, 0.0), high + lacks
    step = _round_step((high - low) / _STEPS)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step)


def fit_depth(*maps: np.ndarray) -> Scale:
    """Logarithmic, from the 1st to the 95th percentile of all maps' known values (finite, above 0), rounded outwards.

    Args:
        maps: float, m, any shapes.

    Returns:
        From near, red, to far, blue: the colours that disparity has there. Its ends differ by a factor of 1.25 to 100;
        1 to 10 m where nothing is known.
    """
    found = _percentiles(maps, _NEAR, _FAR_DEPTH)
    low, high = found if found is not None else (1.0, 10.0)
    high = min(high, low * _MOST_RATIO)
    if high < low * _LEAST_RATIO:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(_LEAST_RATIO), middle * math.sqrt(_LEAST_RATIO)
    return Scale(_round_digits(low, math.floor), _round_digits(high, math.ceil), DEPTH_MAP, "m", logarithmic=True)


def _percentiles(maps: tuple[np.ndarray, ...], *which: float) -> tuple[float, float] | None:
    known = np.concatenate([m[np.isfinite(m) & (m > 0)].ravel() for m in maps])
    if not known.size:
        return None
    low, high = np.percentile(known, which)
    return float(low), float(high)


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _round_digits(value: float, way: Callable[[float], int]) -> float:
    """Two digits that count."""
    power = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{way(value / power) * power:.12g}")
