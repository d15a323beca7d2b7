"""Rules that several schema nodes share."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from stereo_exp.base import MAX_SCALE, USUAL_SIZE, UserError


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


def pair_scale(key: str, value: float | None) -> None:
    """0 < `value` ≤ 8: what a pair is resized by; None leaves it open."""
    if value is not None and not 0 < value <= MAX_SCALE:
        raise UserError(key, value, f"must be above 0 and at most {MAX_SCALE:g}", f"try {key}=1.5")


def one_of(
    key: str, value: str | int, choices: Collection[str] | Collection[int], example: str | int | None = None
) -> None:
    """`value` is among `choices`; the error's example is the first of them, or `example`."""
    if value not in choices:
        named = [str(each) for each in choices]
        raise UserError(key, value, f"must be one of {', '.join(named)}", f"try {key}={example or named[0]}")


def counts(key: str, values: Sequence[int], minimum: int, length: int | None = None) -> None:
    """`length` whole numbers (None: one or more), each at least `minimum`."""
    if (len(values) == length if length is not None else len(values) > 0) and all(v >= minimum for v in values):
        return
    number = len(values) or 1 if length is None else length
    rule = f"must be {'one or more' if length is None else length} whole numbers of at least {minimum}"
    example = ",".join(map(str, [*(max(v, minimum) for v in values), *[max(minimum, 1)] * number][:number]))
    raise UserError(key, list(values), rule, f"try {key}=[{example}]")


def image_size(key: str, size: Sequence[int] | None, usual: tuple[int, int] = USUAL_SIZE) -> None:
    """Height and width, both positive; None leaves them open. Of what they must be multiples, the network knows: sizes
    are rounded up where they are used (`stereo_exp.suite.build`)."""
    if size is None or (len(size) == 2 and min(size) > 0):
        return
    height, width = usual
    raise UserError(key, list(size), "must be [height, width] in px, both above 0", f"try {key}=[{height},{width}]")


def crop_size(key: str, size: Sequence[int], multiple: int) -> None:
    """Height and width of training crops, multiples of what the network takes. Nothing pads a crop, so that none is
    rounded silently into another training."""
    if all(s > 0 and s % multiple == 0 for s in size):
        return
    # The nearest multiples; halves go up.
    height, width = (max(1, (2 * s + multiple) // (2 * multiple)) * multiple for s in size)
    rule = f"must be [height, width] in px, both multiples of {multiple}"
    raise UserError(key, list(size), rule, f"try {key}=[{height},{width}]")
