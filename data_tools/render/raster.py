"""Drawing a scene: both views from the same closed-form geometry, each with its own depth buffer.

Neither view is made from the other. A right pixel is carried into the left image's coordinates by the exact
inverse of the surface under it, and outline and paint are looked up there; per view the largest disparity
wins, so that what is hidden in one view and seen in the other comes out true.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_tools.render.item import Item, Window
from data_tools.render.photometry import quantise
from data_tools.render.scene import Scene


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
        window = item.window(scene.height, scene.width, right)
        if window is not None:
            _draw_item(item, window, right, antialias, radiance, nearest)
    return radiance, nearest


def _draw_item(
    item: Item, window: Window, right: bool, antialias: bool, radiance: np.ndarray, nearest: np.ndarray
) -> None:
    """Draw into the two buffers of the whole view."""
    rows, columns = window
    y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    hit = item.hit(np.arange(columns.start, columns.stop, dtype=np.float64)[None], y, right)
    cover = hit.disparity > nearest[window]
    alpha = None
    if hit.inside is not None:
        if antialias:
            alpha = np.clip(hit.inside + np.float32(0.5), 0, 1) * cover
        cover &= hit.inside >= 0
    box = _bounds(cover if alpha is None else alpha > 0)
    if box is None:
        return
    # Only what is seen is painted, which spares the larger part of what stands behind others.
    colours = item.colours(hit.cut(*box), right)
    place = tuple(
        slice(whole.start + part.start, whole.start + part.stop) for whole, part in zip(window, box, strict=True)
    )
    cover = cover[box]
    if alpha is None:
        np.copyto(radiance[place], colours, where=cover[..., None])
    else:
        colours -= radiance[place]
        colours *= alpha[box][..., None]
        radiance[place] += colours
    np.copyto(nearest[place], hit.disparity[box], where=cover)


def _bounds(mask: np.ndarray) -> Window | None:
    """Rows and columns around what is true, or None."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
