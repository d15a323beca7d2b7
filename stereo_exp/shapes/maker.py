"""The training pairs of a set one shard after the other, without an end and without files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from stereo_exp.geometry import StereoSample
from stereo_exp.shapes.blocks import BLOCK, has_meshes, render_block
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scenes import sample_scene


def make_pairs(parameters: Mapping[str, Any], seed: int, count: int) -> Iterator[StereoSample]:
    """Training pairs seed · count … (seed + 1) · count − 1: the first of them are those of the finite set.

    Args:
        parameters: `height` and `width` in px, `render_seed` of the whole set, `scenes`, the share of each kind.
        seed: of these pairs, from 0 on.
        count: how many.
    """
    height, width, scenes = parameters["height"], parameters["width"], parameters["scenes"]
    indices = range(seed * count, (seed + 1) * count)
    if not has_meshes(scenes):
        for index in indices:
            pair = render_scene(sample_scene(parameters["render_seed"], "TRAIN", index, height, width, scenes))
            yield StereoSample(f"{index:08d}", pair.left, pair.right, pair.disparity_left)
        return
    # A block's scene is built once, and seen from many places.
    for block, members in groupby(indices, lambda index: index // BLOCK):
        wanted = [index - block * BLOCK for index in members]
        for found in render_block(parameters["render_seed"], "TRAIN", block, height, width, scenes, wanted):
            yield StereoSample(f"{found.number:08d}", found.pair.left, found.pair.right, found.pair.disparity_left)
