"""Calibrating two cameras with a board: corners found in pairs of pictures, and the rig that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.epipolar import to_grey
from stereo_exp.geometry.rectify import Rig, Size

_LEAST_CORNERS = 8
LEAST_PAIRS = 5
"""Fewer pictures of a board do not tell a camera's focal length from the board's distance."""
_OUTLIER = 3.0
"""A picture whose error is so many times the median's, and more than half a pixel, does not count."""
_OUTLIER_PX = 0.5
_CELLS = (6, 8)
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-9)


@dataclass(frozen=True)
class Board:
    """A flat board of squares.

    Attributes:
        squares: how many across and down.
        square: side of one, m.
        marker: side of a marker of a ChArUco board, m; None: a chessboard.
        dictionary: of the markers, as OpenCV names it: `5X5_100`.
        legacy: the first square of a ChArUco board's even rows is white, as OpenCV drew them before 4.6.
    """

    squares: tuple[int, int]
    square: float
    marker: float | None = None
    dictionary: str = "5X5_100"
    legacy: bool = False

    def __post_init__(self) -> None:
        if min(self.squares) < 3:
            shown = f"{self.squares[0]}x{self.squares[1]}"
            raise ArgumentError("squares", shown, "must be 3 each way at least", "count the squares, not the corners")
        if not 0 < self.square < 10:
            raise ArgumentError("square", self.square, "must be a length below 10 m", "measure the board")
        if self.marker is not None and not 0 < self.marker < self.square:
            raise ArgumentError("marker", self.marker, "must be shorter than a square's side", "measure the board")
        if self.marker is not None and not hasattr(cv2.aruco, f"DICT_{self.dictionary}"):
            raise ArgumentError("dictionary", self.dictionary, "is none of OpenCV's", "try {dictionary}=5X5_100")

    def corners(self) -> np.ndarray:
        """Where squares meet, float32 N×3 in m, row by row; inner corners alone."""
        across, down = (count - 1 for count in self.squares)
        y, x = np.mgrid[:down, :across].astype(np.float32)
        return np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3) * np.float32(self.square)

    def charuco(self) -> cv2.aruco.CharucoBoard:
        """OpenCV's board of the same numbers."""
        assert self.marker is not None
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{self.dictionary}"))
        made = cv2.aruco.CharucoBoard(self.squares, self.square, self.marker, dictionary)
        made.setLegacyPattern(self.legacy)
        return made

    def find(self, image: np.ndarray) -> dict[int, np.ndarray]:
        """Corners of a picture: their numbers, as in `corners`, and where they are, px; empty where there is no board.

        Args:
            image: uint8 H×W or H×W×3 RGB.
        """
        grey = to_grey(image)
        if self.marker is not None:
            found, numbers, _, _ = cv2.aruco.CharucoDetector(self.charuco()).detectBoard(grey)
            if numbers is None or len(numbers) < _LEAST_CORNERS:
                return {}
            pairs = zip(numbers.ravel().tolist(), found.reshape(-1, 2), strict=True)
            return {int(number): np.asarray(at, np.float64) for number, at in pairs}
        size = (self.squares[0] - 1, self.squares[1] - 1)
        is_there, corners = cv2.findChessboardCornersSB(grey, size, flags=cv2.CALIB_CB_ACCURACY)
        if not is_there:
            return {}
        return {i: np.asarray(at, np.float64) for i, at in enumerate(corners.reshape(-1, 2))}

    def find_pair(self, left: np.ndarray, right: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """Corners of both views of one moment, counted from the same end of the board."""
        first, second = self.find(left), self.find(right)
        if self.marker is None and first and second:
            last = len(first) - 1
            # A chessboard looks the same upside down; two cameras side by side do not.
            if float(np.dot(first[last] - first[0], second[last] - second[0])) < 0:
                second = {last - number: at for number, at in second.items()}
        return first, second


@dataclass(frozen=True)
class Calibrated:
    """What pictures of a board say.

    Attributes:
        rig: the cameras.
        errors: root mean square distance between corners and where the cameras would see them, px: of the left camera
            alone, the right one alone, and both together.
        pair_errors: the same of both views of each picture that counts, px.
        used: which pairs count, by their place in what was given.
        coverage: shares of 6×8 fields of either view in which there is a corner.
    """

    rig: Rig
    errors: tuple[float, float, float]
    pair_errors: tuple[float, ...]
    used: tuple[int, ...]
    coverage: tuple[float, float]


Corners = tuple[dict[int, np.ndarray], dict[int, np.ndarray]]


def calibrate_rig(board: Board, found: Sequence[Corners], size: Size, fisheye: bool = False) -> Calibrated:
    """The rig that explains what both cameras saw of a board.

    Each camera is calibrated alone first, then both together from there. Pictures that fit badly (blurred, bent) are
    left out once.

    Args:
        board: what was seen.
        found: corners of each pair, as `Board.find_pair` gives them.
        size: width and height of the pictures, px.
        fisheye: the lenses follow `cv2.fisheye`.

    Raises:
        ArgumentError: fewer than 5 pairs show the board in both views, or OpenCV finds no cameras.
    """
    places = [i for i, (left, right) in enumerate(found) if len(left.keys() & right.keys()) >= _LEAST_CORNERS]
    if len(places) < LEAST_PAIRS:
        rule = f"in {len(places)} of {len(found)} pairs both cameras see the whole board; {LEAST_PAIRS} are needed"
        raise ArgumentError("board", f"{board.squares[0]}x{board.squares[1]}", rule, "count the squares, or take more")
    rig, errors, per_pair = _fit(board, [found[i] for i in places], size, fisheye)
    limit = max(_OUTLIER * float(np.median(per_pair)), _OUTLIER_PX)
    kept = [i for i, error in zip(places, per_pair, strict=True) if error <= limit]
    if LEAST_PAIRS <= len(kept) < len(places):
        rig, errors, per_pair = _fit(board, [found[i] for i in kept], size, fisheye)
        places = kept
    views = [[found[i][at] for i in places] for at in (0, 1)]
    coverage = measure_coverage(views[0], size), measure_coverage(views[1], size)
    return Calibrated(rig, errors, tuple(per_pair), tuple(places), coverage)


def measure_coverage(views: Sequence[dict[int, np.ndarray]], size: Size) -> float:
    """The share of 6×8 fields of an image in which there is a corner."""
    seen = np.zeros(_CELLS, bool)
    for view in views:
        for x, y in view.values():
            row, column = int(y / size[1] * _CELLS[0]), int(x / size[0] * _CELLS[1])
            seen[min(max(row, 0), _CELLS[0] - 1), min(max(column, 0), _CELLS[1] - 1)] = True
    return float(seen.mean())


def _fit(
    board: Board, found: Sequence[Corners], size: Size, fisheye: bool
) -> tuple[Rig, tuple[float, float, float], list[float]]:
    corners = board.corners().astype(np.float64)
    common = [sorted(left.keys() & right.keys()) for left, right in found]
    objects = [corners[numbers] for numbers in common]
    seen = [
        [np.array([view[number] for number in numbers]) for view, numbers in zip(views, common, strict=True)]
        for views in ([left for left, _ in found], [right for _, right in found])
    ]
    try:
        return _fit_fisheye(objects, seen, size) if fisheye else _fit_pinhole(objects, seen, size)
    except cv2.error as error:
        reason = " ".join(str(error).split())[-100:]
        fix = "take pictures with the board tilted, near and far, in every corner"
        raise ArgumentError("board", None, f"OpenCV finds no cameras ({reason})", fix) from None


def _fit_pinhole(
    objects: list[np.ndarray], seen: list[list[np.ndarray]], size: Size
) -> tuple[Rig, tuple[float, float, float], list[float]]:
    points = [each.astype(np.float32) for each in objects]
    views = [[each.astype(np.float32) for each in view] for view in seen]
    alone = [cv2.calibrateCamera(points, view, size, None, None, criteria=_STOP) for view in views]
    (_, left, bend_left, *_), (_, right, bend_right, *_) = alone
    found = cv2.stereoCalibrateExtended(
        *(points, views[0], views[1], left, bend_left, right, bend_right, size, np.eye(3), np.zeros((3, 1))),
        flags=cv2.CALIB_USE_INTRINSIC_GUESS,
        criteria=_STOP,
    )
    together, left, bend_left, right, bend_right, rotation, translation = found[:7]
    per_pair = np.sqrt((np.asarray(found[-1]) ** 2).mean(axis=1))
    rig = Rig((left, right), (bend_left.ravel(), bend_right.ravel()), rotation, translation.reshape(3, 1), size)
    return rig, (float(alone[0][0]), float(alone[1][0]), float(together)), per_pair.tolist()


def _fit_fisheye(
    objects: list[np.ndarray], seen: list[list[np.ndarray]], size: Size
) -> tuple[Rig, tuple[float, float, float], list[float]]:
    flags = _fisheye_flag("CALIB_RECOMPUTE_EXTRINSIC") | _fisheye_flag("CALIB_FIX_SKEW")
    points = [each[None] for each in objects]
    alone = [
        cv2.fisheye.calibrate(
            points, [each[None] for each in view], size, np.eye(3), np.zeros((4, 1)), flags=flags, criteria=_STOP
        )
        for view in seen
    ]
    (_, left, bend_left, *poses), (_, right, bend_right, *_) = alone
    # Both together take as many corners of every picture: those that all pictures show would be few, so that the last
    # is repeated, which weighs it more and moves nothing.
    most = max(len(each) for each in objects)
    points = [_repeat_last(each, most)[None] for each in objects]
    views = [[_repeat_last(each, most)[None] for each in view] for view in seen]
    found = cv2.fisheye.stereoCalibrate(
        *(points, views[0], views[1], left, bend_left, right, bend_right, size),
        flags=flags | _fisheye_flag("CALIB_USE_INTRINSIC_GUESS"),
        criteria=_STOP,
    )
    together, left, bend_left, right, bend_right, rotation, translation = found[:7]
    rig = Rig((left, right), (bend_left.ravel(), bend_right.ravel()), rotation, translation.reshape(3, 1), size, True)
    spins, shifts = poses
    per_pair = []
    for each, view, spin, shift in zip(objects, seen[0], spins, shifts, strict=True):
        at, _ = cv2.fisheye.projectPoints(each[:, None], spin, shift, left, bend_left)
        per_pair.append(float(np.sqrt(((at[:, 0] - view) ** 2).sum(axis=1).mean())))
    return rig, (float(alone[0][0]), float(alone[1][0]), float(together)), per_pair


def _fisheye_flag(name: str) -> int:
    """OpenCV 5 has one set of flags, 4 another for fisheyes."""
    return int(getattr(cv2.fisheye, name, None) or getattr(cv2, name))


def _repeat_last(values: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([values, np.repeat(values[-1:], count - len(values), axis=0)])


def draw_coverage(calibrated: Calibrated, found: Sequence[Corners], view: int) -> np.ndarray:
    """Where one camera saw corners: uint8 H×W×3 RGB; a colour for each picture, fields without any in red."""
    width, height = calibrated.rig.size or (640, 480)
    picture = np.full((height, width, 3), 255, np.uint8)
    views = [found[i][view] for i in calibrated.used]
    for row in range(_CELLS[0]):
        for column in range(_CELLS[1]):
            top, bottom = (round(height * each / _CELLS[0]) for each in (row, row + 1))
            left, right = (round(width * each / _CELLS[1]) for each in (column, column + 1))
            inside = any(left <= x < right and top <= y < bottom for each in views for x, y in each.values())
            if not inside:
                cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), (250, 205, 200), -1)
            cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), (225, 225, 225))
    radius = max(2, round(width / 250))
    for i, each in enumerate(views):
        hue = np.array([[[int(180 * i / max(len(views), 1)), 220, 190]]], np.uint8)
        color = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
        for x, y in each.values():
            cv2.circle(picture, (round(float(x)), round(float(y))), radius, color, -1, cv2.LINE_AA)
    return picture
