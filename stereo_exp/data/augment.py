"""Augmentations by name. The reference recipe has none but its crop, so all of them are off unless asked for.

To add one: a class with keyword arguments and `__call__(sample, rng)`, and its line in `AUGMENTATIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from stereo_exp.data.sample import StereoSample
from stereo_exp.errors import UserError
from stereo_exp.registry import Registry

AUGMENTATIONS = Registry(
    "augment",
    {
        "photometric": "stereo_exp.data.augment:Photometric",
        "vertical_flip": "stereo_exp.data.augment:VerticalFlip",
    },
)


class Augmentation(Protocol):
    """Takes a cropped sample and returns a new one; draws from `rng` and from nothing else."""

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample: ...


class Augment:
    """Several augmentations, one after the other; none of them gives the sample back as it is."""

    def __init__(self, ops: Sequence[Augmentation] = ()) -> None:
        self.ops = tuple(ops)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        for op in self.ops:
            sample = op(sample, rng)
        return sample


def build_augment(specs: Sequence[Mapping[str, Any]]) -> Augment:
    """Build what a config lists, e.g. `[{"name": "photometric", "gamma": 0.2}, {"name": "vertical_flip"}]`.

    Raises:
        UserError: no such augmentation, no such argument, or a value out of range.
    """
    ops = []
    for spec in specs:
        arguments = dict(spec)
        name = arguments.pop("name", None)
        op = AUGMENTATIONS[str(name)]
        known = op.__dataclass_fields__
        for argument in arguments:
            if argument not in known:
                rule = f"{name} takes {', '.join(known)}"
                raise UserError(f"augment.{name}", argument, rule, "use one of these")
        ops.append(op(**arguments))
    return Augment(ops)


@dataclass(frozen=True)
class Photometric:
    """Brightness, contrast and gamma, drawn apart for the two views: two cameras never expose alike.

    v in [0, 1] becomes clip((v ** g - 0.5) · c + 0.5 + b), with b from ±brightness, c from 1 ± contrast and
    log g from ± log(1 + gamma).

    Args:
        brightness, contrast, gamma: half-ranges; contrast below 1.
        probability: share of the views that are changed.
    """

    brightness: float = 0.1
    contrast: float = 0.2
    gamma: float = 0.2
    probability: float = 0.8

    def __post_init__(self) -> None:
        _check("photometric.brightness", self.brightness, 0, 1)
        _check("photometric.contrast", self.contrast, 0, 0.99)
        _check("photometric.gamma", self.gamma, 0, 10)
        _check("photometric.probability", self.probability, 0, 1)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        return replace(sample, left=self._view(sample.left, rng), right=self._view(sample.right, rng))

    def _view(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # Every view takes four draws, changed or not, so that one view's luck does not shift the next one's.
        chosen, b, c, g = rng.random(4)
        if chosen >= self.probability:
            return image
        values = (np.arange(256) / 255) ** ((1 + self.gamma) ** (2 * g - 1))
        values = (values - 0.5) * (1 + self.contrast * (2 * c - 1)) + 0.5 + self.brightness * (2 * b - 1)
        return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)[image]


@dataclass(frozen=True)
class VerticalFlip:
    """Turns both views and the truth upside down, which leaves a rectified pair rectified."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        _check("vertical_flip.probability", self.probability, 0, 1)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        if rng.random() >= self.probability:
            return sample
        return replace(
            sample,
            left=sample.left[::-1],
            right=sample.right[::-1],
            disparity=None if sample.disparity is None else sample.disparity[::-1],
            noc=None if sample.noc is None else sample.noc[::-1],
        )


def _check(key: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(
            f"augment.{key}",
            value,
            f"must be a number from {low} to {high}",
            f"e.g. {(low + high) / 2}",
        )
