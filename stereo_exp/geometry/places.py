"""Where the error lies: kinds of places in a pair, and the metrics of each."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from stereo_exp.geometry.epipolar import to_grey
from stereo_exp.geometry.metrics import find_errors, valid_mask
from stereo_exp.geometry.occlusion import find_seen_by_both, right_disparity
from stereo_exp.geometry.pair import StereoSample

PLACES = ("border", "occluded", "edge", "bare", "other")
"""A pixel belongs to the first that fits.

border: its match lies left of the right view's first column. occluded: the right camera does not see it for another
reason. edge: within `EDGE_REACH` of a step in the truth. bare: the left view hardly changes around it.
"""
STEP_PX = 1.0
"""Between neighbours: more is a depth edge, less a slanted surface."""
EDGE_REACH = 3
"""px, to every side."""
BARE_WINDOW, BARE_DEVIATION = 9, 3.0
"""px, and grey levels of 255: a smaller standard deviation in the window is bare."""
BAD_PX = 2.0


def find_places(sample: StereoSample) -> np.ndarray:
    """Of every pixel of the left view the kind of place that it is.

    Occluded is what `sample.noc` says where the set has it; else what the left truth itself hides (`right_disparity`),
    which misses whatever stands beyond the left image. Between unknown pixels a step is not seen, so that of sparse
    truth (KITTI) only some of the edges are found.

    Returns:
        uint8 H×W, an index into `PLACES`. Where truth is unknown: bare or other, by the image.

    Raises:
        ValueError: the pair has no truth.
    """
    if sample.disparity is None:
        raise ValueError(f"{sample.key} has no truth")
    truth = np.where(np.isfinite(sample.disparity), sample.disparity, 0).astype(np.float32)
    known = truth > 0
    seen = find_seen_by_both(truth, right_disparity(truth)) if sample.noc is None else np.asarray(sample.noc, bool)
    border = known & (np.arange(truth.shape[1], dtype=np.float32) < truth)
    kinds = (border, known & ~seen, known & _near_steps(truth, known), _is_bare(sample.left))
    places = np.full(truth.shape, PLACES.index("other"), np.uint8)
    for index, found in reversed(list(enumerate(kinds))):
        places[found] = index
    return places


def _near_steps(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """bool H×W: a step between two known neighbours of a row or a column lies within reach."""
    steps = np.zeros(truth.shape, np.uint8)
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        step = known[first] & known[second] & (np.abs(truth[first] - truth[second]) > STEP_PX)
        steps[first] |= step
        steps[second] |= step
    width = 2 * EDGE_REACH - 1
    near: np.ndarray = cv2.dilate(steps, np.ones((width, width), np.uint8)) > 0
    return near


def _is_bare(image: np.ndarray) -> np.ndarray:
    """bool H×W."""
    grey = to_grey(image).astype(np.float32)
    size = BARE_WINDOW, BARE_WINDOW
    mean = cv2.blur(grey, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur(grey * grey, size, borderType=cv2.BORDER_REPLICATE)
    bare: np.ndarray = square - mean * mean < BARE_DEVIATION**2
    return bare


class PlaceMetrics:
    """Sums over pairs by kind of place; every pixel with 0 < truth < `maxdisp` weighs the same.

    Args:
        maxdisp: px.
    """

    def __init__(self, maxdisp: int) -> None:
        self.maxdisp = maxdisp
        # Pixels, absolute error, bad-2; a column for each place.
        self._sums = np.zeros((3, len(PLACES)))

    def update(self, prediction: ArrayLike, sample: StereoSample) -> None:
        """Add a pair; one without truth adds nothing. What is not finite is bad, and `maxdisp` px off.

        Args:
            prediction: H×W px, of the pair's size.
        """
        if sample.disparity is None:
            return
        truth = np.asarray(sample.disparity)
        mask = valid_mask(truth, self.maxdisp)
        error, _, is_none = find_errors(np.asarray(prediction), truth, mask, self.maxdisp)
        place = find_places(sample)[mask]
        for row, weights in enumerate((None, error, (is_none | (error > BAD_PX)).astype(np.float64))):
            self._sums[row] += np.bincount(place, weights, minlength=len(PLACES))

    @property
    def totals(self) -> np.ndarray:
        """The sums, float64 of one axis; see `StereoMetrics.totals`."""
        return self._sums.ravel().copy()

    @totals.setter
    def totals(self, values: np.ndarray) -> None:
        self._sums = np.asarray(values, np.float64).reshape(self._sums.shape)

    def compute(self) -> dict[str, dict[str, float]]:
        """Place -> what it makes up of all pixels, of the error and of bad-2 (`pixels_share`, `error_share` and
        `bad2_share`, 0-1), and its own `epe` in px and `bad2`. NaN where there is nothing to divide by.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = self._sums / self._sums.sum(axis=1, keepdims=True)
            here = self._sums[1:] / self._sums[0]
        rows = dict(zip(("pixels_share", "error_share", "bad2_share", "epe", "bad2"), (*shares, *here), strict=True))
        return {place: {key: float(row[i]) for key, row in rows.items()} for i, place in enumerate(PLACES)}
