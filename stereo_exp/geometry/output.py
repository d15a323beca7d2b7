"""What predicted pairs leave: maps, cameras, rectified views, point clouds, pictures, film, page, recording."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from stereo_exp.base import ArgumentError, UserError, write_bytes
from stereo_exp.geometry.calibration import encode_camera
from stereo_exp.geometry.drawing.film import Film
from stereo_exp.geometry.drawing.panels import Panel, write_panels
from stereo_exp.geometry.drawing.scales import CONFIDENCE, Scale, fit_depth, fit_disparity
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.points import points_in_metres, write_ply
from stereo_exp.geometry.prediction import MM_PER_M, PNG_SCALE, write_map
from stereo_exp.geometry.recorder import Recorder
from stereo_exp.geometry.results import Result
from stereo_exp.geometry.temporal import Stability
from stereo_exp.geometry.viewer import Viewer

log = logging.getLogger(__name__)
VIEW_FILE, RECORDING_FILE = "view.html", "recording.rrd"
CONFIDENCE_SCALE = 65535
"""Confidence as 16 bits: 65535 is 1."""
_FARTHEST = 65.535
"""Metres that 16 bits hold in mm."""
_FAST_PNG = 1


@dataclass
class Output:
    """A folder of results.

    Attributes:
        folder: made where it is not there.
        points: write point clouds where depth is known.
        max_depth: points farther away than this, in m, are left out of them.
        every: write the maps of every pair of a sequence, not of the first alone.
        scale: of the disparities' colours; None: what fits the first pair, for the page what fits the frames it keeps.
        rate: frames a second of films; None: 10.
        no_depth: what a picture says where depth is not known.
        view: write a page to look around in.
        rerun: write a recording for the Rerun viewer, which must be installed.
        expected_error: write by how much disparities are wrong on average, too.
        claim: gives the path of a file by its name below the folder, and refuses those that are somebody else's; None:
            whatever is there is written over.
    """

    folder: Path
    points: bool = False
    max_depth: float | None = None
    every: bool = True
    scale: Scale | None = None
    rate: float | None = None
    no_depth: str = "no depth: focal length and baseline are not known"
    view: bool = False
    rerun: bool = False
    expected_error: bool = False
    claim: Callable[[str], Path] | None = None
    _fitted: Scale | None = field(default=None, init=False)
    _camera: bytes | None = field(default=None, init=False)
    _told_far: bool = field(default=False, init=False)

    def write_pair(self, result: Result) -> dict[str, Path]:
        """All files of a single pair; returns them by what they hold.

        Raises:
            UserError: a file is somebody else's; nothing is written then. Or the folder cannot be made.
        """
        views = Views(self, result.sample.key)
        files = self._write_all("", result)
        with views:
            views.add(result)
        return files | views.files

    def write_first(self, result: Result) -> dict[str, Path]:
        """The files of a sequence's first pair, in a folder of their own: page and recording are of the sequence."""
        return self._write_all("first/", result)

    def path(self, name: str) -> Path:
        """Of a file to write, by its name below the folder.

        Raises:
            UserError: it is somebody else's.
        """
        return self.folder / name if self.claim is None else self.claim(name)

    def scale_of(self, result: Result) -> Scale:
        """The one that was asked for; else what fits the pair that comes first, for all that follow."""
        self._fitted = self._fitted or self.scale or fit_disparity(result.disparity)
        return self._fitted

    def _write_all(self, below: str, result: Result) -> dict[str, Path]:
        """`below`: a folder in ours, with a slash behind it."""
        names = {"disparity_pfm": "disparity.pfm", "disparity_png": "disparity.png", "confidence_png": "confidence.png"}
        if result.depth is not None and result.calibration is not None:
            names |= {"depth_npy": "depth.npy", "depth_png": "depth_mm.png", "camera": "camera.json"}
            names |= {"points": "points.ply"} if self.points else {}
        if (error := self._error_of(result)) is not None:
            names["expected_error_png"] = "expected_error.png"
        if result.was_rectified:
            names |= {f"{view}_rectified": f"{view}_rectified.png" for view in ("left", "right")}
        names["picture"] = "panels.png"
        files = {what: self.path(f"{below}{name}") for what, name in names.items()}
        _make(self.folder / below)
        for what in ("disparity_pfm", "disparity_png"):
            write_map(files[what], result.disparity, PNG_SCALE)
        write_map(files["confidence_png"], result.confidence, CONFIDENCE_SCALE)
        if error is not None:
            write_map(files["expected_error_png"], error, PNG_SCALE)
        if result.depth is not None and result.calibration is not None:
            write_map(files["depth_npy"], result.depth, MM_PER_M)
            self._write_depth(files["depth_png"], result)
            write_bytes(files["camera"], encode_camera(result.calibration))
            if self.points:
                self._write_points(files["points"], result)
        if result.was_rectified:
            for view in ("left", "right"):
                _write_view(files[f"{view}_rectified"], getattr(result.sample, view))
        panels = draw_result(result, self.scale_of(result), self.no_depth)
        write_panels(files["picture"], panels, 3, result.sample.key)
        return files

    def write_frame(self, result: Result) -> None:
        """The maps of one pair of a sequence, named after it; `camera.json` once, and again where it changes."""
        _make(self.folder)
        key = result.sample.key
        if self.every:
            write_map(self.path(f"{key}_disparity.png"), result.disparity, PNG_SCALE)
            if (error := self._error_of(result)) is not None:
                write_map(self.path(f"{key}_expected_error.png"), error, PNG_SCALE)
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

    def _error_of(self, result: Result) -> np.ndarray | None:
        """Where it is asked for and known; a smaller error than 1/512 px would be unknown in a file, so it is that."""
        if not self.expected_error or result.expected_error is None:
            return None
        error: np.ndarray = np.maximum(result.expected_error, np.float32(1 / PNG_SCALE))
        return error

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


