"""The training pairs of a set one shard after the other, without an end and without files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stereo_exp.geometry import StereoSample
from stereo_exp.shapes.blocks import MeshOptions, render_pairs


def make_pairs(parameters: Mapping[str, Any], seed: int, count: int) -> Iterator[StereoSample]:
    """Training pairs seed · count … (seed + 1) · count − 1: the first of them are those of the finite set.

    Args:
        parameters: `height` and `width` in px, `render_seed` of the whole set, `scenes`, the share of each kind;
            optionally `lit` and `floaters`, see `MeshOptions`.
        seed: of these pairs, from 0 on.
        count: how many.
    """
    height, width, scenes = parameters["height"], parameters["width"], parameters["scenes"]
    meshes = MeshOptions(lit=parameters.get("lit", True), floaters=parameters.get("floaters", True))
    indices = range(seed * count, (seed + 1) * count)
    for number, _, pair in render_pairs(parameters["render_seed"], "TRAIN", indices, height, width, scenes, meshes):
        yield StereoSample(f"{number:08d}", pair.left, pair.right, pair.disparity_left)
