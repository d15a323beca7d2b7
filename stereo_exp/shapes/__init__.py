"""*shapes*: our procedural stereo data set, drawn from closed-form geometry in SceneFlow's folder layout.

`python -m data_tools.render --out DIR` writes a set; `render_dataset` is the same as a function.
"""

from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scene import Scene, largest_disparity
from stereo_exp.shapes.scenes import KINDS, SPLITS, WEIGHTS, sample_scene
from stereo_exp.shapes.surface import HIGHEST, LOWEST
from stereo_exp.shapes.writer import (
    GENERATOR_VERSION,
    LISTS,
    PARAMETERS,
    PairPaths,
    Parameters,
    RenderReport,
    pair_paths,
    render_dataset,
)

__all__ = [
    "GENERATOR_VERSION",
    "HIGHEST",
    "KINDS",
    "LISTS",
    "LOWEST",
    "PARAMETERS",
    "SPLITS",
    "WEIGHTS",
    "Pair",
    "PairPaths",
    "Parameters",
    "RenderReport",
    "Scene",
    "largest_disparity",
    "pair_paths",
    "render_dataset",
    "render_scene",
    "sample_scene",
]
