"""*shapes*: our procedural stereo data set, drawn from closed-form geometry in SceneFlow's folder layout.

`python -m data_tools.render --out DIR` writes a set; `render_dataset` is the same as a function.
"""

from data_tools.render.layout import LISTS, PARAMETERS, PairPaths, pair_paths
from data_tools.render.raster import Pair, render_scene
from data_tools.render.scene import Scene, largest_disparity
from data_tools.render.scenes import KINDS, SPLITS, WEIGHTS, sample_scene
from data_tools.render.surface import HIGHEST, LOWEST
from data_tools.render.writer import GENERATOR_VERSION, Parameters, RenderReport, render_dataset

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