class Views:
    """What pairs leave to look around in, as far as it is asked for: a page, written when the block ends; a recording.

    Args:
        output: says what is asked for, and where it goes.
        title: above the page.
        sequence: whether more than one pair may come.
    """

    def __init__(self, output: Output, title: str, sequence: bool = False) -> None:
        self.output, self.files = output, dict[str, Path]()
        self._stack = ExitStack()
        self._viewer: Viewer | None = None
        self._recorder: Recorder | None = None
        if output.rerun:
            self.files["recording"] = output.path(RECORDING_FILE)
        if output.view:
            self.files["view"] = path = output.path(VIEW_FILE)
            self._viewer = self._stack.enter_context(Viewer(path, title, output.scale, sequence))

    def __enter__(self) -> Self:
        return self

    def add(self, result: Result, in_page: bool = True) -> None:
        """The next pair; the recording takes it in any case."""
        sample, output = result.sample, self.output
        if output.rerun and self._recorder is None:
            path = self.files["recording"]
            self._recorder = self._stack.enter_context(Recorder(path, output.scale_of(result), output.max_depth))
        if self._viewer is not None and in_page:
            error = result.expected_error if output.expected_error else None
            self._viewer.add(sample.left, result.disparity, result.confidence, result.calibration, error, sample.key)
        if self._recorder is not None:
            self._recorder.add(result)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class SequenceWriter:
    """Writes the pairs of a sequence as they come: their maps, all of the first one's files, a film, how steady it is.

    Where the output asks for them, a page and a recording too. Film and page hold the pairs that are as large as the
    first: one camera serves a page.

    Args:
        output: where to.
        change: see `Stability`.
    """

    def __init__(self, output: Output, change: float = 6.0) -> None:
        self.output = output
        self.stability = Stability(change)
        self.count = 0
        self.first: dict[str, object] = {}
        self.not_in_film = self.num_beyond = 0
        self._stack = ExitStack()
        self._views = self._stack.enter_context(Views(output, output.folder.name, sequence=True))
        self._film: Film | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, result: Result) -> None:
        """The next pair. Film and page hold those that are as large as the first."""
        if self._film is None:
            path = self.output.path("disparity.mp4")
            files = self.output.write_first(result)
            self.first = {"pair": result.sample.key, **result.summary(), "picture": str(files["picture"])}
            film = Film(path, self.output.scale_of(result), self.output.rate or 10.0)
            self._film = self._stack.enter_context(film)
        self.output.write_frame(result)
        takes = self._film.takes(result.sample.left)
        self._views.add(result, takes)
        if takes:
            self._film.add(result.sample.left, result.disparity, result.sample.time)
        else:
            self.not_in_film += 1
        self.stability.update(result.sample.left, result.disparity)
        self.num_beyond += result.num_beyond
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if self.not_in_film:
            where = "in the film nor in the page" if self.output.view else "in the film"
            told = "%d of %d pairs are of another size than the first: they are not %s"
            log.info(told, self.not_in_film, self.count, where)

    def facts(self) -> dict[str, object]:
        """What a report says: the first pair's figures, how many pairs, the film, how steady."""
        found = {**self.first, "num_pairs": self.count, "film": str(self.output.folder / "disparity.mp4")}
        found |= {name: str(path) for name, path in self._views.files.items()}
        if "n_beyond_range" in found:
            found["n_beyond_range"] = self.num_beyond
        if self.not_in_film:
            found["not_in_film"] = self.not_in_film
        return {**found, "stability": self.stability.compute()}


def draw_result(result: Result, scale: Scale, no_depth: str) -> list[Panel]:
    """Five panels, three in a row: the views in one column, what is computed beside them.

    Args:
        scale: of the disparity.
        no_depth: stands where depth is not known.
    """
    if result.depth is None:
        depth = Panel("depth", note=no_depth)
    else:
        depth = Panel("depth", result.depth, fit_depth(result.depth))
    return [
        Panel("left", result.sample.left),
        Panel("disparity", result.disparity, scale),
        depth,
        Panel("right", result.sample.right),
        Panel("confidence (black: none)", result.confidence, CONFIDENCE),
    ]


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
