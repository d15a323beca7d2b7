"""Augmentations by name, as a bound configuration holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stereo_exp.base.registry import group
from stereo_exp.config.binding import fields_at
from stereo_exp.config.schema import Root
from stereo_exp.data.augment import Augment

# The schema declares them.
assert Root
AUGMENTATIONS = {name: option.load() for name, option in group("augment").items()}


def build_augment(specs: Sequence[Mapping[str, Any]]) -> Augment:
    """What `[{"name": "photometric", "gamma": 0.2}, {"name": "vertical_flip"}]` lists."""
    return Augment([_made(**spec) for spec in specs])


def _made(name: str | None = None, **arguments: Any) -> Any:
    option = group("augment")[name]  # type: ignore[index]
    with fields_at(f"augment.{name}"):
        return option.load()(**arguments)
