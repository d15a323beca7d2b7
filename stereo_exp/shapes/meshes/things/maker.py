"""The register of things: each generator, where its things belong, how often they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.thing import PLACES, Thing
from stereo_exp.shapes.meshes.things.kit import Kit

Draft = Callable[[Kit], None]


@dataclass(frozen=True)
class Maker:
    """Makes things of one kind: called with a random generator, it returns another thing each time.

    Args:
        name: the kind.
        draft: puts the parts into a kit.
        places: where its things belong, of `PLACES`.
        share: how often it is wanted, over the others of its place.
        backed: whether it stands with its back to a wall.
        elevation: at a wall, how high its lower edge hangs above the floor: least and most, metres.
    """

    name: str
    draft: Draft
    places: tuple[str, ...]
    share: float = 1.0
    backed: bool = False
    elevation: tuple[float, float] = (0.0, 0.0)

    def __call__(self, rng: np.random.Generator) -> Thing:
        kit = Kit(rng)
        self.draft(kit)
        return kit.finish(self.name, self.places)


THINGS: dict[str, Maker] = {}
"""Every kind by its name; `catalogue` fills it."""


def register(
    *places: str, share: float = 1.0, backed: bool = False, elevation: tuple[float, float] = (0.0, 0.0)
) -> Callable[[Draft], Maker]:
    """Decorates `build_NAME(kit)`: makes it a `Maker` that is called with a random generator, and registers it.

    Raises:
        ArgumentError: an unknown place, or a name that is taken.
    """
    for place in places:
        if place not in PLACES:
            raise ArgumentError("places", place, f"they are {', '.join(PLACES)}", "name one of them")

    def declare(draft: Draft) -> Maker:
        name = draft.__name__.removeprefix("build_")
        if name in THINGS:
            raise ArgumentError("name", name, "one kind has one generator", "choose another name")
        maker = Maker(name, draft, places, share, backed, elevation)
        THINGS[name] = maker
        return maker

    return declare
