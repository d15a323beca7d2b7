"""Cheap tests of a stereo pair without any truth: are its rows aligned, and is left left?

Made to run on any pair before it is trusted: a data set's check, or images a user brings. There is always a third
answer, None for "cannot tell": walls without texture must not raise an alarm, nor must they pass as proof. Where
there is truth, `data_tools.check.pairs` tells more.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MAX_OFFSET = 1.5
"""A pair whose rows are off by more than this, px of its images, counts as unrectified."""

_WORKING_SIDE = 1000  # px; larger images are shrunk to it, for time and because noise matters less then
_NUM_FEATURES = 1200
_RATIO = 0.75  # Lowe's test: the best match must be this much nearer than the second best
_MAX_DX, _MAX_DY = 0.5, 0.25  # of width and height; beyond them a match is taken for a mistake
_MAX_TURN, _MAX_ZOOM = 30.0, 2.0  # degrees and factor between the two features of a match
_INLIER_PX = 1.0  # from the fitted plane, working px
_MIN_GAIN = 1.5  # a fit convicts a pair only if it explains so many times the matches that aligned rows explain
_MIN_INLIERS, _MIN_INLIER_SHARE = 20, 0.4
_MIN_SPAN = 0.2  # of the diagonal: matches on one small patch say nothing about the whole image
_NUM_TRIPLETS = 300
_MIN_SHIFT = 1.0  # px: a match that moves less says nothing about the order of the views
_MIN_VOTES, _MAJORITY = 20, 0.85


@dataclass(frozen=True)
class PairGeometry:
    """What feature matches say about a pair; lengths in px of the images given.

    Attributes:
        num_matches: mutual SIFT matches that passed the ratio test.
        num_inliers: those that agree with the fit dy = a + b·x + c·y within 1 px (of an image of at most 1000 px).
        offset: 90th percentile of |a + b·x + c·y| over the inliers; None: too few matches to tell.
        spread: 1.4826 × the median absolute residual of the inliers; None as above.
        unrectified: `offset` exceeds `MAX_OFFSET`, and dy = 0 agrees with less than two thirds as many matches (a
            repeated pattern may bend a fit); None: cannot tell.
        negative_share: of the inliers that move by more than 1 px, those that move the wrong way; None: fewer
            than 20 do.
        swapped: at least 85 % move the wrong way; None: cannot tell, or less than 85 % go either way.
    """

    num_matches: int
    num_inliers: int
    offset: float | None = None
    spread: float | None = None
    unrectified: bool | None = None
    negative_share: float | None = None
    swapped: bool | None = None

    def alarms(self) -> list[str]:
        """One sentence for each thing that is wrong; empty where all is well or nothing can be told."""
        found = []
        if self.unrectified:
            found.append(
                f"the rows of the views are off by {self.offset:.1f} px ({self.num_inliers} matches): not rectified"
            )
        if self.swapped:
            found.append(f"{self.negative_share:.0%} of the matches have negative disparity: left and right swapped")
        return found


def pair_geometry(left: np.ndarray, right: np.ndarray) -> PairGeometry:
    """Match features between the views and look at which way, and how far off the rows, they move.

    Args:
        left, right: uint8 H×W or H×W×3 RGB, of the same size.

    Returns:
        The same for the same bytes: the few random draws inside are seeded.

    Raises:
        ValueError: the views differ in size, or are not uint8.
    """
    require_views(left, right)
    scale = min(1.0, _WORKING_SIDE / max(left.shape[:2]))
    x, y, dx, dy = _match(_working(left, scale), _working(right, scale))
    inlier, plane = _fit_rows(x, y, dy)
    num_matches, num_inliers = len(x), int(inlier.sum())
    if num_inliers < max(_MIN_INLIERS, _MIN_INLIER_SHARE * num_matches):
        return PairGeometry(num_matches, num_inliers)
    num_aligned = int((np.abs(dy) < _INLIER_PX).sum())
    x, y, dx, dy = (values[inlier] for values in (x, y, dx, dy))
    span = np.hypot(*(np.subtract(*np.percentile(values, (90, 10))) for values in (x, y)))
    if span < _MIN_SPAN * scale * np.hypot(*left.shape[:2]):
        return PairGeometry(num_matches, num_inliers)

    fitted = plane[0] + plane[1] * x + plane[2] * y
    offset = float(np.percentile(np.abs(fitted), 90)) / scale
    spread = 1.4826 * float(np.median(np.abs(dy - fitted))) / scale
    moving = dx[np.abs(dx) / scale > _MIN_SHIFT]
    negative = swapped = None
    if len(moving) >= _MIN_VOTES:
        negative = float((moving < 0).mean())
        if max(negative, 1 - negative) >= _MAJORITY:
            swapped = negative > 0.5
    unrectified = offset > MAX_OFFSET and num_inliers >= _MIN_GAIN * num_aligned
    return PairGeometry(num_matches, num_inliers, offset, spread, unrectified, negative, swapped)


def match_features(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mutual SIFT matches of two views of one size, near in place, turn and size.

    Args:
        left, right: uint8 H×W or H×W×3 RGB.

    Returns:
        float64 2×N×2: x and y in the left view, then in the right one, px.
    """
    require_views(left, right)
    scale = min(1.0, _WORKING_SIDE / max(left.shape[:2]))
    x, y, dx, dy = _match(_working(left, scale), _working(right, scale))
    # Pixel centres lie at whole numbers.
    points = (np.stack([np.stack([x, y], -1), np.stack([x - dx, y - dy], -1)]) + 0.5) / scale - 0.5
    return np.asarray(points, np.float64)


