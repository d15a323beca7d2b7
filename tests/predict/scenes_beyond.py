"""A rendered pair with a thing before it, at any disparity."""

from __future__ import annotations

from functools import cache

import numpy as np

from stereo_exp.shapes import WEIGHTS, Pair, render_scene, sample_scene

HEIGHT, WIDTH = 320, 640
TOP, LEFT, TALL, WIDE = 90, 440, 150, 170
PLACE = np.s_[TOP + 8 : TOP + TALL - 8, LEFT + 8 : LEFT + WIDE - 8]
"""Where the thing is seen by the left camera, without its outline."""
FOCAL, BASELINE = 600.0, 0.1


@cache
def _rendered(index: int) -> Pair:
    return render_scene(sample_scene(7, "TEST", index, HEIGHT, WIDTH, WEIGHTS))


def scene_with_object(disparity: float) -> tuple[np.ndarray, np.ndarray]:
    """uint8 H×W×3 views of a rendered scene, and a painted board before it at a whole disparity, px."""
    views = [_rendered(0).left.copy(), _rendered(0).right.copy()]
    board = _rendered(1).left[:TALL, :WIDE]
    for view, shift in zip(views, (0, round(disparity)), strict=True):
        first = LEFT - shift
        shown = board[:, max(-first, 0) :]
        view[TOP : TOP + TALL, max(first, 0) : first + WIDE] = shown
    return views[0], views[1]
