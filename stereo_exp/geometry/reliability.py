"""What a network's own sureness is worth: the probability that a disparity is right, and by how much it is wrong.

A network says how much of its distribution lies near the disparity. How often it is right when it says so was counted
on pairs with truth: a table from sureness to the distribution of errors, in px of the images as the network sees them,
so that one table serves every enlargement. Finding a pixel's probability is one look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

RIGHT_PX = 2.0
"""A disparity is right within so many px of the image as it was given."""
LEVELS = 65000
"""Sureness as 16 bits: this is 1; what rounding lifts above 1 fits too."""
LIMITS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""Px as the network sees them: how often the error stays within each is counted."""
TABLE = 1 << 16
"""Levels that 16 bits have."""
DIGITS = 4
"""Of a number in files."""


@dataclass(frozen=True)
class Curve:
    """How errors are distributed, by sureness. Probabilities rise with it, and the expected error falls.

    Attributes:
        sureness: 0…1, rising; between them it is linear.
        within: for each sureness the probabilities that the error is at most each of `LIMITS`.
        error: for each sureness the expected error, px as the network sees them.
    """

    sureness: tuple[float, ...]
    within: tuple[tuple[float, ...], ...]
    error: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("sureness", self.sureness), ("within", self.within), ("error", self.error)):
            found = np.asarray(values, np.float64)
            if len(found) != len(self.sureness) or not len(found) or not np.isfinite(found).all() or (found < 0).any():
                raise ValueError(f"{name} must have a finite number, 0 or more, for each sureness")
        if (
            (np.diff(self.sureness) <= 0).any()
            or np.shape(self.within)[1:] != (len(LIMITS),)
            or np.max(self.within) > 1
        ):
            raise ValueError(f"sureness must rise, and have {len(LIMITS)} probabilities each")

    def look_up(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Probability to be right, and expected error in px of the image as given, float32 of each of 2¹⁶ levels.

        Args:
            ratio: width as the network sees it over width as given.
        """
        limit = RIGHT_PX * ratio
        # Within no px there is nothing.
        right = [np.interp(limit, (0.0, *LIMITS), (0.0, *row)) for row in self.within]
        levels = np.arange(TABLE) / LEVELS
        tables = (np.interp(levels, self.sureness, column) for column in (right, np.divide(self.error, ratio)))
        probability, error = (np.ascontiguousarray(table, np.float32) for table in tables)
        return probability, error


@dataclass(frozen=True)
class Reliability:
    """The tables of a network's weights.

    Attributes:
        plain: of its own disparity.
        refined: of the one that semi-global matching corrected; None: nobody counted, `plain` serves.
        origin: the pairs that they were counted on, for people.
    """

    plain: Curve
    refined: Curve | None = None
    origin: str = ""

    def tables(self, ratio: float, refined: bool) -> tuple[np.ndarray, np.ndarray]:
        """`Curve.look_up`, made once."""
        return _tables(self.refined if refined and self.refined is not None else self.plain, float(ratio))

    def to_json(self) -> dict[str, Any]:
        """As files have it: a text for each sureness, with the probabilities and the expected error behind it."""
        curves = {"plain": self.plain, "refined": self.refined}
        rows = {name: None if curve is None else _to_rows(curve) for name, curve in curves.items()}
        return {"origin": self.origin, "limits_px": list(LIMITS), **rows}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Reliability:
        """The inverse of `to_json`.

        Raises:
            ValueError: it is none.
        """
        try:
            if [float(limit) for limit in facts["limits_px"]] != list(LIMITS):
                raise ValueError(f"its limits are not {LIMITS}")
            refined = facts.get("refined")
            return cls(_of_rows(facts["plain"]), None if refined is None else _of_rows(refined), str(facts["origin"]))
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"is no table of reliability ({error!r})") from None


def to_levels(sureness: np.ndarray) -> np.ndarray:
    """float32 0…1 to uint16; what is no number is the least sure."""
    with np.errstate(invalid="ignore"):
        return (sureness * np.float32(LEVELS)).astype(np.uint16)


def look_up(table: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """float32 of every level, the shape of `levels`."""
    if _HAS_LONG_TABLES:
        found: np.ndarray = cv2.LUT(levels, table)
        return found
    return np.take(table, levels)


def _has_long_tables() -> bool:
    """Whether this OpenCV looks up 16 bits: four times as fast as numpy, from release 5 on."""
    try:
        return bool(cv2.LUT(np.full((1, 1), 7, np.uint16), np.arange(TABLE, dtype=np.float32))[0, 0] == 7)
    except cv2.error:
        return False


_HAS_LONG_TABLES = _has_long_tables()


@lru_cache(maxsize=64)
def _tables(curve: Curve, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    return curve.look_up(ratio)


def _to_rows(curve: Curve) -> list[str]:
    rows = zip(curve.sureness, curve.within, curve.error, strict=True)
    return [" ".join(f"{value:.{DIGITS}f}" for value in (sure, *within, error)) for sure, within, error in rows]


def _of_rows(rows: Sequence[str]) -> Curve:
    values = [tuple(float(word) for word in row.split()) for row in rows]
    return Curve(tuple(row[0] for row in values), tuple(row[1:-1] for row in values), tuple(row[-1] for row in values))
