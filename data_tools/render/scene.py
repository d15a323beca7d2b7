"""A scene: everything needed to draw one pair."""

from __future__ import annotations

from dataclasses import dataclass

from data_tools.render.item import Item
from data_tools.render.photometry import Camera
from data_tools.render.surface import HIGHEST

_WIDTH_SHARE = 0.4  # no disparity exceeds this part of the width, or most of the picture would have no partner


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything needed to draw one pair.

    Args:
        height, width: pixels.
        kind: what it shows, one of `scenes.KINDS`.
        items: from far to near.
        num_objects: how many of them are objects; the rest are walls, ground and sky.
        cameras: of the left and the right view.
    """

    height: int
    width: int
    kind: str
    items: tuple[Item, ...]
    num_objects: int
    cameras: tuple[Camera, Camera]


def largest_disparity(width: int) -> float:
    """The largest disparity in scenes of this width: 190 px from 475 px upwards, less in narrower ones."""
    return min(HIGHEST, _WIDTH_SHARE * width)
