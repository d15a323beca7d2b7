"""Rules that several schema nodes share."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from stereo_exp.errors import UserError

IMAGE_STEP = 32


def finite(key: str, value: float) -> None:
    """Neither infinite nor NaN."""
    if not -math.inf < value < math.inf:
        raise UserError(key, value, "must be a finite number", f"try {key}=1")


def positive(key: str, value: float) -> None:
    """`value` > 0 and finite."""
    finite(key, value)
    if not value > 0:
        raise UserError(key, value, "must be greater than 0", f"try {key}=1")


def at_least(key: str, value: float, minimum: float) -> None:
    """`value` ≥ `minimum` and finite."""
    finite(key, value)
    if not value >= minimum:
        raise UserError(key, value, f"must be at least {minimum}", f"try {key}={minimum}")


def fraction(key: str, value: float) -> None:
    """0 ≤ `value` < 1."""
    if not 0 <= value < 1:
        raise UserError(key, value, "must be at least 0 and below 1", f"try {key}=0")


def one_of(key: str, value: str, choices: Collection[str]) -> None:
    """`value` is among `choices`."""
    if value not in choices:
        first = next(iter(choices))
        raise UserError(key, value, f"must be one of {', '.join(choices)}", f"try {key}={first}")


def image_size(key: str, size: Sequence[int]) -> None:
    """Height and width, multiples of 32: five halvings."""
    if len(size) != 2 or any(s <= 0 or s % IMAGE_STEP for s in size):
        raise UserError(
            key,
            list(size),
            f"must be [height, width], both multiples of {IMAGE_STEP}",
            f"try {key}=[256,512]",
        )
