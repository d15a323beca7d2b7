"""All things: importing this module fills the register; `build_thing` draws one for a place."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes import things
from stereo_exp.shapes.meshes.thing import PLACES, Thing
from stereo_exp.shapes.meshes.things.maker import THINGS as THINGS
from stereo_exp.shapes.meshes.things.maker import Maker as Maker

MODULES = tuple(
    import_module(f"{things.__name__}.{each.name}")
    for each in pkgutil.iter_modules(things.__path__)
    if f"{things.__name__}.{each.name}" != __name__
)
"""Of this folder, in the order of their names: kinds are drawn in the order in which they are registered."""


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
