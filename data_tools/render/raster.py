"""Drawing a scene: both views from the same closed-form geometry, each with its own depth buffer.

Neither view is made from the other. A right pixel is carried into the left image's coordinates by the exact
inverse of the surface under it, and outline and paint are looked up there; per view the largest disparity
wins, so that what is hidden in one view and seen in the other comes out true.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from data_tools.render.photometry import quantise
from data_tools.render.scene import Item, Scene


class Pair(NamedTuple):
    """A drawn scene.

    Images are uint8 H×W×3 RGB. Disparities are float32 H×W, in pixels, dense: `disparity_left[y, x]` matches
    the left pixel (x, y) with the right x − d, `disparity_right[y, x]` the right pixel with the left x + d;
    whether the partner is hidden or beyond the picture is for the reader to find.
    """

    left: np.ndarray
    right: np.ndarray
    disparity_left: np.ndarray
    disparity_right: np.ndarray


def render_scene(scene: Scene, *, photometric: bool = True, antialias: bool = True) -> Pair:
    """Draw both views.

    Args:
        scene: what to draw.
        photometric: each view through its own camera; False gives the colours of the surfaces alone.
        antialias: soften the colours over one pixel at outlines. Disparity is never blended in any case.
    """
    left, disparity_left = _draw(scene, False, antialias)
    right, disparity_right = _draw(scene, True, antialias)
    if photometric:
        images = scene.cameras[0].expose(left), scene.cameras[1].expose(right)
    else:
        images = quantise(left), quantise(right)
    return Pair(*images, disparity_left, disparity_right)


def _draw(scene: Scene, right: bool, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """One view: radiance, float32 H×W×3 in 0..255, and disparity, float32 H×W."""
    radiance = np.zeros((scene.height, scene.width, 3), np.float32)
    nearest = np.full((scene.height, scene.width), -np.inf, np.float32)
    for item in scene.items:
        window = _window(item, scene, right)
        if window is not None:
            _draw_item(item, window, right, antialias, radiance[window], nearest[window])
    return radiance, nearest


def _window(item: Item, scene: Scene, right: bool) -> tuple[slice, slice] | None:
    """Rows and columns of the view that the item can touch, or None when it is out of sight."""
    if item.outline is None:
        return slice(0, scene.height), slice(0, scene.width)
    box = item.outline.extent
    first, last = box.left - 1, box.right + 1  # a pixel more, for the soft edge
    top, bottom = max(math.floor(box.top - 1), 0), min(math.ceil(box.bottom + 1), scene.height - 1)
    if right:
        # x' = (1 − b)·x − (a + f(y)) grows with x, so the ends of the interval bound it.
        low, high = item.surface.column_range(top, bottom)
        first, last = (1 - item.surface.b) * first - high, (1 - item.surface.b) * last - low
    start, stop = max(math.floor(first), 0), min(math.ceil(last), scene.width - 1)
    if start > stop or top > bottom:
        return None
    return slice(top, bottom + 1), slice(start, stop + 1)


def _draw_item(
    item: Item,
    window: tuple[slice, slice],
    right: bool,
    antialias: bool,
    radiance: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Draw into the window's views of the two buffers."""
    rows, columns = window
    y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    column_x = np.arange(columns.start, columns.stop, dtype=np.float64)[None]
    # float64 costs little here and keeps the two views' disparities equal to a millionth of a pixel.
    x = item.surface.to_left(column_x, y) if right else column_x
    disparity = (x - column_x if right else item.surface.disparity(x, y)).astype(np.float32)
    in_front = disparity > nearest
    if item.outline is None:
        cover = in_front
        alpha = None
    else:
        inside = item.outline.inside(x, y)
        cover = in_front & (inside >= 0)
        alpha = np.clip(inside + np.float32(0.5), 0, 1) * in_front if antialias else cover.astype(np.float32)
        if not (alpha.any() if antialias else cover.any()):
            return
    colours = item.texture.colours(x, y)
    colours *= _brightness(item, x, y)[..., None]
    np.clip(colours, 0, 255, out=colours)
    if alpha is None:
        radiance[...] = colours
    else:
        colours -= radiance
        colours *= alpha[..., None]
        radiance += colours
    np.copyto(nearest, disparity, where=cover)


def _brightness(item: Item, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The item's light as a float32 factor, 0.3..1.4, broadcast over the window."""
    level, slope_x, slope_y = item.light
    centre_x, centre_y = (item.outline.x, item.outline.y) if item.outline else (0.0, 0.0)
    factor = level * (1 + slope_x * (x - centre_x) + slope_y * (y - centre_y))
    return np.clip(factor, 0.3, 1.4).astype(np.float32)
