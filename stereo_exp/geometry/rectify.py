"""Two cameras as they were built, and the rectification that lays their rows side by side."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.pair import Calibration

Size = tuple[int, int]
_MAX_ROW_SHIFT = 1e-3
"""Of the focal length: projections whose rows are farther apart are not those of a rectified pair."""


_WIDEST, _NO_RAY = 3.0, 1e3
"""Of rays, x and y at a distance of 1: rectified images reach no farther than 72° to either side."""


class Projections(NamedTuple):
    """A rectification that somebody computed already, as `cv2.stereoRectify` returns it.

    Attributes:
        turn_left, turn_right: 3×3 rotations into the rectified axes.
        left, right: 3×4 projection matrices, px; the right one's last column in px · m.
    """

    turn_left: np.ndarray
    turn_right: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def calibration(self, size: Size | None = None) -> Calibration:
        """Of the rectified pair; the baseline is negative where the right camera stands to the left."""
        focal = float(self.left[0, 0])
        baseline = float(self.left[0, 3] / focal - self.right[0, 3] / self.right[0, 0])
        centre = float(self.left[0, 2]), float(self.left[1, 2])
        return Calibration(focal, baseline, float(self.right[0, 2] - self.left[0, 2]), centre, size)

    def resize(self, across: float, down: float) -> Projections:
        """Of images that many times as wide and as high."""
        return self._replace(left=_scale_matrix(self.left, across, down), right=_scale_matrix(self.right, across, down))


@dataclass(frozen=True)
class Rig:
    """A calibrated pair of cameras with distortion, in OpenCV's conventions.

    Attributes:
        matrices: 3×3 intrinsic matrices of the left and the right camera, px.
        distortions: their distortion coefficients, 4, 5, 8, 12 or 14 numbers each; of a fisheye 4.
        rotation, translation: a point x in the left camera's axes is rotation·x + translation in the right one's;
            translation in metres.
        size: width and height that the matrices belong to, px; None: that of the images at hand.
        fisheye: the lenses follow `cv2.fisheye`, not the pinhole model.
        given: a rectification to use as it is; None: computed, so that only pixels show that the cameras saw.
        others: the same cameras at other sizes, where a file has several.
    """

    matrices: tuple[np.ndarray, np.ndarray]
    distortions: tuple[np.ndarray, np.ndarray]
    rotation: np.ndarray
    translation: np.ndarray
    size: Size | None = None
    fisheye: bool = False
    given: Projections | None = None
    others: tuple[Rig, ...] = ()

    def resize(self, size: Size) -> Rig:
        """Of the same images resized to `size`; unchanged where its own size is not known."""
        if self.size is None or self.size == size:
            return replace(self, size=size)
        across, down = (new / old for new, old in zip(size, self.size, strict=True))
        left, right = (_scale_matrix(matrix, across, down) for matrix in self.matrices)
        given = None if self.given is None else self.given.resize(across, down)
        return replace(self, matrices=(left, right), size=size, given=given)


def _scale_matrix(matrix: np.ndarray, across: float, down: float) -> np.ndarray:
    """Pixel centres lie at whole numbers: x becomes (x + 0.5) · across - 0.5."""
    scaling = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    scaled: np.ndarray = scaling @ matrix
    return scaled


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
        projections = rig.given or compute_projections(rig, size)
        _check_projections(projections, rig)
        self.calibration = projections.calibration(size)
        turns, projects = projections[:2], projections[2:]
        undistort = cv2.fisheye.initUndistortRectifyMap if rig.fisheye else cv2.initUndistortRectifyMap
        self._maps = [
            undistort(matrix, bend, turn, project, size, cv2.CV_16SC2)
            for matrix, bend, turn, project in zip(rig.matrices, rig.distortions, turns, projects, strict=True)
        ]
        self._size = size


def compute_projections(rig: Rig, size: Size) -> Projections:
    """The rectification that keeps as much as it can of what both cameras saw, and shows nothing else.

    Args:
        rig: its `given` is not looked at.
        size: width and height of the images, px.

    Raises:
        UserError: OpenCV finds none.
    """
    (left, right), (bend_left, bend_right) = rig.matrices, rig.distortions
    try:
        if not rig.fisheye:
            found = cv2.stereoRectify(left, bend_left, right, bend_right, size, rig.rotation, rig.translation, alpha=0)
            return Projections(*found[:4])
        turns = cv2.fisheye.stereoRectify(
            left, bend_left, right, bend_right, size, rig.rotation, rig.translation, cv2.CALIB_ZERO_DISPARITY
        )[:2]
        return _fit_fisheye(rig, size, turns)
    except cv2.error as error:
        reason = " ".join(str(error).split())[-100:]
        raise ArgumentError(
            "rig", None, f"OpenCV cannot rectify it ({reason})", "calibrate the cameras again"
        ) from None


def _fit_fisheye(rig: Rig, size: Size, turns: tuple[np.ndarray, np.ndarray]) -> Projections:
    """One focal length and one centre for both views, so that every pixel of the result was seen.

    OpenCV's own choice depends on the middle of one image's sides alone, and leaves black corners or cuts far too much.
    """
    width, height = size
    x, y = np.meshgrid(np.linspace(0, width - 1, 33), np.linspace(0, height - 1, 33))
    edge = (x == 0) | (x == width - 1) | (y == 0) | (y == height - 1)
    border = np.stack([x[edge], y[edge]], axis=-1)[None]
    views = zip(rig.matrices, rig.distortions, turns, strict=True)
    rays = [cv2.fisheye.undistortPoints(border, matrix, bend, R=turn)[0] for matrix, bend, turn in views]
    left, right, top, bottom = -_WIDEST, _WIDEST, -_WIDEST, _WIDEST
    for seen in rays:
        at_x, at_y = border[0].T
        # Where a lens' polynomial turns back, corners mostly, OpenCV finds no ray.
        known = (np.abs(seen) < _NO_RAY).all(axis=1)
        left = max(left, seen[known & (at_x == 0), 0].max(initial=-_WIDEST))
        right = min(right, seen[known & (at_x == width - 1), 0].min(initial=_WIDEST))
        top = max(top, seen[known & (at_y == 0), 1].max(initial=-_WIDEST))
        bottom = min(bottom, seen[known & (at_y == height - 1), 1].min(initial=_WIDEST))
    if not (left < right and top < bottom):
        raise ArgumentError("rig", None, "the two lenses share no view", "calibrate the cameras again")
    focal = max((width - 1) / (right - left), (height - 1) / (bottom - top))
    centre_x, centre_y = (width - 1) / 2 - focal * (left + right) / 2, (height - 1) / 2 - focal * (top + bottom) / 2
    first = np.array([[focal, 0, centre_x, 0], [0, focal, centre_y, 0], [0, 0, 1, 0]])
    second = first.copy()
    shift: np.ndarray = turns[1] @ rig.translation
    second[:, 3] = focal * shift.ravel() * (1, 1, 0)
    return Projections(*turns, first, second)


def _check_projections(projections: Projections, rig: Rig) -> None:
    left, right = projections.left, projections.right
    apart = np.abs([left[0, 0] - right[0, 0], left[1, 1] - right[1, 1], left[1, 2] - right[1, 2], right[1, 3]])
    is_level = left[0, 0] > 0 and (apart <= _MAX_ROW_SHIFT * np.abs(left[0, 0])).all()
    if not is_level or not projections.calibration().baseline > 0:
        raise ArgumentError(
            "rig",
            np.round(rig.translation.ravel(), 4).tolist(),
            "the right camera does not stand to the right of the left one",
            "give the left camera's images as {left}",
        )
