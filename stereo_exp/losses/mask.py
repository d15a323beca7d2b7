"""Which pixels of the truth count, in the loss as in the metrics."""

from __future__ import annotations

from torch import Tensor


def valid_mask(truth: Tensor, maxdisp: int) -> Tensor:
    """0 < truth < maxdisp, bool of the same shape: unknown (0), padding (−1), NaN and far-off values drop out."""
    return (truth > 0) & (truth < maxdisp)