def _match(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mutual matches: x, y in the left view, dx = x − x' (the disparity), dy = y − y'; float64 N each."""
    sift = cv2.SIFT.create(nfeatures=_NUM_FEATURES)
    points, descriptors, angles, sizes = [], [], [], []
    for view in (left, right):
        found, described = sift.detectAndCompute(view, None)
        if described is None or len(found) < 2:
            return (np.zeros(0),) * 4
        points.append(np.array([point.pt for point in found]))
        descriptors.append(described)
        angles.append(np.array([point.angle for point in found]))
        sizes.append(np.array([point.size for point in found]))
    forward, backward = (_best(*pair) for pair in (descriptors, descriptors[::-1]))
    pairs = [(i, j) for i, j in forward.items() if backward.get(j) == i]
    if not pairs:
        return (np.zeros(0),) * 4
    at = np.array(pairs).T
    at_left, at_right = points[0][at[0]], points[1][at[1]]
    turn = np.abs((angles[0][at[0]] - angles[1][at[1]] + 180) % 360 - 180)
    zoom = np.abs(np.log(sizes[0][at[0]] / sizes[1][at[1]]))
    dx, dy = (at_left - at_right).T
    height, width = left.shape
    near = (np.abs(dx) <= _MAX_DX * width) & (np.abs(dy) <= _MAX_DY * height)
    near &= (turn <= _MAX_TURN) & (zoom <= np.log(_MAX_ZOOM))
    # One place may carry several features (one for each orientation); it is to vote once.
    _, first = np.unique(np.rint(at_left[near]), axis=0, return_index=True)
    x, y = at_left[near][first].T
    return x, y, dx[near][first], dy[near][first]


def _best(queries: np.ndarray, candidates: np.ndarray) -> dict[int, int]:
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(queries, candidates, k=2)
    return {best.queryIdx: best.trainIdx for best, second in pairs if best.distance < _RATIO * second.distance}


def _fit_rows(x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plane (a, b, c) that most matches agree with, and which do: RANSAC, then least squares twice."""
    if len(x) < _MIN_INLIERS:
        return np.zeros(len(x), bool), np.zeros(3)
    terms = np.stack([np.ones_like(x), x, y], axis=1)
    triplets = np.random.default_rng(0).integers(0, len(x), (_NUM_TRIPLETS, 3))
    chosen = terms[triplets]
    # Three points on a line, or one drawn twice, span no plane.
    solid = np.abs(np.linalg.det(chosen)) > 1e-3 * float(np.ptp(x) * np.ptp(y))
    planes = np.zeros((1, 3))  # the rectified answer is always tried
    if solid.any():
        drawn = np.linalg.solve(chosen[solid], dy[triplets[solid]][..., None])[..., 0]
        planes = np.concatenate([planes, drawn])
    agreeing = np.abs(planes @ terms.T - dy) < _INLIER_PX
    inlier = agreeing[np.argmax(agreeing.sum(axis=1))]
    plane = np.zeros(3)
    for _ in range(2):
        if inlier.sum() < _MIN_INLIERS:
            break
        plane = np.linalg.lstsq(terms[inlier], dy[inlier], rcond=None)[0]
        inlier = np.abs(terms @ plane - dy) < _INLIER_PX
    return inlier, plane


def to_grey(image: np.ndarray) -> np.ndarray:
    """uint8 H×W of H×W×3 RGB, or of what is grey already."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def _working(image: np.ndarray, scale: float) -> np.ndarray:
    grey = to_grey(image)
    return grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def require_views(left: np.ndarray, right: np.ndarray) -> None:
    """Refuse, by a ValueError, what is not two uint8 images, H×W or H×W×3, of one size."""
    if left.shape != right.shape or left.ndim not in (2, 3):
        raise ValueError(f"the views must be H×W or H×W×3 of one size, not {left.shape} and {right.shape}")
    if left.dtype != np.uint8 or right.dtype != np.uint8:
        raise ValueError(f"the views must be uint8, not {left.dtype} and {right.dtype}")
