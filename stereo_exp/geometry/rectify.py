"""Two cameras as they were built, and the rectification that lays their rows side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.pair import Calibration

Size = tuple[int, int]


@dataclass(frozen=True)
class Rig:
    """A calibrated pair of pinhole cameras with distortion, in OpenCV's conventions.

    Attributes:
        matrices: 3×3 intrinsic matrices of the left and the right camera, px.
        distortions: their distortion coefficients, 4, 5, 8, 12 or 14 numbers each.
        rotation, translation: a point x in the left camera's axes is rotation·x + translation in the right one's;
            translation in metres.
        size: width and height that the matrices belong to, px; None: that of the images at hand.
    """

    matrices: tuple[np.ndarray, np.ndarray]
    distortions: tuple[np.ndarray, np.ndarray]
    rotation: np.ndarray
    translation: np.ndarray
    size: Size | None = None


@dataclass
class Rectifier:
    """Makes the rows of both views correspond; keeps its look-up tables from one pair to the next.

    Attributes:
        rig: the cameras.
        calibration: of the rectified pair, once the first pair has been seen.
    """

    rig: Rig
    calibration: Calibration | None = None
    _maps: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    _size: Size | None = None

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rectified views: uint8 H×W×3 as they came, only pixels that the cameras saw.

        Raises:
            UserError: the images have not the size that the rig was calibrated for.
        """
        size = (left.shape[1], left.shape[0])
        if size != self._size:
            self._prepare(size)
        views = zip((left, right), self._maps, strict=True)
        first, second = (cv2.remap(view, *maps, cv2.INTER_LINEAR) for view, maps in views)
        return first, second

    def _prepare(self, size: Size) -> None:
        rig = self.rig
        if rig.size is not None and rig.size != size:
            raise ArgumentError(
                "rig",
                f"{rig.size[0]}x{rig.size[1]}",
                f"the images are {size[0]}x{size[1]}",
                "give images of the size that the cameras were calibrated at",
            )
        (left, right), (bend_left, bend_right) = rig.matrices, rig.distortions
        turn_left, turn_right, project_left, project_right, *_ = cv2.stereoRectify(
            left, bend_left, right, bend_right, size, rig.rotation, rig.translation, alpha=0
        )
        focal = float(project_left[0, 0])
        baseline = -float(project_right[0, 3]) / focal
        if not baseline > 0 or project_right[1, 3] != 0:
            raise ArgumentError(
                "rig",
                np.round(rig.translation.ravel(), 4).tolist(),
                "the right camera does not stand to the right of the left one",
                "give the left camera's images as {left}",
            )
        self.calibration = Calibration(
            focal,
            baseline,
            float(project_right[0, 2] - project_left[0, 2]),
            (float(project_left[0, 2]), float(project_left[1, 2])),
        )
        self._maps = [
            cv2.initUndistortRectifyMap(matrix, bend, turn, project, size, cv2.CV_16SC2)
            for matrix, bend, turn, project in (
                (left, bend_left, turn_left, project_left),
                (right, bend_right, turn_right, project_right),
            )
        ]
        self._size = size
