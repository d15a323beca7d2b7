"""What a prediction leaves: maps, point cloud, picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import UserError
from stereo_exp.config import Infer
from stereo_exp.geometry import (
    CONFIDENCE,
    MM_PER_M,
    PNG_SCALE,
    Calibration,
    Panel,
    Scale,
    StereoSample,
    fit_depth,
    points_in_metres,
    write_map,
    write_panels,
    write_ply,
)
from stereo_exp.geometry import depth as depth_in_metres

_NO_CALIBRATION = (
    "no depth: focal length and baseline are not known\n(infer.calib=FILE, or infer.focal= in px, infer.baseline= in m)"
)
CONFIDENCE_SCALE = 65535
"""Confidence as 16 bits: 65535 is 1."""


@dataclass(frozen=True)
class Result:
    """A pair's maps, at the pair's size.

    Attributes:
        disparity: float32 H×W px, inf where it is not trusted.
        depth: float32 H×W m, inf where it is unknown; None without calibration.
        confidence: float32 H×W in 0…1.
    """

    sample: StereoSample
    disparity: np.ndarray
    depth: np.ndarray | None
    confidence: np.ndarray


def with_depth(
    sample: StereoSample,
    disparity: np.ndarray,
    confidence: np.ndarray,
    trusted: np.ndarray,
    calibration: Calibration | None,
) -> Result:
    """Mark what is not trusted as unknown, and tell the depth of the rest where the cameras are known."""
    depth = None
    if calibration is not None:
        depth = depth_in_metres(disparity, calibration.focal, calibration.baseline, calibration.doffs)
        depth = np.where(trusted, depth, np.float32(np.inf))
    return Result(sample, np.where(trusted, disparity, np.float32(np.inf)), depth, confidence)


def write_one(
    out: Path, result: Result, calibration: Calibration | None, config: Infer, scale: Scale
) -> dict[str, Path]:
    """All files of a single pair; returns them by what they hold."""
    _make(out)
    files = {
        "disparity_pfm": write_map(out / "disparity.pfm", result.disparity, PNG_SCALE),
        "disparity_png": write_map(out / "disparity.png", result.disparity, PNG_SCALE),
        "confidence_png": write_map(out / "confidence.png", result.confidence, CONFIDENCE_SCALE),
    }
    if result.depth is not None:
        files["depth_npy"] = write_map(out / "depth.npy", result.depth, MM_PER_M)
        files["depth_png"] = write_map(out / "depth_mm.png", result.depth, MM_PER_M)
        if config.points and calibration is not None:
            files["points"] = _write_points(out / "points.ply", result, calibration, config.max_depth)
    files["picture"] = write_panels(out / "panels.png", _panels(result, scale), 3, result.sample.key)
    return files


def write_frame(out: Path, result: Result, calibration: Calibration | None, config: Infer) -> None:
    """The maps of one pair of a sequence, named after it."""
    _make(out)
    key = result.sample.key
    write_map(out / f"{key}_disparity.png", result.disparity, PNG_SCALE)
    if result.depth is not None:
        write_map(out / f"{key}_depth_mm.png", result.depth, MM_PER_M)
        if config.points and calibration is not None:
            _write_points(out / f"{key}_points.ply", result, calibration, config.max_depth)


def _write_points(path: Path, result: Result, calibration: Calibration, max_depth: float | None) -> Path:
    assert result.depth is not None
    near = result.depth <= (max_depth or np.inf)
    write_ply(path, points_in_metres(result.depth, calibration), result.sample.left, near)
    return path


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("infer.out", out, f"cannot be made ({error.strerror})", "give another folder") from None


def _panels(result: Result, scale: Scale) -> list[Panel]:
    """Three in a row: views in one column, what is computed beside them."""
    if result.depth is None:
        depth = Panel("depth", note=_NO_CALIBRATION)
    else:
        depth = Panel("depth", result.depth, fit_depth(result.depth))
    return [
        Panel("left", result.sample.left),
        Panel("disparity", result.disparity, scale),
        depth,
        Panel("right", result.sample.right),
        Panel("confidence (black: none)", result.confidence, CONFIDENCE),
    ]
