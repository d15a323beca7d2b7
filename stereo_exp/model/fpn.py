"""Feature pyramid of 1×1 convolutions (Lin et al., CVPR 2017, without the 3×3 smoothing)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class FPN(nn.Module):
    """Three maps, fine to coarse, to three maps of `channels` channels each.

    The top-down 1×1 convolution works *before* the ×2 up-sampling (bilinear, align-corners off): a quarter of the
    work, and 0.25 / 0.75 weights that stay exact in integers.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 16) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in in_channels)
        self.top_down = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in in_channels[1:])
        self.channels = channels

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        out = [self.lateral[-1](maps[-1])]
        for i in reversed(range(len(maps) - 1)):
            coarse = F.interpolate(self.top_down[i](out[0]), scale_factor=2, mode="bilinear", align_corners=False)
            out.insert(0, self.lateral[i](maps[i]) + coarse)
        return out
