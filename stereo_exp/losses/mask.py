"""Which pixels of the truth count, in the loss as in the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

# Training masks tensors; metrics, which devices without torch compute too, mask arrays.
Map = TypeVar("Map", "Tensor", "np.ndarray")


def valid_mask(truth: Map, maxdisp: int) -> Map:
    """0 < truth < maxdisp, bool of the same shape: unknown (0), padding (−1), NaN and far-off values drop out."""
    return (truth > 0) & (truth < maxdisp)
