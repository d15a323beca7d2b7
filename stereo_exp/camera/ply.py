"""Point clouds as PLY files: binary, with colours, as MeshLab, CloudCompare and Open3D read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stereo_exp.atomic import write_bytes

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
