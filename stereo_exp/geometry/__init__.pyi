from .boards import Board, Calibrated, calibrate_rig, draw_coverage
from .calibration.datasets import read_kitti_calib, read_middlebury_calib
from .calibration.read import Cameras, describe_cameras, fit_cameras, is_likely, read_calibration
from .calibration.robots import build_camera_infos
from .calibration.write import encode_camera, encode_rig
from .counting import THRESHOLDS, ConfidenceMetrics, ReliabilityCounter
from .drawing.bars import Series, draw_bars
from .drawing.colours import color_map
from .drawing.diagram import draw_reliability
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
    place_ticks,
)
from .drawing.text import BLACK, GREY, draw_text, shorten_text
from .epipolar import pair_geometry, require_views, to_grey
from .example import example_pair
from .formats.declared import MOST_PIXELS
from .formats.disparity import encode_disparity_png, read_disparity, read_disparity_png, read_grey
from .formats.image import decode_rgb, encode_png, png_size, read_rgb
from .formats.npy import parse_npy
from .formats.pfm import decode_pfm, encode_pfm, read_pfm
from .frames.bags import read_info, to_rgb
from .frames.base import Frames, LeftOut
from .frames.live import LiveFrames
from .frames.opening import kind_of, open_frames
from .images import UNKNOWN, Image, as_arrays, as_pair, is_array, pad_edges, random_crop, resize, round_up_size
from .metrics import StereoMetrics, periodic_share, valid_mask
from .occlusion import find_seen_by_both, right_disparity
from .output import Output, SequenceWriter
from .pair import Calibration, StereoSample, check_disparity, check_sample, check_sizes, check_views, zero_unknown
from .places import PLACES, PlaceMetrics
from .points import depth, points_in_metres, write_ply
from .prediction import MM_PER_M, PNG_SCALE, Errors, Prediction, write_map, write_picture
from .reach import Reach
from .rectified import RectifiedFrames, tell_unlikely
from .rectify import Rectifier, Rig
from .refine import refine_disparity
from .reliability import LEVELS, RIGHT_PX, Reliability
from .results import Result, Watch, tell_beyond
from .sgbm import Sgbm, opencv_matcher
from .sizing import AS_GIVEN, Network, Rule, Sizing, predict_at
from .temporal import Stability, TemporalFilter
from .viewer.page import Viewer

__all__ = [
    "AS_GIVEN",
    "BLACK",
    "CONFIDENCE",
    "DEPTH_MAP",
    "DIFFERENCE",
    "DIFFERENCE_MAP",
    "DISPARITY_MAP",
    "ERROR",
    "ERROR_MAP",
    "GREY",
    "LEVELS",
    "MM_PER_M",
    "MOST_PIXELS",
    "PLACES",
    "PNG_SCALE",
    "RIGHT_PX",
    "THRESHOLDS",
    "UNKNOWN",
    "Board",
    "Calibrated",
    "Calibration",
    "Cameras",
    "ConfidenceMetrics",
    "Errors",
    "Film",
    "Frames",
    "Image",
    "LeftOut",
    "LiveFrames",
    "Network",
    "Output",
    "Panel",
    "PlaceMetrics",
    "Prediction",
    "Reach",
    "RectifiedFrames",
    "Rectifier",
    "Reliability",
    "ReliabilityCounter",
    "Result",
    "Rig",
    "Rule",
    "Scale",
    "SequenceWriter",
    "Series",
    "Sgbm",
    "Sizing",
    "Stability",
    "StereoMetrics",
    "StereoSample",
    "TemporalFilter",
    "Viewer",
    "Watch",
    "as_arrays",
    "as_pair",
    "build_camera_infos",
    "calibrate_rig",
    "check_disparity",
    "check_sample",
    "check_sizes",
    "check_views",
    "color_map",
    "decode_pfm",
    "decode_rgb",
    "depth",
    "describe_cameras",
    "draw_bars",
    "draw_coverage",
    "draw_panels",
    "draw_reliability",
    "draw_text",
    "encode_camera",
    "encode_disparity_png",
    "encode_pfm",
    "encode_png",
    "encode_rig",
    "example_pair",
    "find_seen_by_both",
    "fit_cameras",
    "fit_depth",
    "fit_disparity",
    "is_array",
    "is_likely",
    "kind_of",
    "open_frames",
    "opencv_matcher",
    "pad_edges",
    "pair_geometry",
    "parse_npy",
    "periodic_share",
    "place_ticks",
    "png_size",
    "points_in_metres",
    "predict_at",
    "random_crop",
    "read_calibration",
    "read_disparity",
    "read_disparity_png",
    "read_grey",
    "read_info",
    "read_kitti_calib",
    "read_middlebury_calib",
    "read_pfm",
    "read_rgb",
    "refine_disparity",
    "require_views",
    "resize",
    "right_disparity",
    "round_up_size",
    "shorten_text",
    "tell_beyond",
    "tell_unlikely",
    "to_grey",
    "to_rgb",
    "valid_mask",
    "write_map",
    "write_panels",
    "write_picture",
    "write_ply",
    "zero_unknown",
]
