"""A recording of results for the Rerun viewer: cameras, views, maps and points, each pair at its time."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from stereo_exp.base import UserError, open_anew
from stereo_exp.geometry.drawing.colours import color_map
from stereo_exp.geometry.drawing.scales import CONFIDENCE, Scale
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.points import points_in_metres
from stereo_exp.geometry.results import Result

_TIME = "frame"


class Recorder:
    """Writes pairs as they come into one recording, each at its number on the timeline `frame`.

    Without calibration there are views and maps alone; with it a camera for each view, the left one at the origin,
    depth in m and the point cloud, x right, y down, z forward.

    Args:
        path: an .rrd file.
        scale: of the disparity's colours.
        max_depth: points farther away, in m, are left out; None: none.

    Raises:
        ModuleNotFoundError: rerun-sdk is not installed.
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, scale: Scale, max_depth: float | None = None) -> None:
        import rerun

        self.path, self._scale, self._max_depth = path, scale, max_depth
        self._rerun, self._count = rerun, 0
        self._stream = rerun.RecordingStream("stereo_exp", recording_id=None)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What Rerun itself cannot open is not told by an exception.
            os.close(open_anew(path))
        except OSError as error:
            raise UserError(path, None, f"cannot be written ({error.strerror})", "give another folder") from None
        self._stream.save(path)

    def __enter__(self) -> Self:
        return self

    def add(self, result: Result) -> None:
        """One pair more, at the next number of the timeline."""
        rerun, stream, sample, calibration = self._rerun, self._stream, result.sample, result.calibration
        stream.set_time(_TIME, sequence=self._count)
        if calibration is not None:
            self._place_cameras(calibration, sample.size)
        stream.log("world/left/view", rerun.Image(sample.left))
        stream.log("world/right/view", rerun.Image(sample.right))
        stream.log("maps/disparity", rerun.Image(color_map(result.disparity, self._scale)))
        stream.log("maps/confidence", rerun.Image(color_map(result.confidence, CONFIDENCE)))
        if result.depth is not None and calibration is not None:
            known = np.isfinite(result.depth)
            stream.log("world/left/depth", rerun.DepthImage(np.where(known, result.depth, 0), meter=1.0))
            near = known & (result.depth <= (self._max_depth or np.inf))
            points = points_in_metres(result.depth, calibration)[near]
            stream.log("world/points", rerun.Points3D(points, colors=sample.left[near]))
        self._count += 1

    def _place_cameras(self, calibration: Calibration, size: tuple[int, int]) -> None:
        """The left camera at the origin, the right one a baseline beside it; logged anew, since rigs may differ."""
        rerun, stream = self._rerun, self._stream
        height, width = size
        x, y = calibration.centre or ((width - 1) / 2, (height - 1) / 2)
        axes = rerun.ViewCoordinates.RDF
        stream.log("world", axes, static=True)
        stream.log("world/right", rerun.Transform3D(translation=[calibration.baseline, 0, 0]))
        for name, centre in (("left", x), ("right", x + calibration.doffs)):
            camera = rerun.Pinhole(
                focal_length=calibration.focal,
                principal_point=[centre, y],
                resolution=[width, height],
                camera_xyz=axes,
            )
            stream.log(f"world/{name}", camera)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.disconnect()
