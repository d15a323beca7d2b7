"""A network on pairs of any size, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from stereo_exp.data.batch import collate
from stereo_exp.data.colour import normalise
from stereo_exp.data.sample import StereoSample
from stereo_exp.model.confidence import full_confidence
from stereo_exp.model.postprocess import full_disparity
from stereo_exp.predict.left_right import consistent
from stereo_exp.runtime.scaled import enlargement, predicted


@dataclass(frozen=True)
class Prediction:
    """What the network says about a pair, at the pair's size.

    Attributes:
        disparity: float32 H×W px.
        confidence: float32 H×W in 0…1.
        trusted: bool H×W, pixels that every check passed; all of them where nothing was checked.
    """

    disparity: np.ndarray
    confidence: np.ndarray
    trusted: np.ndarray


class Predictor:
    """Args:
    model: in evaluation mode, on `device`.
    maxdisp: px.
    left_right: predict the right view as well and distrust what disagrees.
    min_confidence: distrust what is below.
    scale: enlarge (or shrink) the pair by this first, and what comes of it back. Above 1 disparities are finer, of a
        range shorter by as much, and cost its square in time. None: `enlargement` of the pair's size.
    refine: correct the disparity by semi-global matching; see `predicted`.
    """

    def __init__(
        self,
        model: nn.Module,
        maxdisp: int,
        device: torch.device,
        *,
        left_right: bool = False,
        min_confidence: float = 0.0,
        scale: float | None = None,
        refine: bool = False,
    ) -> None:
        self.model, self.maxdisp, self.device = model, maxdisp, device
        self.left_right, self.min_confidence, self.scale = left_right, min_confidence, scale
        self.refine = refine

    def __call__(self, sample: StereoSample) -> Prediction:
        """Predict one pair; its truth, if any, is not looked at."""
        disparity, confidence = self._predict(sample.key, sample.left, sample.right)
        trusted = confidence >= self.min_confidence
        if self.left_right:
            # Seen in a mirror, the right view is the left one.
            mirrored = (np.ascontiguousarray(view[:, ::-1]) for view in (sample.right, sample.left))
            right, _ = self._predict(sample.key, *mirrored)
            trusted &= consistent(disparity, right[:, ::-1])
        return Prediction(disparity, confidence, trusted)

    def _predict(self, key: str, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = enlargement(left.shape[:2]) if self.scale is None else self.scale
        return predicted(partial(self._at_size, key), left, right, scale, self.refine)

    @torch.no_grad()
    def _at_size(self, key: str, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = collate([StereoSample(key, left, right)], [0])
        output = self.model(*(normalise(view.to(self.device)) for view in (batch.left, batch.right)))
        height, width = left.shape[:2]
        maps = full_disparity(output, self.maxdisp), full_confidence(output)
        disparity, confidence = (m[0, :height, :width].cpu().numpy() for m in maps)
        return disparity, confidence
