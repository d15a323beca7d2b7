"""What the arguments of an augmentation must keep."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from stereo_exp.errors import UserError


def check_ranges(op: Any, name: str, **ranges: tuple[float, float]) -> None:
    """Refuse arguments that are no number, NaN, or out of range.

    Args:
        op: the augmentation, a dataclass all of whose fields have defaults.
        name: what configs call it.
        ranges: lowest and highest allowed value, inclusive, of every field.

    Raises:
        UserError: naming `augment.<name>.<field>`; its default is the suggested fix.
    """
    for field in fields(op):
        value, (low, high) = getattr(op, field.name), ranges[field.name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            key = f"augment.{name}.{field.name}"
            raise UserError(key, value, f"must be a number from {low} to {high}", f"try {key}={field.default}")


def check_whole(op: Any, name: str, *names: str) -> None:
    """Refuse fractions; whole numbers arrive as floats, since the config holds numbers of one kind."""
    for field in names:
        value = getattr(op, field)
        if value != int(value):
            key = f"augment.{name}.{field}"
            raise UserError(key, value, "must be a whole number", f"try {key}={int(value)}")


def check_order(op: Any, name: str, low: str, high: str) -> None:
    """Refuse a lower bound above its upper bound."""
    if getattr(op, low) > getattr(op, high):
        key, bound = f"augment.{name}.{low}", f"augment.{name}.{high}"
        raise UserError(
            key, getattr(op, low), f"must not exceed {bound}={getattr(op, high)}", f"try {key}={getattr(op, high)}"
        )
