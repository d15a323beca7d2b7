"""Two photos of which nothing is known, turned until their rows correspond.

Both views are turned about their own centres, as if the cameras had been (quasi-Euclidean rectification: Fusiello and
Irsara, 2011): five angles and one focal length are fitted to feature matches. That keeps shapes, where a homography
fitted freely (Hartley) may shear and stretch. How far apart the cameras stand cannot be told: no metres come of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.epipolar import match_features

log = logging.getLogger(__name__)
_LEAST_MATCHES, _LEAST_SHARE = 30, 0.5
_RANSAC_PX, _ROBUST_PX = 1.5, 1.0
_MAX_ROW_ERROR = 1.0
"""Median distance of matching rows, px of the images, beyond which a pair is refused."""
_MAX_TURN = 15.0
"""Degrees by which a view is turned at most."""
_USUAL_FOCAL = 1.2
"""Of the longer side: what phones and most lenses have."""
_ANGLE_SPREAD, _FOCAL_SPREAD = np.radians(4.0), 0.4
"""How far angles, and the logarithm of the focal length, are from 0 and from the usual one: what matches do not tell
(yaw, on a flat scene) stays near it."""
_STEPS = 30
_NEAREST_TO_ZERO = 2.0
"""Px: disparities below it are moved up to it, for the network finds none below 0."""


@dataclass
class UncalibratedRectifier:
    """Turns pairs by what the features of the first one say; a pair of another size is fitted anew.

    Attributes:
        row_error: median distance of matching rows after turning, px.
        before: the same before turning.
        num_matches: matches that agree.
    """

    row_error: float = 0.0
    before: float = 0.0
    num_matches: int = 0
    _homographies: list[np.ndarray] = field(default_factory=list)
    _size: tuple[int, int] | None = None

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rectified views, as large as they came; black where there is nothing to show.

        Raises:
            ArgumentError: too few matches, turned by more than 15°, or rows that stay more than 1 px apart.
        """
        size = (left.shape[1], left.shape[0])
        if size != self._size:
            self._homographies = self._fit(left, right)
            self._size = size
            told = "rectified by %d matches: rows %.2f px apart in the median, %.2f px before; depth stays unknown"
            log.info(told, self.num_matches, self.row_error, self.before)
        first, second = (
            cv2.warpPerspective(view, homography, size, flags=cv2.INTER_LINEAR)
            for view, homography in zip((left, right), self._homographies, strict=True)
        )
        return first, second

    def _fit(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        points = match_features(left, right)
        chosen = _find_consistent(points)
        self.num_matches = int(chosen.sum())
        if self.num_matches < max(_LEAST_MATCHES, _LEAST_SHARE * len(chosen)):
            rule = f"{self.num_matches} of {len(chosen)} feature matches agree on how the views stand"
            raise ArgumentError("rectify", "auto", rule, "calibrate the cameras, or take pictures with more texture")
        points = points[:, chosen]
        self.before = float(np.median(np.abs(points[0, :, 1] - points[1, :, 1])))
        size = (left.shape[1], left.shape[0])
        parameters = _minimize(points, size)
        turns = _homographies_of(parameters, size)
        moved = [_project(turn, side) for turn, side in zip(turns, points, strict=True)]
        self.row_error = float(np.median(np.abs(moved[0][:, 1] - moved[1][:, 1])))
        most = float(np.degrees(np.abs(parameters[:5]).max()))
        if self.row_error > _MAX_ROW_ERROR or most > _MAX_TURN:
            rule = f"rows stay {self.row_error:.1f} px apart after turning by {most:.1f}°"
            raise ArgumentError(
                "rectify", "auto", rule, "calibrate the cameras: the views stand too far from side by side"
            )
        nearest = float(np.percentile(moved[0][:, 0] - moved[1][:, 0], 1))
        return _centre(turns, size, max(0.0, _NEAREST_TO_ZERO - nearest))


def _find_consistent(points: np.ndarray) -> np.ndarray:
    """bool N: matches that one fundamental matrix explains."""
    if points.shape[1] < _LEAST_MATCHES:
        return np.zeros(points.shape[1], bool)
    cv2.setRNGSeed(0)
    _, mask = cv2.findFundamentalMat(points[0], points[1], cv2.FM_RANSAC, _RANSAC_PX, 0.999, 5000)
    return np.zeros(points.shape[1], bool) if mask is None else mask.ravel().astype(bool)


def _homographies_of(parameters: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """Of the left view's yaw and roll, the right one's pitch, yaw and roll (rad), and the focal length."""
    yaw, roll, *right, stretch = parameters
    focal = _USUAL_FOCAL * max(size) * np.exp(stretch)
    camera = np.array([[focal, 0, (size[0] - 1) / 2], [0, focal, (size[1] - 1) / 2], [0, 0, 1]])
    back = np.linalg.inv(camera)
    return [camera @ cv2.Rodrigues(np.array(spin))[0] @ back for spin in ((0.0, yaw, roll), right)]


def _project(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved = points @ homography[:, :2].T + homography[:, 2]
    projected: np.ndarray = moved[:, :2] / moved[:, 2:]
    return projected


def _minimize(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Levenberg and Marquardt on the distance of matching rows, large ones weighed down, and on what is usual."""
    spread = np.array([_ANGLE_SPREAD] * 5 + [_FOCAL_SPREAD])

    def rows(parameters: np.ndarray) -> np.ndarray:
        first, second = _homographies_of(parameters, size)
        apart: np.ndarray = _project(first, points[0])[:, 1] - _project(second, points[1])[:, 1]
        return apart

    def cost(residuals: np.ndarray, parameters: np.ndarray) -> float:
        size_of = np.abs(residuals)
        robust = np.where(size_of <= _ROBUST_PX, residuals**2 / 2, _ROBUST_PX * (size_of - _ROBUST_PX / 2))
        return float(robust.sum() + ((parameters / spread) ** 2).sum() / 2)

    parameters, damping = np.zeros(6), 1e-3
    residuals = rows(parameters)
    best = cost(residuals, parameters)
    for _ in range(_STEPS):
        steps = 1e-5 * np.eye(6)
        slopes = np.stack([(rows(parameters + step) - rows(parameters - step)) / 2e-5 for step in steps], axis=1)
        weights = 1 / np.maximum(1, np.abs(residuals) / _ROBUST_PX)
        normal = slopes.T @ (slopes * weights[:, None]) + np.diag(spread**-2)
        downhill = -slopes.T @ (weights * residuals) - parameters / spread**2
        tried = parameters + np.linalg.solve(normal + damping * np.diag(np.diag(normal)), downhill)
        found = rows(tried)
        value = cost(found, tried)
        if value < best:
            has_settled = best - value < 1e-9 * best
            parameters, residuals, best, damping = tried, found, value, damping / 5
            if has_settled:
                break
        else:
            damping *= 10
    return parameters


def _centre(turns: list[np.ndarray], size: tuple[int, int], apart: float) -> list[np.ndarray]:
    """Both moved alike, so that the middle stays in the middle, and the right one `apart` px to the left."""
    middle = np.array([[(size[0] - 1) / 2, (size[1] - 1) / 2]])
    moved = [_project(turn, middle)[0] for turn in turns]
    x, y = middle[0] - (moved[0] + moved[1]) / 2
    shifts = [np.array([[1, 0, x + aside], [0, 1, y], [0, 0, 1]]) for aside in (0.0, -apart)]
    return [np.asarray(shift @ turn) for shift, turn in zip(shifts, turns, strict=True)]
