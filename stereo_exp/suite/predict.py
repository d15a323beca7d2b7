"""What a prediction leaves: maps, point cloud, picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import UserError
from stereo_exp.config import Infer
from stereo_exp.geometry import (
    DEPTH_MAP,
    MM_PER_M,
    PNG_SCALE,
    Calibration,
    Panel,
    StereoSample,
    points_in_metres,
    write_map,
    write_panels,
    write_ply,
)
from stereo_exp.geometry import depth as depth_in_metres
from stereo_exp.suite.runs.context import OwnFiles

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
    out: OwnFiles,
    result: Result,
    calibration: Calibration | None,
    config: Infer,
    limits: tuple[float, float],
    below: str = "",
) -> dict[str, Path]:
    """All files of a single pair; returns them by what they hold.

    Args:
        below: folder in `out`, with a slash behind it.

    Raises:
        UserError: a file is there that this run did not make; nothing is written then. Or the folder cannot be made.
    """
    names = {"disparity_pfm": "disparity.pfm", "disparity_png": "disparity.png", "confidence_png": "confidence.png"}
    if result.depth is not None:
        names |= {"depth_npy": "depth.npy", "depth_png": "depth_mm.png"}
        names |= {"points": "points.ply"} if config.points and calibration is not None else {}
    names["picture"] = "panels.png"
    files = {what: out.claim(f"{below}{name}") for what, name in names.items()}
    _make(out.folder)
    for what in ("disparity_pfm", "disparity_png"):
        write_map(files[what], result.disparity, PNG_SCALE)
    write_map(files["confidence_png"], result.confidence, CONFIDENCE_SCALE)
    if result.depth is not None:
        for what in ("depth_npy", "depth_png"):
            write_map(files[what], result.depth, MM_PER_M)
        if "points" in files and calibration is not None:
            _write_points(files["points"], result, calibration, config.max_depth)
    write_panels(files["picture"], _panels(result, limits), heading=result.sample.key)
    return files


def write_frame(out: OwnFiles, result: Result, calibration: Calibration | None, config: Infer) -> None:
    """The maps of one pair of a sequence, named after it."""
    _make(out.folder)
    key = result.sample.key
    write_map(out.claim(f"{key}_disparity.png"), result.disparity, PNG_SCALE)
    if result.depth is not None:
        write_map(out.claim(f"{key}_depth_mm.png"), result.depth, MM_PER_M)
        if config.points and calibration is not None:
            _write_points(out.claim(f"{key}_points.ply"), result, calibration, config.max_depth)


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


def _panels(result: Result, limits: tuple[float, float]) -> list[Panel]:
    panels = [
        Panel("left", result.sample.left),
        Panel("right", result.sample.right),
        Panel("disparity", result.disparity, limits=limits),
    ]
    if result.depth is None:
        return [*panels, Panel("depth", note=_NO_CALIBRATION)]
    known = result.depth[np.isfinite(result.depth)]
    top = float(np.percentile(known, 95)) if known.size else 1.0
    low = float(known.min()) if known.size else 0.0
    return [*panels, Panel("depth", result.depth, DEPTH_MAP, (low, top), "m")]
