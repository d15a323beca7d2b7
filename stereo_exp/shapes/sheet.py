"""A contact sheet: left views with their disparities, to look at what a set is like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from stereo_exp.geometry import draw_text
from stereo_exp.shapes.blocks import AS_USUAL, BLOCK, MeshOptions, has_meshes, render_block, render_pairs
from stereo_exp.shapes.raster import Pair
from stereo_exp.shapes.scenes import WEIGHTS

_LABEL_SIZE = 11.0
"""Height of capital letters, px: still read where the sheet is shown at half its size."""


def contact_sheet(
    count: int, *, height: int, width: int, seed: int, scenes: Mapping[str, float] | None = None, columns: int = 4,
    meshes: MeshOptions = AS_USUAL,
) -> np.ndarray:  # fmt: skip
    """The first training scenes of a set, each a left view above its disparity: uint8 RGB.

    Disparity is coloured from 0 (dark blue) to the scene's own largest (red), which is written into it, in pixels,
    with the kind of scene.
    """
    cells = []
    for kind, pair in _first_pairs(count, height, width, seed, scenes, meshes):
        largest = float(np.percentile(pair.disparity_left, 99.9))
        levels = np.clip(pair.disparity_left / largest * 255, 0, 255).astype(np.uint8)
        depth = np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1])
        _write_label(depth, f"{kind}, up to {largest:.0f} px")
        cells.append(np.concatenate([pair.left, depth]))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)])


def _write_label(picture: np.ndarray, label: str) -> None:
    """Into the lower left corner, white with a black rim: readable on every colour."""
    place = (6, picture.shape[0] - 10)
    for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        draw_text(picture, label, (place[0] + right, place[1] + down), _LABEL_SIZE, color=(0, 0, 0))
    draw_text(picture, label, place, _LABEL_SIZE, color=(255, 255, 255))


def _first_pairs(
    count: int, height: int, width: int, seed: int, scenes: Mapping[str, float] | None, meshes: MeshOptions
) -> Iterator[tuple[str, Pair]]:
    """Kinds and pairs for a sheet: the first ones; of scenes of meshes two views of each."""
    shares = WEIGHTS if scenes is None else scenes
    if not has_meshes(shares):
        for member in render_pairs(seed, "TRAIN", range(count), height, width, shares):
            yield member.kind, member.pair
        return
    for block in range(-(-count // 2)):
        views = range(0, BLOCK, BLOCK // 2)[: count - 2 * block]
        for member in render_block(seed, "TRAIN", block, height, width, shares, views, meshes):
            yield member.kind, member.pair
