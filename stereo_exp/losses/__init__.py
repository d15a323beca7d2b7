"""Training losses, found by name; all of them in px, over the mask 0 < truth < maxdisp."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stereo_exp.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from stereo_exp.model.regression import StereoOutput

Loss = Callable[["StereoOutput", "Tensor", "Tensor", "Tensor", int], "Tensor"]
"""(network output, final disparity B×H×W px, truth B×H×W px, mask B×H×W bool, maxdisp) -> scalar."""

LOSSES = Registry(
    "loss",
    {
        "smooth_l1": "stereo_exp.losses.smooth_l1:build",
        "distribution": "stereo_exp.losses.distribution:build",
    },
)
