"""Augmentations by name, as a bound configuration holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stereo_exp.base.registry import group
from stereo_exp.config.schema import Root
from stereo_exp.data.augment import Augment

# The schema declares them.
assert Root
AUGMENTATIONS = {name: option.load() for name, option in group("augment").items()}


def build_augment(specs: Sequence[Mapping[str, Any]]) -> Augment:
    """What `[{"name": "photometric", "gamma": 0.2}, {"name": "vertical_flip"}]` lists."""
    return Augment([AUGMENTATIONS[spec["name"]](**{k: v for k, v in spec.items() if k != "name"}) for spec in specs])
