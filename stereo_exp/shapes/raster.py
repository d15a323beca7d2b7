"""Drawing a scene: both views from the same closed-form geometry, each with its own depth buffer.

Neither view is made from the other. A right pixel is carried into the left image's coordinates by the exact
inverse of the surface under it, and outline and paint are looked up there; per view the largest disparity
wins, so that what is hidden in one view and seen in the other comes out true.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from stereo_exp.shapes.item import Hit, Item, Window
from stereo_exp.shapes.paint import for_channels
from stereo_exp.shapes.photometry import quantize
from stereo_exp.shapes.scene import Scene


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
        images = quantize(left), quantize(right)
    return Pair(*images, disparity_left, disparity_right)


class _Trace(NamedTuple):
    """An item where it was in front when its turn came: disparity `cover`s, colour has the share `alpha`."""

    item: Item
    window: Window
    hit: Hit
    cover: np.ndarray
    alpha: np.ndarray | None


def _draw(scene: Scene, right: bool, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """One view: radiance, float32 H×W×3 in 0..255 and beyond, and disparity, float32 H×W."""
    nearest = np.full((scene.height, scene.width), -np.inf, np.float32)
    soft = np.zeros(nearest.shape, bool)
    traces = []
    for item in scene.items:
        window = item.window(scene.height, scene.width, right)
        if window is not None:
            trace = _trace(item, window, right, antialias, nearest, soft)
            if trace is not None:
                traces.append(trace)
    radiance = np.zeros((scene.height, scene.width, 3), np.float32)
    for trace in traces:
        _paint(trace, right, radiance, nearest, soft)
    return radiance, nearest


def _trace(
    item: Item, window: Window, right: bool, antialias: bool, nearest: np.ndarray, soft: np.ndarray
) -> _Trace | None:
    """Enter an item into the depth buffer `nearest`, and its outline's partial pixels into `soft`."""
    rows, columns = window
    y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    hit = item.hit(np.arange(columns.start, columns.stop, dtype=np.float64)[None], y, right)
    cover = hit.disparity > nearest[window]
    alpha = None
    if hit.inside is not None:
        if antialias:
            alpha = np.clip(hit.inside + np.float32(0.5), 0, 1)
            alpha *= cover
            soft[window] |= (alpha > 0) & (alpha < 1)
        cover &= hit.inside >= 0
    if not (cover.any() if alpha is None else alpha.any()):
        return None
    np.copyto(nearest[window], hit.disparity, where=cover)
    return _Trace(item, window, hit, cover, alpha)


def _paint(trace: _Trace, right: bool, radiance: np.ndarray, nearest: np.ndarray, soft: np.ndarray) -> None:
    """Lay an item's colours over what is there."""
    # Only what is seen in the end is painted: whole pixels of something nearer will cover the rest.
    touched = trace.cover if trace.alpha is None else trace.alpha > 0
    seen = (trace.hit.disparity >= nearest[trace.window]) | soft[trace.window]
    box = _bounds(touched & seen)
    if box is None:
        return
    colours = trace.item.colors(trace.hit.cut(*box), right)
    (rows, columns), (top, left) = box, (trace.window[0].start, trace.window[1].start)
    canvas = radiance[rows.start + top : rows.stop + top, columns.start + left : columns.stop + left]
    if trace.alpha is None:
        cv2.copyTo(colours, trace.cover[box].view(np.uint8), canvas)
    else:
        colours -= canvas
        colours *= for_channels(trace.alpha[box])
        canvas += colours


def _bounds(mask: np.ndarray) -> Window | None:
    """Rows and columns around what is true, or None."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
