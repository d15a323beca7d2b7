"""All things: importing this module fills the register; `build_thing` draws one for a place."""

from __future__ import annotations

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.thing import PLACES, Thing
from stereo_exp.shapes.meshes.things import (
    belongings,
    books,
    bushes,
    chairs,
    cloth,
    curios,
    electronics,
    facades,
    fences,
    figures,
    fittings,
    food,
    household,
    lamps,
    outdoors,
    plants,
    prints,
    sculptures,
    shelves,
    sofas,
    sticks,
    stones,
    tables,
    thin,
    tools,
    toys,
    trees,
    vehicles,
    vessels,
)
from stereo_exp.shapes.meshes.things.maker import THINGS as THINGS
from stereo_exp.shapes.meshes.things.maker import Maker as Maker

MODULES = (
    belongings,
    books,
    bushes,
    chairs,
    cloth,
    curios,
    electronics,
    facades,
    fences,
    figures,
    fittings,
    food,
    household,
    lamps,
    outdoors,
    plants,
    prints,
    sculptures,
    shelves,
    sofas,
    sticks,
    stones,
    tables,
    thin,
    tools,
    toys,
    trees,
    vehicles,
    vessels,
)
"""Where the generators are."""


def list_makers(place: str) -> list[Maker]:
    """The kinds that belong somewhere.

    Raises:
        ArgumentError: no such place.
    """
    if place not in PLACES:
        raise ArgumentError("place", place, f"is one of {', '.join(PLACES)}", "name one of them")
    return [maker for maker in THINGS.values() if place in maker.places]


def choose_maker(rng: np.random.Generator, place: str) -> Maker:
    """A kind for a place, by the shares."""
    makers = list_makers(place)
    shares = np.array([maker.share for maker in makers])
    return makers[int(rng.choice(len(makers), p=shares / shares.sum()))]


def build_thing(rng: np.random.Generator, place: str) -> Thing:
    """A thing for a place: kinds by their shares, another one each time."""
    return choose_maker(rng, place)(rng)
