"""A thing: a mesh, what its parts are made of, and where one finds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.mesh import Mesh

STUFFS = (
    "wood", "metal", "fabric", "paint", "plastic", "ceramic", "stone", "paper", "leaf", "bark", "soil", "rubber",
    "leather", "wicker", "screen", "print",
)  # fmt: skip
"""What a part can be made of. A scene chooses the paint, its colour and its gloss by it."""
PLACES = ("floor", "surface", "wall", "ceiling", "ground", "air")
"""Where a thing belongs: on a floor indoors, on a table or a shelf, at a wall, hung from a ceiling, outdoors on the
ground, floating."""


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing at its true size.

    Args:
        name: its kind, such as `chair`.
        mesh: standing on z = 0 (hung from z = 0 where its place is the ceiling, its back on y = 0 at a wall).
        stuffs: what each slot of the mesh is made of, one of `STUFFS` a slot.
        places: where it belongs, of `PLACES`.
    """

    name: str
    mesh: Mesh
    stuffs: tuple[str, ...]
    places: tuple[str, ...]

    def __post_init__(self) -> None:
        for argument, words, known in (("stuffs", self.stuffs, STUFFS), ("places", self.places, PLACES)):
            for word in words:
                if word not in known:
                    raise ArgumentError(argument, word, f"they are {', '.join(known)}", "name one of them")
        if len(self.mesh.slots) and int(self.mesh.slots.max()) >= len(self.stuffs):
            raise ArgumentError(
                "stuffs", len(self.stuffs), f"the mesh has slots up to {int(self.mesh.slots.max())}", "name each slot's"
            )

    @property
    def size(self) -> np.ndarray:
        """Width, depth and height in metres: float32 3."""
        low, high = self.mesh.bounds
        size: np.ndarray = high - low
        return size
