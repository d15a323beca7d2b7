"""A contact sheet: left views with their disparities, to look at what a set is like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from stereo_exp.shapes.blocks import AS_USUAL, BLOCK, MeshOptions, has_meshes, render_block, render_pairs
from stereo_exp.shapes.raster import Pair
from stereo_exp.shapes.scenes import WEIGHTS


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
        label = f"{kind} {largest:.0f} px"
        for thickness, grey in ((3, 0), (1, 255)):
            cv2.putText(
                depth, label, (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (grey,) * 3, thickness, cv2.LINE_AA
            )
        cells.append(np.concatenate([pair.left, depth]))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)])


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
