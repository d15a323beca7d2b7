"""Counted on pairs with truth: what a network's sureness is worth, and how far confidence then is from what it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from stereo_exp.geometry.reliability import DIGITS, LEVELS, LIMITS, RIGHT_PX, TABLE, Curve, to_levels

THRESHOLDS = (0.5, 0.8, 0.95)
"""Of confidence, at which it is told what is kept and found."""
BINS = 20
"""Of the diagram and of the expected calibration error, equally wide."""
_FINE = 1000


class ReliabilityCounter:
    """Counts errors by sureness over pairs, to make a `Curve` of them."""

    def __init__(self) -> None:
        # Pixels, those within each limit, the sum of their errors.
        self._sums = np.zeros((2 + len(LIMITS), TABLE))

    def add(self, sureness: np.ndarray, disparity: np.ndarray, truth: np.ndarray, ratio: float = 1.0) -> None:
        """One pair.

        Args:
            sureness: float32 H×W in 0…1, the network's own.
            disparity: float32 H×W px.
            truth: H×W px; 0 and less, and what is not finite, is unknown. Beyond the network's range it counts.
            ratio: see `Curve.look_up`.
        """
        known = (truth > 0) & np.isfinite(truth) & np.isfinite(disparity)
        error = np.abs(disparity[known].astype(np.float64) - truth[known]) * ratio
        levels = to_levels(sureness[known])
        self._sums[0] += np.bincount(levels, minlength=TABLE)
        # Of each pixel the first limit that its error is within; sums over these are those within each.
        place = np.searchsorted(LIMITS, error) * TABLE + levels
        counts = np.bincount(place, minlength=TABLE * (len(LIMITS) + 1)).reshape(-1, TABLE)[:-1]
        self._sums[1:-1] += np.cumsum(counts, 0)
        self._sums[-1] += np.bincount(levels, error, minlength=TABLE)

    @property
    def num_pixels(self) -> int:
        """With truth."""
        return int(self._sums[0].sum())

    def fit(self, knots: int = 32) -> Curve:
        """The curve that fits best of all that rise: isotonic regression over classes of about as many pixels each.

        Raises:
            ValueError: no pixel was counted.
        """
        pixels = self._sums[0]
        if not pixels.any():
            raise ValueError("no pixel with truth was counted")
        # Half of the classes by pixels, which crowd at high sureness; half evenly, so that low sureness is told apart.
        share = np.cumsum(pixels) / pixels.sum()
        classes = np.floor(share * (knots - 1e-6)).astype(int) * knots + np.arange(TABLE) * knots // 4 // TABLE
        starts = np.flatnonzero(np.diff(classes, prepend=-1))
        count, *within, total = np.add.reduceat(self._sums, starts, axis=1)
        middle = np.add.reduceat(pixels * np.arange(TABLE), starts) / np.maximum(count, 1) / LEVELS
        kept = count > 0
        count, middle = count[kept], np.round(middle[kept], DIGITS)
        columns = [fit_rising(part[kept] / count, count) for part in within]
        error = -fit_rising(-total[kept] / count, count)
        # Classes whose middles are written alike are one.
        first = np.unique(middle, return_index=True)[1]
        rows = np.round(np.stack(columns, 1), DIGITS)[first]
        return Curve(
            tuple(middle[first].tolist()),
            tuple(map(tuple, rows.tolist())),
            tuple(np.round(error[first], DIGITS).tolist()),
        )


def fit_rising(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rising sequence nearest to `values` by weighted squares: neighbours that fall are pooled (PAVA)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = value, weight, 1
        while pools and pools[-1][0] >= pool[0]:
            before = pools.pop()
            both = before[1] + pool[1]
            pool = (before[0] * before[1] + pool[0] * pool[1]) / both, both, before[2] + pool[2]
        pools.append(pool)
    return np.concatenate([np.full(number, value) for value, _, number in pools])


# Scoring: whether confidence says what it promises.


class ConfidenceMetrics:
    """Sums over pairs, in float64, of confidence against truth; all pixels with truth, those beyond the range too."""

    def __init__(self) -> None:
        # Of each thousandth of confidence: pixels, the sum of it, right ones, errors, expected errors.
        self._sums = np.zeros((5, _FINE))

    def update(
        self, confidence: np.ndarray, disparity: np.ndarray, truth: np.ndarray, expected_error: np.ndarray
    ) -> None:
        """Add one pair: maps H×W, disparity, truth and expected error in px; see `ReliabilityCounter.add`."""
        known = (truth > 0) & np.isfinite(truth)
        sure = confidence[known].astype(np.float64)
        error = np.abs(disparity[known].astype(np.float64) - truth[known])
        counted = np.where(np.isfinite(error), error, 0.0)
        place = np.clip((sure * _FINE).astype(int), 0, _FINE - 1)
        # A prediction that is no number is not right.
        for row, weights in enumerate((None, sure, error <= RIGHT_PX, counted, expected_error[known])):
            self._sums[row] += np.bincount(place, weights, _FINE)

    @property
    def totals(self) -> np.ndarray:
        """As `StereoMetrics.totals`."""
        return self._sums.ravel().copy()

    @totals.setter
    def totals(self, values: np.ndarray) -> None:
        self._sums = values.reshape(self._sums.shape)

    def compute(self) -> dict[str, Any]:
        """What confidence is worth; NaN where no pixel has truth.

        Returns:
            `ece`, the expected calibration error: |confidence - share of right pixels| over `BINS` bins, by pixels;
            `mean`, `right`: mean confidence and the share of right pixels; `error_px`, `expected_error_px`: both means;
            `thresholds`: for each confidence the share of pixels `kept` at it or above, of these the share `right` and
            what was `promised` (their mean confidence), and `found`, the share of all bad pixels that are left out;
            `bins`: [mean confidence, share right, share of all pixels] of each bin with pixels.
        """
        pixels, sure, right, error, expected = self._sums
        total = pixels.sum()
        if not total:
            return {"ece": float("nan"), "thresholds": {}, "bins": []}
        coarse = self._sums.reshape(5, BINS, -1).sum(2)
        bins = [[s / n, r / n, n / total] for n, s, r in coarse[:3].T.tolist() if n]
        means = {name: float(each.sum() / total) for name, each in (("mean", sure), ("right", right))}
        means |= {"error_px": float(error.sum() / total), "expected_error_px": float(expected.sum() / total)}
        ece = sum(share * abs(said - found) for said, found, share in bins)
        return {"ece": ece, **means, "thresholds": {f"{at:g}": self._at(at) for at in THRESHOLDS}, "bins": bins}

    def _at(self, threshold: float) -> dict[str, float]:
        pixels, sure, right = self._sums[:3]
        first = round(threshold * _FINE)
        kept, bad = pixels[first:].sum(), (pixels - right).sum()
        found = {"kept": kept / pixels.sum()}
        if kept:
            found |= {"right": right[first:].sum() / kept, "promised": sure[first:].sum() / kept}
        if bad:
            found["found"] = (pixels - right)[:first].sum() / bad
        return {name: float(value) for name, value in found.items()}
