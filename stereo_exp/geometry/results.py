"""What a predicted pair leaves: maps, the cameras that they belong to, rectified views, point cloud, picture, film."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from stereo_exp.base import ArgumentError, UserError, write_bytes
from stereo_exp.geometry.calibration import encode_camera
from stereo_exp.geometry.drawing.colours import DEPTH_MAP, disparity_limits
from stereo_exp.geometry.drawing.panels import Film, Panel, write_panels
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.points import depth as depth_in_metres
from stereo_exp.geometry.points import points_in_metres, write_ply
from stereo_exp.geometry.prediction import MM_PER_M, PNG_SCALE, Prediction, write_map
from stereo_exp.geometry.temporal import Stability, TemporalFilter

log = logging.getLogger(__name__)
CONFIDENCE_SCALE = 65535
"""Confidence as 16 bits: 65535 is 1."""
_FARTHEST = 65.535
"""Metres that 16 bits hold in mm."""
_FAST_PNG = 1


@dataclass(frozen=True)
class Result:
    """A pair's maps, at the pair's size.

    Attributes:
        sample: the pair as it was predicted, rectified.
        disparity: float32 H×W px, inf where it is not trusted.
        depth: float32 H×W m, inf where it is unknown; None without calibration.
        confidence: float32 H×W in 0…1.
        calibration: of the rectified pair; None: not known.
        was_rectified: whether the views are others than those that came.
    """

    sample: StereoSample
    disparity: np.ndarray
    depth: np.ndarray | None
    confidence: np.ndarray
    calibration: Calibration | None = None
    was_rectified: bool = False

    @classmethod
    def of(
        cls,
        sample: StereoSample,
        prediction: Prediction,
        calibration: Calibration | None,
        was_rectified: bool,
        steady: TemporalFilter | None = None,
    ) -> Self:
        """Mark what is not trusted as unknown, and tell the depth of the rest where the cameras are known."""
        disparity = prediction.disparity if steady is None else steady(sample.left, prediction.disparity)
        trusted, unknown = prediction.trusted, np.float32(np.inf)
        depth = None
        if calibration is not None:
            depth = depth_in_metres(disparity, calibration.focal, calibration.baseline, calibration.doffs)
            depth = np.where(trusted, depth, unknown)
        disparity = np.where(trusted, disparity, unknown)
        return cls(sample, disparity, depth, prediction.confidence, calibration, was_rectified)

    def summary(self) -> dict[str, float]:
        """Figures over what is trusted."""
        known = self.disparity[np.isfinite(self.disparity)]
        summary = {"trusted": known.size / self.disparity.size}
        if known.size:
            summary |= {"disparity_min": float(known.min()), "disparity_max": float(known.max())}
        if self.depth is not None and known.size:
            summary["depth_median"] = float(np.median(self.depth[np.isfinite(self.disparity)]))
        return summary


@dataclass
class Output:
    """A folder of results.

    Attributes:
        folder: made where it is not there.
        points: write point clouds where depth is known.
        max_depth: points farther away than this, in m, are left out of them.
        every: write the maps of every pair of a sequence, not of the first alone.
        limits: disparities at the two ends of the colour scale, px; None: those of the first pair.
        rate: frames a second of films; None: 10.
        no_depth: what a picture says where depth is not known.
        claim: gives the path of a file by its name below the folder, and refuses those that are somebody else's; None:
            whatever is there is written over.
    """

    folder: Path
    points: bool = False
    max_depth: float | None = None
    every: bool = True
    limits: tuple[float, float] | None = None
    rate: float | None = None
    no_depth: str = "no depth: focal length and baseline are not known"
    claim: Callable[[str], Path] | None = None
    _camera: bytes | None = field(default=None, init=False)
    _told_far: bool = field(default=False, init=False)

    def write_pair(self, result: Result, below: str = "") -> dict[str, Path]:
        """All files of a single pair; returns them by what they hold.

        Args:
            below: folder in the output's, with a slash behind it.

        Raises:
            UserError: a file is somebody else's; nothing is written then. Or the folder cannot be made.
        """
        names = {"disparity_pfm": "disparity.pfm", "disparity_png": "disparity.png", "confidence_png": "confidence.png"}
        if result.depth is not None and result.calibration is not None:
            names |= {"depth_npy": "depth.npy", "depth_png": "depth_mm.png", "camera": "camera.json"}
            names |= {"points": "points.ply"} if self.points else {}
        if result.was_rectified:
            names |= {f"{view}_rectified": f"{view}_rectified.png" for view in ("left", "right")}
        names["picture"] = "panels.png"
        files = {what: self.path(f"{below}{name}") for what, name in names.items()}
        _make(self.folder / below)
        for what in ("disparity_pfm", "disparity_png"):
            write_map(files[what], result.disparity, PNG_SCALE)
        write_map(files["confidence_png"], result.confidence, CONFIDENCE_SCALE)
        if result.depth is not None and result.calibration is not None:
            write_map(files["depth_npy"], result.depth, MM_PER_M)
            self._write_depth(files["depth_png"], result)
            write_bytes(files["camera"], encode_camera(result.calibration))
            if self.points:
                self._write_points(files["points"], result)
        if result.was_rectified:
            for view in ("left", "right"):
                _write_view(files[f"{view}_rectified"], getattr(result.sample, view))
        self.limits = self.limits or disparity_limits(result.disparity)
        panels = draw_result(result, self.limits, self.no_depth)
        write_panels(files["picture"], panels, heading=result.sample.key)
        return files

    def write_frame(self, result: Result) -> None:
        """The maps of one pair of a sequence, named after it; `camera.json` once, and again where it changes."""
        _make(self.folder)
        key = result.sample.key
        if self.every:
            write_map(self.path(f"{key}_disparity.png"), result.disparity, PNG_SCALE)
            if result.was_rectified:
                for view in ("left", "right"):
                    _write_view(self.path(f"{key}_{view}_rectified.png"), getattr(result.sample, view))
        if result.depth is None or result.calibration is None:
            return
        camera = encode_camera(result.calibration)
        if self._camera is None:
            write_bytes(self.path("camera.json"), camera)
            self._camera = camera
        elif camera != self._camera:
            write_bytes(self.path(f"{key}_camera.json"), camera)
        if self.every:
            self._write_depth(self.path(f"{key}_depth_mm.png"), result)
            if self.points:
                self._write_points(self.path(f"{key}_points.ply"), result)

    def path(self, name: str) -> Path:
        """Of a file to write, by its name below the folder.

        Raises:
            UserError: it is somebody else's.
        """
        return self.folder / name if self.claim is None else self.claim(name)

    def _write_depth(self, path: Path, result: Result) -> Path:
        assert result.depth is not None
        far = np.isfinite(result.depth) & (result.depth > _FARTHEST)
        if far.any() and not self._told_far:
            self._told_far = True
            told = "%s: %.0f %% of the pixels are farther than 65.5 m, which 16 bits of mm do not hold: 0 in %s"
            log.info(told, result.sample.key, 100 * far.mean(), path.name)
        return write_map(path, result.depth, MM_PER_M)

    def _write_points(self, path: Path, result: Result) -> Path:
        assert result.depth is not None and result.calibration is not None
        near = result.depth <= (self.max_depth or np.inf)
        write_ply(path, points_in_metres(result.depth, result.calibration), result.sample.left, near)
        return path


class SequenceWriter:
    """Writes the pairs of a sequence as they come: their maps, all of the first one's files, a film, how steady it is.

    Args:
        output: where to.
        change: see `Stability`.
    """

    def __init__(self, output: Output, change: float = 6.0) -> None:
        self.output = output
        self.stability = Stability(change)
        self.count = 0
        self.first: dict[str, object] = {}
        self.not_in_film = 0
        self._film: Film | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, result: Result) -> None:
        """The next pair. The film holds those that are as large as the first."""
        if self._film is None:
            film = self.output.path("disparity.mp4")
            files = self.output.write_pair(result, "first/")
            assert self.output.limits is not None
            self.first = {"pair": result.sample.key, **result.summary(), "picture": str(files["picture"])}
            self._film = Film(film, self.output.limits, self.output.rate or 10.0)
        self.output.write_frame(result)
        if self._film.takes(result.sample.left):
            self._film.add(result.sample.left, result.disparity, result.sample.time)
        else:
            self.not_in_film += 1
        self.stability.update(result.sample.left, result.disparity)
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._film is not None:
            self._film.__exit__(kind, error, trace)
        if self.not_in_film:
            told = "%d of %d pairs are of another size than the first: they are not in the film"
            log.info(told, self.not_in_film, self.count)

    def facts(self) -> dict[str, object]:
        """What a report says: the first pair's figures, how many pairs, the film, how steady."""
        found = {**self.first, "num_pairs": self.count, "film": str(self.output.folder / "disparity.mp4")}
        if self.not_in_film:
            found["not_in_film"] = self.not_in_film
        return {**found, "stability": self.stability.compute()}


def draw_result(result: Result, limits: tuple[float, float], no_depth: str) -> list[Panel]:
    """Left, right, disparity and depth; `no_depth` stands where that is not known."""
    panels = [
        Panel("left", result.sample.left),
        Panel("right", result.sample.right),
        Panel("disparity", result.disparity, limits=limits),
    ]
    if result.depth is None:
        return [*panels, Panel("depth", note=no_depth)]
    known = result.depth[np.isfinite(result.depth)]
    top = float(np.percentile(known, 95)) if known.size else 1.0
    low = float(known.min()) if known.size else 0.0
    return [*panels, Panel("depth", result.depth, DEPTH_MAP, (low, top), "m")]


def _write_view(path: Path, image: np.ndarray) -> None:
    try:
        write_bytes(path, encode_png(image, _FAST_PNG))
    except OSError as error:
        raise UserError(path, None, f"cannot be written ({error.strerror})", "give another folder") from None


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError("out", out, f"cannot be made ({error.strerror})", "give another folder") from None
