from .checkpoint import (
    BEST,
    LAST,
    RELIABILITY,
    SIZING,
    Checkpoint,
    lineage_of,
    load_checkpoint,
    load_newest,
    load_weights,
    locate_newest,
    optimizer_tensors,
    read_meta,
    reliability_entry,
    reliability_of,
    restore_optimizer,
    save_checkpoint,
    sizing_entry,
    sizing_of,
)
from .colour import YUV_FROM_RGB, normalize
from .cost import profile
from .cost_volume import correlation_volume
from .former import GRAPH, rename_pattern
from .layers import ExpandingUnit, PyramidBackbone, conv_bn
from .losses import Loss, counting
from .network import StereoNetwork, Trunk, predict, predict_maps
from .readout import NEIGHBOURS, PIXELS, Logits, Regression, StereoOutput, full_confidence, full_disparity
from .warp import WARP

__all__ = [
    "BEST",
    "GRAPH",
    "LAST",
    "NEIGHBOURS",
    "PIXELS",
    "RELIABILITY",
    "SIZING",
    "WARP",
    "YUV_FROM_RGB",
    "Checkpoint",
    "ExpandingUnit",
    "Logits",
    "Loss",
    "PyramidBackbone",
    "Regression",
    "StereoNetwork",
    "StereoOutput",
    "Trunk",
    "conv_bn",
    "correlation_volume",
    "counting",
    "full_confidence",
    "full_disparity",
    "lineage_of",
    "load_checkpoint",
    "load_newest",
    "load_weights",
    "locate_newest",
    "normalize",
    "optimizer_tensors",
    "predict",
    "predict_maps",
    "profile",
    "read_meta",
    "reliability_entry",
    "reliability_of",
    "rename_pattern",
    "restore_optimizer",
    "save_checkpoint",
    "sizing_entry",
    "sizing_of",
]
