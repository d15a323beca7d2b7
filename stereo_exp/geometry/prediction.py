"""What is said of a pair, and disparity and depth as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, UserError, replacing, write_bytes
from stereo_exp.geometry.drawing.colours import color_map
from stereo_exp.geometry.drawing.scales import Scale, fit_disparity
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.points import depth, tell_unlikely_depth
from stereo_exp.geometry.reach import Reach
from stereo_exp.geometry.reliability import look_up
from stereo_exp.geometry.viewer import Viewer


@dataclass(frozen=True)
class Errors:
    """The expected errors of a pair before anybody asked for them.

    Attributes:
        levels: uint16 H×W, how sure the network is.
        table: float32, the expected error of each level, px.
    """

    levels: np.ndarray
    table: np.ndarray

    def __call__(self) -> np.ndarray:
        """float32 H×W px."""
        return look_up(self.table, self.levels)


@dataclass(frozen=True)
class Prediction:
    """Disparity and confidence of a rectified pair, at the pair's own size; of a batch, B ahead of H×W."""

    disparity: np.ndarray
    """float32 H×W px of the left view as it was given: its pixel (x, y) matches (x - disparity, y) of the right one.
    Refined, it may go beyond what the network can find."""
    confidence: np.ndarray
    """float32 H×W in 0…1: the probability that the disparity is within 2 px; 0 where something may lie nearer than the
    network can see. Without a table for the weights (`Rule.reliability`), the network's own sureness."""
    trusted: np.ndarray
    """bool H×W, pixels that every check passed; all of them where nothing was checked."""
    calibration: Calibration | None = None
    """Of the pair that the disparity belongs to, where the call was given one."""
    left: np.ndarray | None = field(default=None, repr=False, compare=False)
    """uint8 H×W×3 RGB, the left view that the disparity belongs to: rectified, where the call did that."""
    reach: Reach = field(default=Reach(np.inf), compare=False)
    """The largest disparity that the network can see at the size of this pair, px, and the depth there."""
    beyond: np.ndarray | None = field(default=None, repr=False, compare=False)
    """bool H×W, where something may lie nearer than that: both views match at a larger disparity alone. None: nowhere,
    or nobody looked."""
    errors: Errors | Sequence[Errors] | None = field(default=None, repr=False, compare=False)
    """What `expected_error` is looked up in; of a batch one for each pair."""

    @cached_property
    def expected_error(self) -> np.ndarray:
        """float32 H×W px: by how much the disparity is wrong on average where the network is as sure as here. Where
        something may lie nearer than the range, what is missing to the range, at least.

        Raises:
            UserError: there is no table for the network's weights.
        """
        if self.errors is None:
            rule = "the prediction says nothing of errors: there is no table for the network's weights"
            raise ArgumentError("errors", None, rule, "predict with a network of a checkpoint or a compiled folder")
        is_batch = not isinstance(self.errors, Errors)
        found: np.ndarray = np.stack([each() for each in self.errors]) if is_batch else self.errors()  # type: ignore
        if self.beyond is not None:
            missing = np.maximum(self.reach.disparity - self.disparity[self.beyond], 0)
            found[self.beyond] = np.maximum(found[self.beyond], missing)
        return found

    @property
    def num_beyond(self) -> int:
        """Pixels of `beyond`."""
        return 0 if self.beyond is None else int(self.beyond.sum())

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
        metres = np.where(self.trusted, depth(self.disparity, focal, baseline, doffs or 0.0), np.float32(np.inf))
        tell_unlikely_depth(metres)
        return metres

    def view(
        self,
        path: str | Path,
        left: np.ndarray | None = None,
        focal: float | None = None,
        baseline: float | None = None,
        doffs: float | None = None,
    ) -> Path:
        """Write a page to look around in: one HTML file that opens from disk, without a network.

        It shows the left view, disparity, depth and confidence as layers, tells px and metres below the pointer, and
        has a point cloud to turn. A pair that would take more than 10 MB is reduced, and the page says so. The frames
        of a batch have a slider.

        Args:
            path: an .html file; its folder is made.
            left: uint8 H×W×3 RGB; None: the one that was predicted.
            focal, baseline, doffs: as for `depth`; None: of `calibration`. Where the cameras are not known, there are
                no metres, and the cloud has a shape only.

        Returns:
            The file.

        Raises:
            UserError: there is no left view, or the file cannot be written.
        """
        views = self.left if left is None else left
        if views is None:
            raise ArgumentError("left", None, "the prediction holds no left view", "give {left} the image, H×W×3 RGB")
        known = self.calibration
        if known is None and focal is not None and baseline is not None:
            known = Calibration(focal, baseline, doffs or 0.0)
        elif known is not None:
            known = replace(known, focal=focal or known.focal, baseline=baseline or known.baseline,
                            doffs=known.doffs if doffs is None else doffs)  # fmt: skip
        unknown = np.float32(np.inf)
        shown = np.where(self.trusted, self.disparity, unknown)
        batch = shown.ndim == 3
        with Viewer(path, Path(path).stem, sequence=batch) as viewer:
            error = None if self.errors is None else self.expected_error
            for index in range(len(shown) if batch else 1):
                at = index if batch else ...
                found = None if error is None else error[at]
                viewer.add(views[at], shown[at], self.confidence[at], known, found, str(index) if batch else "")
        return Path(path)


PNG_SCALE = 256
"""KITTI's convention: disparity · 256 as 16 bits, 0 = unknown."""
MM_PER_M = 1000
"""Depth as 16 bits is in mm, 0 = unknown."""
_UINT16_MAX = 65535


def to_uint16(values: np.ndarray) -> np.ndarray:
    """Rounded; what is not finite or does not fit is 0, unknown: it must not look like a wall at the range's end."""
    with np.errstate(invalid="ignore"):
        levels = np.rint(values)
        levels = np.where((levels >= 0) & (levels <= _UINT16_MAX), levels, 0)
    return levels.astype(np.uint16)


def write_map(path: Path, values: np.ndarray, png_scale: float) -> Path:
    """A float map by the file's ending: `.png` (16 bits, times `png_scale`; what is unknown or does not fit is 0),
    `.pfm` or `.npy` (float32).

    Raises:
        UserError: another ending, or a folder that cannot be written.
    """
    try:
        if path.suffix == ".png":
            write_bytes(path, encode_png(to_uint16(values * png_scale)))
        elif path.suffix == ".pfm":
            write_pfm(path, values)
        elif path.suffix == ".npy":
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, values)
        else:
            raise UserError(path, None, "must end in .png, .pfm or .npy", f"try {path.with_suffix('.png')}")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(path, None, f"cannot be written ({reason})", "give another folder") from None
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
