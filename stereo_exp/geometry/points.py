"""Point clouds as PLY files: binary, with colours, as MeshLab, CloudCompare and Open3D read them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from stereo_exp.base import write_bytes
from stereo_exp.geometry.pair import Calibration

LIKELY_DEPTHS = (0.05, 500.0)
"""Medians of what stereo cameras look at, m."""
_SPARSE = 4
log = logging.getLogger(__name__)
_VERTEX = np.dtype([("position", "<f4", 3), ("colour", "u1", 3)])
_HEADER = """ply
format binary_little_endian 1.0
comment metres; x right, y down, z forward
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
"""


def encode_ply(points: np.ndarray, colours: np.ndarray) -> bytes:
    """The file of a point cloud.

    Args:
        points: float N×3, metres.
        colours: uint8 N×3 RGB.
    """
    if points.shape != colours.shape or points.shape[1:] != (3,):
        raise ValueError(f"points and colours must be N×3 both, not {points.shape} and {colours.shape}")
    vertices = np.empty(len(points), _VERTEX)
    vertices["position"], vertices["colour"] = points, colours
    return _HEADER.format(count=len(points)).encode() + vertices.tobytes()


def write_ply(path: Path, points: np.ndarray, colours: np.ndarray, known: np.ndarray) -> int:
    """Write the points of H×W×3 maps where `known` is true and they are finite; returns how many.

    Args:
        points: float H×W×3, metres.
        colours: uint8 H×W×3 RGB.
        known: bool H×W.
    """
    chosen = known & np.isfinite(points).all(axis=-1)
    write_bytes(path, encode_ply(points[chosen], colours[chosen]))
    return int(chosen.sum())


# Where pixels lie in space.


def points_in_metres(depth: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Every pixel as a point in the left camera's axes: x to the right, y down, z forward.

    Args:
        depth: H×W in m.
        calibration: where it has no principal point, the middle of the image stands in.

    Returns:
        float32 H×W×3 in m; not finite where the depth is not.
    """
    height, width = depth.shape
    centre_x, centre_y = calibration.centre or ((width - 1) / 2, (height - 1) / 2)
    x = ((np.arange(width) - centre_x) / calibration.focal).astype(np.float32)
    y = ((np.arange(height) - centre_y) / calibration.focal).astype(np.float32)
    with np.errstate(invalid="ignore"):  # infinity times the middle column
        return np.stack((depth * x, depth * y[:, None], depth), axis=-1)


# From disparity to metres.


def depth(disparity: np.ndarray, focal: float, baseline: float, doffs: float = 0.0) -> np.ndarray:
    """depth = focal · baseline / (disparity + doffs).

    Args:
        disparity: H×W in px.
        focal: focal length, px of the image that the disparity belongs to.
        baseline: distance between the cameras, m.
        doffs: x of the right camera's principal point minus the left's, px.

    Returns:
        float32 H×W in m, inf where disparity + doffs is not positive.
    """
    shifted = disparity + doffs
    with np.errstate(divide="ignore"):
        metres = focal * baseline / np.maximum(shifted, 0)
    return metres.astype(np.float32)


def is_likely_depth(metres: np.ndarray) -> bool:
    """Whether the median of a depth map is what cameras look at; one whose depths are all unknown is.

    One pixel of 16 is looked at, for speed.
    """
    some = metres[..., ::_SPARSE, ::_SPARSE]
    known = some[np.isfinite(some)]
    return not known.size or bool(LIKELY_DEPTHS[0] <= np.median(known) <= LIKELY_DEPTHS[1])


def tell_unlikely_depth(metres: np.ndarray, name: str = "") -> bool:
    """Warn where half of a depth map lies nearer than 5 cm, or farther than 500 m; returns whether it did."""
    if is_likely_depth(metres):
        return False
    median = float(np.median(metres[np.isfinite(metres)]))
    told = "%sa median depth of %.3g m is unlikely: are focal length (px) and baseline (m) those of these images?"
    log.warning(told, f"{name}: " if name else "", median)
    return True
