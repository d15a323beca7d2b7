"""What the rasteriser draws: things that say, for the pixels of a window, how near they are and what colour.

A thing is met by rays of either camera in closed form. What is painted on it is looked up at the left-image
coordinates of the point met, whichever view is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from stereo_exp.shapes.paint import for_channels
from stereo_exp.shapes.shapes import Outline, Polygon
from stereo_exp.shapes.surface import Surface

Window = tuple[slice, slice]  # rows and columns of a view


class Hit(NamedTuple):
    """Where the rays of h×w pixels of a view meet a thing.

    Args:
        x: left-image columns of the points met, float64, 1×w or h×w.
        y: rows, float64 h×1.
        disparity: pixels, float32 h×w.
        inside: signed distance to the outline in pixels, positive within, float32 h×w; None covers everything.
        part: which side of the thing was met, int8 h×w; None where there is one only.
    """

    x: np.ndarray
    y: np.ndarray
    disparity: np.ndarray
    inside: np.ndarray | None
    part: np.ndarray | None = None

    def cut(self, rows: slice, columns: slice) -> Hit:
        """The same for a part of the window."""
        x = self.x[:, columns] if self.x.shape[0] == 1 else self.x[rows, columns]
        inside = None if self.inside is None else self.inside[rows, columns]
        part = None if self.part is None else self.part[rows, columns]
        return Hit(x, self.y[rows], self.disparity[rows, columns], inside, part)


class Item(Protocol):
    """A thing to draw."""

    def window(self, height: int, width: int, right: bool) -> Window | None:
        """The part of a view that it can touch, or None when it is out of sight."""
        ...

    def hit(self, columns: np.ndarray, y: np.ndarray, right: bool) -> Hit:
        """Where the rays of a view meet it: `columns` 1×w and `y` h×1 are float64 pixels of that view."""
        ...

    def colors(self, hit: Hit, right: bool) -> np.ndarray:
        """RGB at the points met, 0..255 and beyond for lights, float32 h×w×3, writable."""
        ...


class Paint(Protocol):
    """What lies on a surface."""

    def colors(self, x: np.ndarray, y: np.ndarray, disparity: np.ndarray) -> np.ndarray:
        """RGB 0..255 at left-image coordinates with their disparity: float32 h×w×3, writable."""
        ...


class Stain(Protocol):
    """What changes the colours of a surface in some place: a shadow, a highlight."""

    def apply(self, colours: np.ndarray, hit: Hit, right: bool) -> None:
        """Change h×w×3 colours in place."""
        ...


@dataclass(frozen=True, eq=False)
class Sheet:
    """A painted surface in closed form with an outline; an outline of None has no end.

    `light` is (level, slope in x, slope in y) of the brightness factor, slopes a pixel from the outline's
    centre. `stains` are applied after the light.
    """

    surface: Surface
    texture: Paint
    outline: Outline | Polygon | None
    light: tuple[float, float, float] = (1.0, 0.0, 0.0)
    stains: tuple[Stain, ...] = ()

    def window(self, height: int, width: int, right: bool) -> Window | None:
        """See `Item`."""
        if self.outline is None:
            return slice(0, height), slice(0, width)
        box = self.outline.extent
        first, last = box.left - 1, box.right + 1  # a pixel more, for the soft edge
        top, bottom = max(math.floor(box.top - 1), 0), min(math.ceil(box.bottom + 1), height - 1)
        if top > bottom:
            return None
        if right:
            # x' = (1 − b)·x − (a + f(y)) is monotonous in x, so the ends of the intervals bound it.
            low, high = self.surface.column_range(top, bottom)
            ends = [(1 - self.surface.b) * end - shift for end in (first, last) for shift in (low, high)]
            first, last = min(ends), max(ends)
        return clamp(first, top, last, bottom, height, width)

    def hit(self, columns: np.ndarray, y: np.ndarray, right: bool) -> Hit:
        """See `Item`."""
        # float64 costs little here and keeps the two views' disparities equal to a millionth of a pixel.
        x = self.surface.to_left(columns, y) if right else columns
        disparity = (x - columns if right else self.surface.disparity(x, y)).astype(np.float32)
        return Hit(x, y, disparity, None if self.outline is None else self.outline.inside(x, y))

    def colors(self, hit: Hit, right: bool) -> np.ndarray:
        """See `Item`."""
        colours = self.texture.colors(hit.x, hit.y, hit.disparity)
        self._light(colours, hit.x, hit.y)
        for stain in self.stains:
            stain.apply(colours, hit, right)
        return colours

    def _light(self, colours: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """Multiply by the brightness, which is kept in 0.3..1.4."""
        level, slope_x, slope_y = self.light
        if not slope_x and not slope_y:
            colours *= np.float32(level)
            return
        centre_x, centre_y = (self.outline.x, self.outline.y) if self.outline else (0.0, 0.0)
        down = level * (1 + slope_y * (y - centre_y) - slope_x * centre_x)
        factor = (np.float32(level * slope_x) * x.astype(np.float32)) + down.astype(np.float32)
        colours *= for_channels(np.clip(factor, np.float32(0.3), np.float32(1.4)))


def clamp(first: float, top: float, last: float, bottom: float, height: int, width: int) -> Window | None:
    """The window that holds a rectangle in pixels, or None when they do not meet."""
    x0, y0 = max(math.floor(first), 0), max(math.floor(top), 0)
    x1, y1 = min(math.ceil(last), width - 1), min(math.ceil(bottom), height - 1)
    if x0 > x1 or y0 > y1:
        return None
    return slice(y0, y1 + 1), slice(x0, x1 + 1)
