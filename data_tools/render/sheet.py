"""A contact sheet: left views with their disparities, to look at what a set is like."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from data_tools.render.raster import render_scene
from data_tools.render.scenes import sample_scene


def contact_sheet(
    count: int, *, height: int, width: int, seed: int, scenes: Mapping[str, float] | None = None, columns: int = 4
) -> np.ndarray:
    """The first training scenes of a set, each a left view above its disparity: uint8 RGB.

    Disparity is coloured from 0 (dark blue) to the scene's own largest (red), which is written into it, in pixels,
    with the kind of scene.
    """
    cells = []
    for index in range(count):
        scene = sample_scene(seed, "TRAIN", index, height, width, scenes)
        pair = render_scene(scene)
        largest = float(pair.disparity_left.max())
        levels = np.clip(pair.disparity_left / largest * 255, 0, 255).astype(np.uint8)
        depth = np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1])
        label = f"{scene.kind} {largest:.0f} px"
        for thickness, grey in ((3, 0), (1, 255)):
            cv2.putText(
                depth, label, (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (grey,) * 3, thickness, cv2.LINE_AA
            )
        cells.append(np.concatenate([pair.left, depth]))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)])
