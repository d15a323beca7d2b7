"""Disparity and depth into files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stereo_exp.base.errors import UserError
from stereo_exp.base.files import replacing, write_bytes
from stereo_exp.geometry.drawing.colours import colour_map
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm

PNG_SCALE = 256
"""KITTI's convention: disparity · 256 as 16 bits, 0 = unknown."""
MM_PER_M = 1000
"""Depth as 16 bits is in mm, 0 = unknown."""
_UINT16_MAX = 65535


def to_uint16(values: np.ndarray) -> np.ndarray:
    """Rounded and cut to 0…65535."""
    levels: np.ndarray = np.clip(np.rint(values), 0, _UINT16_MAX).astype(np.uint16)
    return levels


def write_map(path: Path, values: np.ndarray, png_scale: float) -> Path:
    """A float map by the file's ending: `.png` (16 bits, times `png_scale`), `.pfm` or `.npy` (float32).

    Raises:
        UserError: another ending, or a folder that cannot be written.
    """
    try:
        if path.suffix == ".png":
            write_bytes(path, encode_png(to_uint16(np.where(np.isfinite(values), values, 0) * png_scale)))
        elif path.suffix == ".pfm":
            write_pfm(path, values)
        elif path.suffix == ".npy":
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, values)
        else:
            raise UserError(path, None, "must end in .png, .pfm or .npy", f"try {path.with_suffix('.png')}")
    except OSError as error:
        raise UserError(path, None, f"cannot be written ({error.strerror})", "give another folder") from None
    return path


def write_picture(path: Path, disparity: np.ndarray, maxdisp: float) -> Path:
    """Disparity in colours, 0 to `maxdisp` px whatever the picture holds, so that frames of a sequence compare."""
    write_bytes(path, encode_png(colour_map(disparity, (0.0, maxdisp))))
    return path
