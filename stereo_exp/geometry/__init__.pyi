from .calibration import read_calibration, read_kitti_calib, read_middlebury_calib
from .drawing.bars import Series, draw_bars
from .drawing.colours import color_map
from .drawing.film import Film
from .drawing.panels import Panel, draw_panels, write_panels
from .drawing.scales import (
    CONFIDENCE,
    DEPTH_MAP,
    DIFFERENCE,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR,
    ERROR_MAP,
    Scale,
    fit_depth,
    fit_disparity,
)
from .epipolar import pair_geometry, require_views, to_grey
from .example import example_pair
from .formats.disparity import encode_disparity_png, read_disparity, read_disparity_png, read_grey
from .formats.image import decode_rgb, encode_png, png_size, read_rgb
from .formats.pfm import decode_pfm, encode_pfm, read_pfm
from .frames import open_frames
from .images import UNKNOWN, Image, as_arrays, as_pair, is_array, pad_edges, random_crop, resize, round_up_size
from .metrics import StereoMetrics, periodic_share, valid_mask
from .occlusion import find_seen_by_both, right_disparity
from .pair import Calibration, StereoSample, check_disparity, check_sample, check_sizes, check_views, zero_unknown
from .points import depth, points_in_metres, write_ply
from .prediction import MM_PER_M, PNG_SCALE, Prediction, write_map, write_picture
from .rectify import Rectifier, Rig
from .refine import refine_disparity
from .sgbm import Sgbm, opencv_matcher
from .sizing import AS_GIVEN, Rule, Sizing
from .temporal import Stability, TemporalFilter
from .viewer.page import Viewer

__all__ = [
    "AS_GIVEN",
    "CONFIDENCE",
    "DEPTH_MAP",
    "DIFFERENCE",
    "DIFFERENCE_MAP",
    "DISPARITY_MAP",
    "ERROR",
    "ERROR_MAP",
    "MM_PER_M",
    "PNG_SCALE",
    "UNKNOWN",
    "Calibration",
    "Film",
    "Image",
    "Panel",
    "Prediction",
    "Rectifier",
    "Rig",
    "Rule",
    "Scale",
    "Series",
    "Sgbm",
    "Sizing",
    "Stability",
    "StereoMetrics",
    "StereoSample",
    "TemporalFilter",
    "Viewer",
    "as_arrays",
    "as_pair",
    "check_disparity",
    "check_sample",
    "check_sizes",
    "check_views",
    "color_map",
    "decode_pfm",
    "decode_rgb",
    "depth",
    "draw_bars",
    "draw_panels",
    "encode_disparity_png",
    "encode_pfm",
    "encode_png",
    "example_pair",
    "find_seen_by_both",
    "fit_depth",
    "fit_disparity",
    "is_array",
    "open_frames",
    "opencv_matcher",
    "pad_edges",
    "pair_geometry",
    "periodic_share",
    "png_size",
    "points_in_metres",
    "random_crop",
    "read_calibration",
    "read_disparity",
    "read_disparity_png",
    "read_grey",
    "read_kitti_calib",
    "read_middlebury_calib",
    "read_pfm",
    "read_rgb",
    "refine_disparity",
    "require_views",
    "resize",
    "right_disparity",
    "round_up_size",
    "to_grey",
    "valid_mask",
    "write_map",
    "write_panels",
    "write_picture",
    "write_ply",
    "zero_unknown",
]
