"""The pairs of a source as a network takes them: their rows side by side, with the cameras that they then belong to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.calibration import Cameras, describe_cameras, fit_cameras, is_likely
from stereo_exp.geometry.epipolar import pair_geometry
from stereo_exp.geometry.frames import Frames
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.rectify import Rectifier, Rig
from stereo_exp.geometry.uncalibrated import UncalibratedRectifier

log = logging.getLogger(__name__)
MODES = ("calib", "auto", "none")
"""What rectifies: the calibration where it says how, features of the first pair, nothing."""


class RectifiedFrames:
    """Pairs of a source, rectified.

    Args:
        frames: the source.
        cameras: what is known of its cameras; None: what the source says itself.
        rectify: `calib`: the calibration does it where it describes cameras as they are. `auto`: features of the first
            pair do, without any calibration. `none`: the images are rectified already, whatever the calibration says.
        limit: stop after so many pairs.
        check: look at the first pair before it is trusted, and warn.

    Raises:
        ArgumentError: `none` with cameras whose rectification nobody knows, or `auto` with a calibration.
    """

    def __init__(
        self,
        frames: Frames,
        cameras: Cameras | None = None,
        rectify: str = "calib",
        limit: int | None = None,
        check: bool = True,
    ) -> None:
        if rectify not in MODES:
            raise ArgumentError("rectify", rectify, f"must be one of {', '.join(MODES)}", "try {rectify}=calib")
        self.frames, self.limit, self.check = frames, limit, check
        self.cameras = frames.cameras if cameras is None else cameras
        if rectify == "auto" and self.cameras is not None:
            rule = "turns the images by what they show: the calibration would not be theirs any more"
            raise ArgumentError("rectify", rectify, rule, "leave the calibration out, or {rectify}")
        if rectify == "none" and isinstance(self.cameras, Rig):
            if self.cameras.given is None:
                rule = "the calibration does not say what the rectified images' focal length is (P1, P2)"
                raise ArgumentError("rectify", rectify, rule, "give a calibration of the rectified pair")
            self.cameras = self.cameras.given.calibration(self.cameras.size)
        self.calibration: Calibration | None = None
        """Of the pair that was handed out last."""
        self.was_rectified = rectify == "auto" or isinstance(self.cameras, Rig)
        """Whether the views are others than those that came."""
        self._uncalibrated = UncalibratedRectifier() if rectify == "auto" else None
        self._rectifier: Rectifier | None = None
        self._fitted: tuple[int, int] | None = None

    def __len__(self) -> int:
        """How many; 0 where nobody knows."""
        return min(len(self.frames), self.limit) if self.limit else len(self.frames)

    def __iter__(self) -> Iterator[StereoSample]:
        for index, raw in enumerate(islice(self.frames, self.limit)):
            sample = self._rectify(raw)
            if index == 0 and self.check:
                for alarm in check_first(raw, sample):
                    log.warning("%s: %s", sample.key, alarm)
            yield sample
        if self.frames.left_out.unpaired:
            log.warning("%s", self.frames.left_out)

    def _rectify(self, raw: StereoSample) -> StereoSample:
        """The pair rectified, where something says how; `calibration` is then that of the result."""
        if self._uncalibrated is not None:
            left, right = self._uncalibrated(raw.left, raw.right)
            return replace(raw, left=left, right=right)
        if self.cameras is None:
            self.calibration = raw.calibration
            return raw
        is_new = self._fitted != raw.size
        if is_new:
            fitted = fit_cameras(self.cameras, raw.size[::-1])
            self._rectifier = Rectifier(fitted) if isinstance(fitted, Rig) else None
            self.calibration = fitted if isinstance(fitted, Calibration) else None
        sample = raw
        if self._rectifier is not None:
            left, right = self._rectifier(raw.left, raw.right)
            sample, self.calibration = replace(raw, left=left, right=right), self._rectifier.calibration
        if is_new and self.calibration is not None:
            self._fitted = raw.size
            tell_cameras(self.calibration, is_rectified=self._rectifier is not None)
        return sample


def check_first(raw: StereoSample, sample: StereoSample) -> list[str]:
    """What is wrong with a pair, one sentence each: rows that do not correspond, views exchanged, or twice the same."""
    if np.array_equal(raw.left, raw.right):
        return ["both views are the same picture: disparity will be 0 everywhere"]
    return pair_geometry(sample.left, sample.right).alarms()


def tell_cameras(calibration: Calibration, is_rectified: bool) -> None:
    """What depth will rest on, in the log; a warning where nobody builds such cameras."""
    how = "rectified to" if is_rectified else "taken as rectified,"
    log.info("calibration: %s %s", how, describe_cameras(calibration))
    tell_unlikely(calibration)


def tell_unlikely(calibration: Calibration) -> None:
    """A warning where nobody builds cameras of such a baseline."""
    if not is_likely(calibration):
        log.warning("a baseline of %g m is unlikely: in what unit are the calibration's lengths?", calibration.baseline)
