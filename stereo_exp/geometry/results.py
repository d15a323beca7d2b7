"""What is known of a predicted pair: its maps, what of them is trusted, the cameras that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.points import depth as depth_in_metres
from stereo_exp.geometry.prediction import Prediction
from stereo_exp.geometry.temporal import TemporalFilter


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
    """

    sample: StereoSample
    disparity: np.ndarray
    depth: np.ndarray | None
    confidence: np.ndarray
    calibration: Calibration | None = None
    was_rectified: bool = False

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
        return cls(sample, disparity, depth, prediction.confidence, calibration, was_rectified)

    def summary(self) -> dict[str, float]:
        """Figures over what is trusted."""
        known = self.disparity[np.isfinite(self.disparity)]
        summary = {"trusted": known.size / self.disparity.size}
        if known.size:
            summary |= {"disparity_min": float(known.min()), "disparity_max": float(known.max())}
        if self.depth is not None and known.size:
            summary["depth_median"] = float(np.median(self.depth[np.isfinite(self.disparity)]))
        return summary
