"""PFM, the portable float map: disparity maps of SceneFlow, ETH3D and Middlebury.

Header `Pf` (one channel) or `PF` (three), a line "W H", a scale line whose sign gives the byte order
(negative: little-endian) and whose magnitude is ignored, then float32 rows from the bottom up.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, DataError, write_bytes

# Three whitespace-ended tokens after the magic; a single whitespace byte ends the header.
_HEADER = re.compile(rb"\A(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+0-9.eE]{1,32})[ \t]*\r?\n")


def decode_pfm(data: bytes, source: object = "PFM") -> np.ndarray:
    """Decode a PFM file.

    Args:
        data: the whole file.
        source: what to call it in errors, usually its path.

    Returns:
        float32, H×W for `Pf` or H×W×3 for `PF`, rows from the top down, native byte order. Values as they
        stand, inf and NaN included.

    Raises:
        DataError: the header is malformed, or there are fewer or more bytes than it announces.
    """
    match = _HEADER.match(data[:256])
    if match is None:
        raise DataError(source, None, 'a PFM begins with "Pf" or "PF", "W H" and a scale line', RESTORE_OR_SKIP)
    magic, width, height = match[1], int(match[2]), int(match[3])
    try:
        scale = float(match[4])
    except ValueError:
        scale = 0.0
    if scale == 0 or not math.isfinite(scale):
        raise DataError(source, match[4].decode(), "the PFM scale must be a non-zero number", RESTORE_OR_SKIP)
    if width == 0 or height == 0:
        raise DataError(source, f"{width}x{height}", "a PFM must have at least one pixel", RESTORE_OR_SKIP)
    channels = 3 if magic == b"PF" else 1
    expected, found = 4 * width * height * channels, len(data) - match.end()
    if found != expected:
        raise DataError(source, f"{found} bytes of pixels", f"its header announces {expected}", RESTORE_OR_SKIP)
    flat = np.frombuffer(data, "<f4" if scale < 0 else ">f4", offset=match.end())
    rows = flat.reshape((height, width, 3) if channels == 3 else (height, width))[::-1]
    return np.ascontiguousarray(rows, dtype=np.float32)


def encode_pfm(values: np.ndarray) -> bytes:
    """Encode float32 H×W or H×W×3 as little-endian PFM; the inverse of `decode_pfm`."""
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or values.size == 0:
        raise ValueError(f"PFM holds H×W or H×W×3 values, not {values.shape}")
    height, width = values.shape[:2]
    header = f"{'PF' if values.ndim == 3 else 'Pf'}\n{width} {height}\n-1.0\n"
    return header.encode() + np.ascontiguousarray(values[::-1], dtype="<f4").tobytes()


def read_pfm(path: Path) -> np.ndarray:
    """`decode_pfm` on a file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", RESTORE_OR_SKIP) from None
    return decode_pfm(data, path)


def write_pfm(path: Path, values: np.ndarray) -> None:
    """`encode_pfm` into a file, atomically."""
    write_bytes(path, encode_pfm(values))
