"""Disparity in any format that people keep it in: by the file's suffix to one reader."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from stereo_exp.data.formats.disparity_png import decode_disparity_png
from stereo_exp.data.formats.pfm import decode_pfm
from stereo_exp.errors import RESTORE_OR_SKIP, DataError

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
        values = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception:  # a damaged header is parsed as Python: NumPy raises a dozen kinds, tokenize's among them
        raise DataError(source, f"{len(data)} bytes", "is not a whole .npy array", RESTORE_OR_SKIP) from None
    return _map(values, source)


def decode_npz(data: bytes, source: object = "NPZ") -> np.ndarray:
    """Decode the disparity of an `.npz` archive as `decode_npy` does a file."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            names = list(archive.files)
            chosen = names if len(names) == 1 else [name for name in _NPZ_NAMES if name in names][:1]
            values = archive[chosen[0]] if chosen else None
    except Exception:  # zipfile's, zlib's and all of the above
        raise DataError(source, f"{len(data)} bytes", "is not a whole .npz archive", RESTORE_OR_SKIP) from None
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
