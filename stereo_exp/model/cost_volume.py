"""Correlation cost volume as one matrix product for each image row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def correlation_volume(left: Tensor, right: Tensor, num_disparities: int) -> Tensor:
    """Mean over channels of left(x)·right(x − d), zero where x < d.

    All products of a row, Lᵀ·R, are one batched matrix product W×C by C×W. The wanted band, column x − d of row x,
    is sheared out of it by reading the rows with a stride one shorter than their length: with the right view
    mirrored and D − 1 zero columns behind it, element (x, d) of the volume lies at W − 1 + x·(W + D − 2) + d of the
    flattened product. No loop over d, few kernels, and it exports as MatMul + Pad + Reshape + Slice.

    Args:
        left, right: B×C×H×W feature maps of the two views.
        num_disparities: D ≥ 1, candidates 0 … D − 1 in pixels of these maps.

    Returns:
        B×D×H×W.
    """
    height, width = left.shape[-2:]
    channels = left.shape[1]
    rows = left.permute(0, 2, 3, 1)  # B×H×W×C
    mirrored = right.flip(-1).permute(0, 2, 1, 3)  # B×H×C×W
    # Two more zero columns than the band needs keep the row stride above D however narrow the map is.
    padded = F.pad(torch.matmul(rows, mirrored), (0, num_disparities + 1))  # B×H×W×(W+D+1)
    stride = width + num_disparities  # one shorter than a row of `padded`
    flat = padded.flatten(2)[:, :, width - 1 :]
    band = flat[:, :, : width * stride].reshape(-1, height, width, stride)[..., :num_disparities]
    return band.permute(0, 3, 1, 2) * (1.0 / channels)


class CorrelationVolume(nn.Module):
    """`correlation_volume` as a module, so that profilers and quantisers see it by name; no parameters."""

    def __init__(self, num_disparities: int) -> None:
        super().__init__()
        self.num_disparities = num_disparities

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return correlation_volume(left, right, self.num_disparities)

    def extra_repr(self) -> str:
        return f"num_disparities={self.num_disparities}"
