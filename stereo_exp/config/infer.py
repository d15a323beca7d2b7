"""Schema of `infer` (what pairs, and what comes of them) and `temporal` (the filter over time)."""

from __future__ import annotations

from dataclasses import dataclass

from stereo_exp.base import UserError
from stereo_exp.config.rules import at_least, finite, fraction, one_of, pair_scale, positive

# Lengths in metres, centimetres, millimetres: what calibration files are written in.
UNITS = ("m", "cm", "mm")


@dataclass
class Infer:
    left: str | None = None
    """Left view: an image, a folder or pattern of images, a video, or a camera's number; with neither view given, the
    rendered pair that comes along."""
    right: str | None = None
    """Right view, of the same kind and size. Left out for a video that holds both views side by side."""
    out: str | None = None
    """Folder for the results; None takes the run's own."""
    calib: str | None = None
    """Calibration file: Middlebury's or ETH3D's calib.txt, KITTI's, OpenCV's YAML or XML, JSON. Where it describes the
    cameras with their distortion, the images are rectified first."""
    calib_unit: str = "m"
    """Unit of baseline or translation in files that do not say: m, cm, mm."""
    focal: float | None = None
    """Focal length in px. Depth is computed only where focal length and baseline are known."""
    baseline: float | None = None
    """Distance between the cameras in m."""
    doffs: float = 0.0
    """Difference of the principal points in px: depth = focal · baseline / (disparity + doffs)."""
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
    min_confidence: float = 0.0
    """Drop pixels less sure than this, 0 to 1."""
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
        one_of("infer.calib_unit", self.calib_unit, UNITS)
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
        if self.limits is not None and (len(self.limits) != 2 or not 0 <= self.limits[0] < self.limits[1]):
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
