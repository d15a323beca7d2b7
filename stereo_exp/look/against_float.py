"""The integer network beside the float network that it came from, on a real pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from stereo_exp.data.batch import collate
from stereo_exp.data.sources.motorcycle import MotorcycleSource
from stereo_exp.evaluate import predict
from stereo_exp.look.panels import Panel, disparity_limits, draw

# Differences at and beyond this many px look the same.
_DIFFERENCE_LIMIT = 2.0


def draw_against_float(
    path: Path, integer: nn.Module, floating: nn.Module, maxdisp: int, device: torch.device
) -> tuple[Path, np.ndarray]:
    """Draw left view, both disparities of Motorcycle and their difference.

    Returns:
        The file, and integer minus float disparity, float32 H×W in px.
    """
    sample = MotorcycleSource().read(0)
    batch = collate([sample], [0])
    left, right = batch.left.to(device), batch.right.to(device)
    height, width = sample.size
    ours, theirs = (predict(m, left, right, maxdisp)[0, :height, :width].cpu().numpy() for m in (integer, floating))
    difference = ours - theirs
    limits = disparity_limits(theirs)
    panels = [
        Panel("left", sample.left),
        Panel("integer minus float", difference, "RdBu", (-_DIFFERENCE_LIMIT, _DIFFERENCE_LIMIT)),
        Panel("float", theirs, limits=limits),
        Panel("integer", ours, limits=limits),
    ]
    heading = f"{sample.key}: integer against float, mean |difference| {np.abs(difference).mean():.3f} px"
    return draw(path, panels, heading=heading), difference
