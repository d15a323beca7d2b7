"""Schema of `infer` (what pairs, and what comes of them) and `temporal` (the filter over time)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from stereo_exp.base import UserError
from stereo_exp.config.rules import at_least, finite, fraction, one_of, pair_scale, positive

# Lengths in metres, centimetres, millimetres: what calibration files are written in.
UNITS = ("m", "cm", "mm")
RECTIFY = ("calib", "auto", "none")
LAYOUTS = ("auto", "side", "top")


@dataclass
class Infer:
    left: str | None = None
    """Left view: an image, a folder or pattern of images, a video, a ROS 2 bag, a camera's number or device path, or a
    stream's URL; with neither view given, the rendered pair that comes along."""
    right: str | None = None
    """Right view, of the same kind and size; names or times tell which belong together. Left out for a bag, and where
    one video, camera or stream holds both views."""
    out: str | None = None
    """Folder for the results; None takes the run's own."""
    calib: Any = None
    """Calibration file, or a list of two (ROS: [left.yaml,right.yaml]): Middlebury's or ETH3D's calib.txt, KITTI's,
    OpenCV's YAML or XML, ROS camera_info, Kalibr, ZED, RealSense, OAK-D, MATLAB, JSON. Where it describes the cameras
    with their distortion, the images are rectified first."""
    calib_unit: str | None = None
    """Unit of baseline or translation in files that do not say: m, cm, mm. None takes metres where that is likely
    (1 mm to 5 m), and refuses the file otherwise."""
    focal: float | None = None
    """Focal length in px. Depth is computed only where focal length and baseline are known."""
    baseline: float | None = None
    """Distance between the cameras in m."""
    doffs: float = 0.0
    """Difference of the principal points in px: depth = focal · baseline / (disparity + doffs)."""
    rectify: str = "calib"
    """What lays the rows of both views side by side: calib, the calibration where it describes the cameras as they are;
    auto, features of the first pair, of two photos without a calibration (no depth in metres then); none, nothing: the
    images are rectified already, whatever the calibration says."""
    layout: str = "auto"
    """How one video, camera or stream holds both views: side by side (side), the left one on top (top), or auto: by the
    picture's shape and content."""
    topics: list[str] | None = None
    """Of a ROS 2 bag, the left and the right image topic; None takes those whose names say left and right."""
    check: bool = True
    """Warn where the views look swapped or not rectified (the first pair only)."""
    left_right: bool = False
    """Predict the right view too and drop what the two disagree on: occlusions and mismatches. Twice the time."""
    scale: float | None = None
    """Resize the pair by this before the network sees it, and the result back. 1.5 to 2 give finer disparities at the
    square of that in time and a range shorter by as much; 0.5 doubles the range. None enlarges small pairs by the rule
    that comes with the weights: to about as many pixels as 544×960 has, by 2 at most."""
    refine: bool = False
    """Correct the network's disparity by semi-global matching: finer, with sharper outlines."""
    fill: bool = False
    """Give what the right camera cannot see, and what the network is not sure of, the disparity of what lies behind."""
    min_confidence: float = 0.0
    """Drop pixels less sure than this, 0 to 1: confidence is the probability to be within 2 px."""
    expected_error: bool = False
    """Write by how much the disparity is wrong on average where the network is as sure as here, px."""
    every: bool = True
    """Write the maps of every pair of a sequence; false leaves the film and what the first pair gives."""
    points: bool = False
    """Write point clouds (PLY) where depth is known."""
    max_depth: float | None = None
    """Points farther away than this, in m, are left out of the point cloud."""
    view: bool = False
    """Write `view.html`, a page to look around in: layers, readings below the pointer, a point cloud to turn. It opens
    from disk; up to 10 MB for a pair, 50 MB for a sequence, which is thinned where it would be more."""
    rerun: bool = False
    """Write `recording.rrd` for the Rerun viewer: cameras, views, maps, points, and time. It takes
    `stereo_exp[viewers]`."""
    max_frames: int | None = None
    """Stop after so many pairs; cameras go on until interrupted otherwise."""
    limits: list[float] | None = None
    """Disparities at the two ends of the pictures' colour scale, px; None takes them from the first pair and keeps
    them, so that colours mean the same in every frame."""

    def __post_init__(self) -> None:
        finite("infer.doffs", self.doffs)
        one_of("infer.rectify", self.rectify, RECTIFY)
        one_of("infer.layout", self.layout, LAYOUTS)
        if self.topics is not None and len(self.topics) != 2:
            raise UserError("infer.topics", self.topics, "must be two topics", "try infer.topics=[/left,/right]")
        for key in ("left", "right"):
            view = getattr(self, key)
            if view is not None and not view.strip():
                rule = "is empty, as an unset variable of the shell is"
                raise UserError(f"infer.{key}", "''", rule, f"give infer.{key} a file, or leave it out")
        if self.calib_unit is not None:
            one_of("infer.calib_unit", self.calib_unit, UNITS)
        files = self.calib if isinstance(self.calib, list) else [self.calib]
        if not (self.calib is None or (len(files) in (1, 2) and all(isinstance(each, str) and each for each in files))):
            rule = "must be a calibration file, or a list of two"
            raise UserError("infer.calib", self.calib, rule, "try infer.calib=[left.yaml,right.yaml]")
        fraction("infer.min_confidence", self.min_confidence)
        pair_scale("infer.scale", self.scale)
        if self.left is None and self.right is not None:
            raise UserError("infer.left", "null", "both views are needed", "add infer.left=FILE")
        if (self.focal is None) != (self.baseline is None):
            missing = "infer.baseline" if self.baseline is None else "infer.focal"
            raise UserError(missing, "null", "depth needs focal length (px) and baseline (m)", f"add {missing}=VALUE")
        if self.calib is not None and self.focal is not None:
            raise UserError("infer.focal", self.focal, "infer.calib says it already", "give one of the two")
        for key in ("focal", "baseline", "max_depth"):
            if getattr(self, key) is not None:
                positive(f"infer.{key}", getattr(self, key))
        if self.max_frames is not None:
            at_least("infer.max_frames", self.max_frames, 1)
        if self.limits is not None and (len(self.limits) != 2 or not 0 <= self.limits[0] < self.limits[1] < inf):
            raise UserError(
                "infer.limits", self.limits, "must be two disparities, rising, from 0 px on", "try infer.limits=[0,96]"
            )


@dataclass
class Temporal:
    filter: bool = False
    """Average over time where neither the image nor the disparity moves."""
    weight: float = 0.3
    """Of the newest frame in that average, above 0, at most 1."""
    change: float = 6.0
    """Grey levels (mean over 5×5 px) up to which an image counts as unchanged."""
    jump: float = 2.0
    """Difference in px up to which a disparity counts as flicker."""

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise UserError("temporal.weight", self.weight, "must be above 0 and at most 1", "try temporal.weight=0.3")
        at_least("temporal.change", self.change, 0)
        at_least("temporal.jump", self.jump, 0)
