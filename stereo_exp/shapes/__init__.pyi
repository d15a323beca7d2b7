from .blocks import MESH_VERSION, MeshOptions, has_meshes
from .meshes.kinds import MESH_WEIGHTS
from .meshes.kinds.views import sample_views
from .meshes.models import Shelf, find_models
from .meshes.pictures import Album, find_pictures
from .raster import Pair, render_scene
from .scene import Scene, largest_disparity
from .scenes import KINDS, SPLITS, WEIGHTS, sample_scene
from .sheet import contact_sheet
from .surface import HIGHEST, LOWEST
from .writer import (
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
    "MESH_VERSION",
    "MESH_WEIGHTS",
    "PARAMETERS",
    "SPLITS",
    "WEIGHTS",
    "Album",
    "MeshOptions",
    "Pair",
    "PairPaths",
    "Parameters",
    "RenderReport",
    "Scene",
    "Shelf",
    "contact_sheet",
    "find_models",
    "find_pictures",
    "has_meshes",
    "largest_disparity",
    "pair_paths",
    "render_dataset",
    "render_scene",
    "sample_scene",
    "sample_views",
]
