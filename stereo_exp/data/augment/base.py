"""Augmentations by name. The reference recipe has none but its crop, so all of them are off unless asked for.

One is a frozen dataclass with checked arguments, `before_crop`, and `__call__(sample, rng)`; its fields are the keys
of the configuration below `augment`, each with a sentence under it for `--help augment`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Protocol

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry import StereoSample, random_crop


class Augmentation(Protocol):
    """Takes a cropped sample and returns a new one; draws from `rng` and from nothing else."""

    before_crop: ClassVar[bool]

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample: ...


class WholeAugmentation(Protocol):
    """Takes the whole pair, ahead of the crop; `crop` is the size (height, width) that will be cut from it."""

    before_crop: ClassVar[bool]

    def __call__(
        self, sample: StereoSample, rng: np.random.Generator, crop: tuple[int, int] | None = None
    ) -> StereoSample: ...


class Augment:
    """Several augmentations and the random crop.

    What must see the whole pair (`before_crop`) comes first, then the crop, then the rest, each part in the
    order given. No augmentations and no crop give the sample back as it is.
    """

    def __init__(self, ops: Sequence[Any] = ()) -> None:
        self.ops = tuple(ops)
        self._before: list[WholeAugmentation] = [op for op in self.ops if op.before_crop]
        self._after: list[Augmentation] = [op for op in self.ops if not op.before_crop]

    def __call__(
        self, sample: StereoSample, rng: np.random.Generator, crop: tuple[int, int] | None = None
    ) -> StereoSample:
        """Augment and crop one pair.

        Args:
            sample: the pair as its source has it.
            rng: all random numbers come from here, in one fixed order.
            crop: height and width to cut out; None keeps the whole pair.
        """
        for whole in self._before:
            sample = whole(sample, rng, crop)
        if crop is not None:
            sample = random_crop(sample, crop, rng)
        for op in self._after:
            sample = op(sample, rng)
        return sample


# What the arguments of an augmentation must keep.


def check_ranges(op: Any, **ranges: tuple[float, float]) -> None:
    """Refuse arguments that are no number, NaN, or out of range.

    Args:
        op: the augmentation, a dataclass all of whose fields have defaults.
        ranges: lowest and highest allowed value, inclusive, of every field.

    Raises:
        ArgumentError: naming the field; its default is the suggested fix.
    """
    for field in fields(op):
        value, (low, high) = getattr(op, field.name), ranges[field.name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            fix = f"try {{{field.name}}}={field.default}"
            raise ArgumentError(field.name, value, f"must be a number from {low} to {high}", fix)


def check_whole(op: Any, *names: str) -> None:
    """Refuse fractions; whole numbers arrive as floats, since the config holds numbers of one kind."""
    for field in names:
        value = getattr(op, field)
        if value != int(value):
            raise ArgumentError(field, value, "must be a whole number", f"try {{{field}}}={int(value)}")


def check_order(op: Any, low: str, high: str) -> None:
    """Refuse a lower bound above its upper bound."""
    lowest, highest = getattr(op, low), getattr(op, high)
    if lowest > highest:
        raise ArgumentError(low, lowest, f"must not exceed {{{high}}}={highest}", f"try {{{low}}}={highest}")


def draw_rectangles(
    rng: np.random.Generator, size: tuple[int, int], count_max: float, size_min: float, size_max: float
) -> Iterator[tuple[int, int, int, int]]:
    """One to `count_max` rectangles in an image, each drawn when it is asked for.

    Args:
        size: height and width of the image, px.
        count_max: whole.
        size_min, size_max: of a side, whole px; a rectangle is cut off at the image's edge.

    Yields:
        Top row, left column, rows and columns.
    """
    height, width = size
    for _ in range(int(rng.integers(1, int(count_max) + 1))):
        rows, columns = (int(side) for side in rng.integers(int(size_min), int(size_max) + 1, 2))
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        yield y, x, min(rows, height - y), min(columns, width - x)
