"""What is known of a predicted pair: its maps, what of them is trusted, the cameras that they belong to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.points import depth as depth_in_metres
from stereo_exp.geometry.points import tell_unlikely_depth
from stereo_exp.geometry.prediction import Prediction
from stereo_exp.geometry.reach import Reach
from stereo_exp.geometry.temporal import TemporalFilter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """A pair's maps, at the pair's size.

    Attributes:
        sample: the pair as it was predicted, rectified.
        disparity: float32 H×W px, inf where it is not trusted.
        depth: float32 H×W m, inf where it is unknown; None without calibration.
        confidence: float32 H×W in 0…1.
        calibration: of the rectified pair; None: not known.
        was_rectified: whether the views are others than those that came.
        prediction: what the maps are made of; it knows the cameras, where they are known.
    """

    sample: StereoSample
    disparity: np.ndarray
    depth: np.ndarray | None
    confidence: np.ndarray
    calibration: Calibration | None = None
    was_rectified: bool = False
    prediction: Prediction | None = None

    @property
    def num_beyond(self) -> int:
        """Pixels where something may lie nearer than the network can see."""
        return 0 if self.prediction is None else self.prediction.num_beyond

    @property
    def expected_error(self) -> np.ndarray | None:
        """float32 H×W px; None: nobody knows (`Prediction.expected_error`)."""
        return None if self.prediction is None or self.prediction.errors is None else self.prediction.expected_error

    @property
    def reach(self) -> Reach | None:
        """What can be seen of the pair, at its own size; None: not known."""
        found = None if self.prediction is None else self.prediction.reach
        return found if found is not None and np.isfinite(found.disparity) else None

    @classmethod
    def of(
        cls,
        sample: StereoSample,
        prediction: Prediction,
        calibration: Calibration | None,
        was_rectified: bool,
        steady: TemporalFilter | None = None,
    ) -> Self:
        """Mark what is not trusted as unknown, and tell the depth of the rest where the cameras are known."""
        disparity = prediction.disparity if steady is None else steady(sample.left, prediction.disparity)
        trusted, unknown = prediction.trusted, np.float32(np.inf)
        depth = None
        if calibration is not None:
            depth = depth_in_metres(disparity, calibration.focal, calibration.baseline, calibration.doffs)
            depth = np.where(trusted, depth, unknown)
        disparity = np.where(trusted, disparity, unknown)
        reach = Reach.of(prediction.reach.disparity, calibration)
        prediction = replace(prediction, calibration=calibration, reach=reach)
        return cls(sample, disparity, depth, prediction.confidence, calibration, was_rectified, prediction)

    def summary(self) -> dict[str, float]:
        """Figures over what is trusted; and what the network can see at all: `range_px`, the largest disparity,
        `nearest_m` where the cameras are known, `n_beyond_range`, the pixels that may lie nearer."""
        known = self.disparity[np.isfinite(self.disparity)]
        summary = {"trusted": known.size / self.disparity.size}
        if known.size:
            summary |= {"disparity_min": float(known.min()), "disparity_max": float(known.max())}
        if self.depth is not None and known.size:
            summary["depth_median"] = float(np.median(self.depth[np.isfinite(self.disparity)]))
        if self.reach is not None:
            summary |= {"range_px": round(self.reach.disparity, 2), "n_beyond_range": self.num_beyond}
            summary |= {} if self.reach.depth is None else {"nearest_m": round(self.reach.depth, 4)}
        return summary


class Watch:
    """Tells of a sequence's pairs what a reader must know, once: their range, unlikely depths, what lies too near."""

    def __init__(self) -> None:
        self._is_first = True
        self._told_depth = self._told_beyond = False

    def __call__(self, result: Result) -> None:
        """The next pair."""
        key, reach = result.sample.key, result.reach
        if self._is_first and reach is not None:
            log.info("%s: the network sees %s", key, reach)
        self._is_first = False
        if result.depth is not None and not self._told_depth:
            self._told_depth = tell_unlikely_depth(result.depth, key)
        if reach is not None and result.num_beyond and not self._told_beyond:
            self._told_beyond = True
            tell_beyond(result.num_beyond, result.disparity.size, reach, key)


def tell_beyond(count: int, size: int, reach: Reach, name: str = "") -> None:
    """Warn of pixels that may lie nearer than the range.

    Args:
        count: of them.
        size: all pixels.
    """
    told = "%s%d pixels (%.1f %%) may lie nearer than the network can see (%s): their confidence is 0; scale=0.5 sees "
    told += "twice the disparity"
    log.warning(told, f"{name}: " if name else "", count, 100 * count / size, reach)
