"""Disparity and masks in one-channel images: PNG of 8 or 16 bits, and the PGM of Middlebury 2001 and 2003.

An integer image holds disparity times a scale factor, rounded; 0 stands for "unknown".
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, DataError, write_bytes
from stereo_exp.geometry.formats.declared import check_declared
from stereo_exp.geometry.formats.image import check_png, encode_png
from stereo_exp.geometry.formats.npy import parse_npy, parse_npz, read_npz_names
from stereo_exp.geometry.formats.pfm import decode_pfm

# KITTI's, and what most tools mean by a 16-bit disparity PNG.
SCALE_16_BIT = 256.0
_PNG_SIGNATURE = b"\x89PNG"


def decode_grey(data: bytes, source: object = "image") -> np.ndarray:
    """Decode a one-channel image as it stands.

    Args:
        data: the whole file, PNG or PGM.
        source: what to call it in errors, usually its path.

    Returns:
        uint8 or uint16 H×W.

    Raises:
        DataError: not an image, truncated or damaged, or of several channels.
    """
    has_size = check_declared(data, source, RESTORE_OR_SKIP)
    if data.startswith(_PNG_SIGNATURE):
        check_png(data, source)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if has_size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(source, f"{len(data)} bytes", "is not a whole image (truncated or damaged)", RESTORE_OR_SKIP)
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        found = f"{pixels.dtype}, {1 if pixels.ndim == 2 else pixels.shape[2]} channels"
        raise DataError(source, found, "disparity and masks have one channel of 8 or 16 bits", RESTORE_OR_SKIP)
    return pixels


def decode_disparity_png(data: bytes, scale: float | None = None, source: object = "image") -> np.ndarray:
    """Decode a disparity map.

    Args:
        data: the whole file.
        scale: the file holds disparity times this; None takes 256 for 16 bits. For 8 bits there is no custom
            to follow, so it has to be said.
        source: what to call it in errors.

    Returns:
        float32 H×W, px; 0 = unknown.

    Raises:
        DataError: as `decode_grey`, or 8 bits without a scale.
    """
    pixels = decode_grey(data, source)
    if scale is None:
        if pixels.dtype != np.uint16:
            raise DataError(
                source,
                "8 bits",
                "a disparity map of 8 bits has a scale factor, which is not known here",
                "give a 16-bit map, or its scale",
            )
        scale = SCALE_16_BIT
    return (pixels / np.float64(scale)).astype(np.float32)


def encode_disparity_png(values: np.ndarray, scale: float = SCALE_16_BIT) -> bytes:
    """16-bit PNG of disparity, the inverse of `decode_disparity_png` up to half a step of 1/scale px.

    Args:
        values: H×W, px; what is not finite or not above 0 is written as 0, unknown.
        scale: steps a pixel of disparity; 256 reaches up to just below 256 px.

    Raises:
        ValueError: a disparity that 16 bits cannot hold at this scale, or a scale that is no positive number.
    """
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"scale must be a positive number, not {scale}")
    known = np.isfinite(values) & (values > 0)
    steps = np.rint(np.where(known, values, 0) * np.float64(scale))
    if steps.size and steps.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"disparity of {values[known].max():g} px does not fit into 16 bits at scale {scale:g}")
    # A small known disparity must not turn into "unknown" by rounding.
    return encode_png(np.where(known, np.maximum(steps, 1), 0).astype(np.uint16))


def read_grey(path: Path) -> np.ndarray:
    """`decode_grey` on a file."""
    return decode_grey(_bytes(path), path)


def read_disparity_png(path: Path, scale: float | None = None) -> np.ndarray:
    """`decode_disparity_png` on a file."""
    return decode_disparity_png(_bytes(path), scale, path)


def write_disparity_png(path: Path, values: np.ndarray, scale: float = SCALE_16_BIT) -> None:
    """`encode_disparity_png` into a file, atomically."""
    write_bytes(path, encode_disparity_png(values, scale))


def _bytes(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", RESTORE_OR_SKIP) from None


# Disparity in any format that people keep it in: by the file's suffix to one reader.


SUFFIXES = (".pfm", ".png", ".pgm", ".npy", ".npz")
_NPZ_NAMES = ("disparity", "disp", "arr_0")


def read_disparity(path: Path, scale: float | None = None) -> np.ndarray:
    """Read a PFM, PNG, PGM, NPY or NPZ file.

    Args:
        path: its suffix tells the format. An NPZ archive has one array, or one that is called `disparity`,
            `disp` or `arr_0`.
        scale: the file holds disparity times this. None: 256 for 16-bit images, 1 for float formats.

    Returns:
        float32 H×W (a PFM of three channels: H×W×3), px, values as they stand.

    Raises:
        DataError: not a whole file of that format, no real numbers in it, or an 8-bit image without scale.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(path, None, f"disparity must be one of {', '.join(SUFFIXES)}", "convert it to one of them")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", RESTORE_OR_SKIP) from None
    if suffix in (".png", ".pgm"):
        return decode_disparity_png(data, scale, path)
    decode = {".pfm": decode_pfm, ".npy": decode_npy, ".npz": decode_npz}[suffix]
    values = decode(data, path)
    return values if scale is None else values / np.float32(scale)


def decode_npy(data: bytes, source: object = "NPY") -> np.ndarray:
    """Decode an `.npy` file of H×W real numbers, or of 1×H×W or H×W×1, to float32 H×W; else `DataError`."""
    try:
        values = parse_npy(data)
    except ValueError as error:
        rule = f"is not a whole .npy array ({error})"
        raise DataError(source, f"{len(data)} bytes", rule, RESTORE_OR_SKIP) from None
    return _map(values, source)


def decode_npz(data: bytes, source: object = "NPZ") -> np.ndarray:
    """Decode the disparity of an `.npz` archive as `decode_npy` does a file."""
    try:
        names = read_npz_names(data)
        chosen = names if len(names) == 1 else [name for name in _NPZ_NAMES if name in names][:1]
        values = parse_npz(data, chosen[0]) if chosen else None
    except ValueError as error:
        rule = f"is not a whole .npz archive ({error})"
        raise DataError(source, f"{len(data)} bytes", rule, RESTORE_OR_SKIP) from None
    if values is None:
        raise DataError(
            source,
            ", ".join(names) or "no arrays",
            "which array is the disparity?",
            "call it `disparity`, or save it alone",
        )
    return _map(values, source)


def _map(values: np.ndarray, source: object) -> np.ndarray:
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "fiu":
        raise DataError(source, f"{values.dtype} {values.shape}", "disparity is H×W real numbers", RESTORE_OR_SKIP)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and so unknown
        return np.ascontiguousarray(values, dtype=np.float32)
