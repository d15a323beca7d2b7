"""What is said of a pair, and disparity and depth as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, UserError, replacing, write_bytes
from stereo_exp.geometry.drawing.colours import color_map
from stereo_exp.geometry.drawing.scales import Scale, fit_disparity
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.points import depth


@dataclass(frozen=True)
class Prediction:
    """Disparity and confidence of a rectified pair, at the pair's own size; of a batch, B ahead of H×W."""

    disparity: np.ndarray
    """float32 H×W px of the left view as it was given: its pixel (x, y) matches (x - disparity, y) of the right one.
    Refined, it may go beyond what the network can find."""
    confidence: np.ndarray
    """float32 H×W in 0…1: the probability near the disparity."""
    trusted: np.ndarray
    """bool H×W, pixels that every check passed; all of them where nothing was checked."""
    calibration: Calibration | None = None
    """Of the pair that the disparity belongs to, where the call was given one."""

    def depth(
        self, focal: float | None = None, baseline: float | None = None, doffs: float | None = None
    ) -> np.ndarray:
        """Distance along the optical axis: focal · baseline / (disparity + doffs).

        Args:
            focal: focal length in px of the views as they were given; None: of `calibration`.
            baseline: distance of the cameras in m; None: of `calibration`.
            doffs: x of the right camera's principal point minus the left's, px; None: of `calibration`, else 0.

        Returns:
            float32 H×W in m; inf where the disparity is not trusted, or disparity + doffs is not positive.

        Raises:
            UserError: focal length and baseline are not known, or one of them is not positive.
        """
        known = self.calibration
        if known is not None:
            focal, baseline = (focal or known.focal), (baseline or known.baseline)
            doffs = known.doffs if doffs is None else doffs
        for name, value in (("focal", focal), ("baseline", baseline)):
            if value is None:
                rule = "depth needs focal length (px) and baseline (m)"
                raise ArgumentError(name, None, rule, "give {focal} and {baseline}, or predict with a calibration")
            if not 0 < value < np.inf:
                raise ArgumentError(name, value, "must be positive", f"give {{{name}}} a positive number")
        assert focal is not None and baseline is not None
        metres = depth(self.disparity, focal, baseline, doffs or 0.0)
        return np.where(self.trusted, metres, np.float32(np.inf))


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


def write_picture(path: Path, disparity: np.ndarray, limits: tuple[float, float] | None = None) -> Scale:
    """Disparity in colours, as a PNG file of its size.

    Args:
        limits: px at the two ends of the colours, so that frames of a sequence compare; None: what fits this map.

    Returns:
        What the colours mean.
    """
    scale = fit_disparity(disparity) if limits is None else Scale(*limits)
    write_bytes(path, encode_png(color_map(disparity, scale)))
    return scale
