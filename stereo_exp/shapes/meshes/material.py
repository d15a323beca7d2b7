"""What a surface does with light: it scatters it in the colours of its paint, shines, or is metal.

There are no mirrors and no clear glass: a network would match what they show, and the truth is of the pane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.paints import Paint

_SMOOTHEST = 0.08  # of a glossy surface: below it reflections are sharp enough to be matched
_SMOOTHEST_METAL = 0.15


@dataclass(frozen=True, eq=False)
class Material:
    """The surface of one part of one thing.

    Args:
        paint: its tile; None is one plain colour, `tint`.
        tint: RGB factors of the paint, as light.
        gloss: share of light that is reflected head-on, 0 (chalk) to 0.2; ordinary varnish has 0.04.
        roughness: of the reflection, 0.08 (satin) to 1 (dull); metal not below 0.15.
        metal: whether it reflects in its own colour and scatters nothing.
        glow: RGB light that it emits, in units of the scene.
        boxed: lay the paint on along the thing's own axes, whatever its paint coordinates say.
        shift: by how many repeats (u, v) the paint is moved.
        turn: radians by which it is turned.
    """

    paint: Paint | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gloss: float = 0.0
    roughness: float = 0.5
    metal: bool = False
    glow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    boxed: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.gloss <= 0.2:
            raise ArgumentError("gloss", self.gloss, "must be 0..0.2: there are no mirrors", "give {gloss}=0.04")
        least = _SMOOTHEST_METAL if self.metal else _SMOOTHEST
        if not least <= self.roughness <= 1:
            rule = f"must be {least}..1: sharp reflections would be matched in place of the surface"
            raise ArgumentError("roughness", self.roughness, rule, "give {roughness}=0.3")

    @property
    def mean(self) -> np.ndarray:
        """Its mean colour as light: float32 3."""
        colour: np.ndarray = np.array(self.tint, np.float32) * (1 if self.paint is None else self.paint.mean)
        return colour


class Looks(NamedTuple):
    """The materials of a scene, one an entry: int32 paint (−1: none), float32 tint, mean and glow ×3, gloss, roughness,
    bool metal."""

    paints: np.ndarray
    tints: np.ndarray
    means: np.ndarray
    glows: np.ndarray
    gloss: np.ndarray
    roughness: np.ndarray
    metal: np.ndarray


def pack_materials(materials: Sequence[Material]) -> tuple[Looks, list[Paint]]:
    """Materials in columns, and the different paints among them in the order in which they come."""
    paints = list({id(each.paint): each.paint for each in materials if each.paint is not None}.values())
    numbers = {id(paint): number for number, paint in enumerate(paints)}
    looks = Looks(
        np.array([-1 if each.paint is None else numbers[id(each.paint)] for each in materials], np.int32),
        np.array([each.tint for each in materials], np.float32),
        np.array([each.mean for each in materials], np.float32),
        np.array([each.glow for each in materials], np.float32),
        np.array([each.gloss for each in materials], np.float32),
        np.array([each.roughness for each in materials], np.float32),
        np.array([each.metal for each in materials], bool),
    )
    return looks, paints
