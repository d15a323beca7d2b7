"""Necks: five maps in, five maps out, of which the matching and what comes behind it use what they need.

A neck says in `channels` how many channels each of its maps has. What it leaves alone it hands on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.layers import conv_bn, double, keep_variance

_COARSE = 3


class FPN(nn.Module):
    """Feature pyramid of 1×1 convolutions (Lin et al., CVPR 2017, without the 3×3 smoothing) over the three coarsest
    maps, all of which come out with `channels` channels.

    The top-down 1×1 convolution works *before* the ×2 up-sampling (bilinear, align-corners off): a quarter of the
    work, and 0.25 / 0.75 weights that stay exact in integers.

    Args:
        in_channels: of five maps, fine to coarse.
        channels: of the three that it makes.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 16) -> None:
        super().__init__()
        coarse = in_channels[-_COARSE:]
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in coarse)
        self.top_down = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in coarse[1:])
        self.channels = [*in_channels[:-_COARSE], *[channels] * _COARSE]

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        fine, coarse = maps[:-_COARSE], maps[-_COARSE:]
        out = [self.lateral[-1](coarse[-1])]
        for i in reversed(range(len(coarse) - 1)):
            above = F.interpolate(self.top_down[i](out[0]), scale_factor=2, mode="bilinear", align_corners=False)
            out.insert(0, self.lateral[i](coarse[i]) + above)
        return [*fine, *out]


class Decoder(nn.Module):
    """From the coarsest map down to that of `stride`: each is told what lies above it, and smoothed.

    What comes down is projected *before* it is doubled, and added: a quarter of the work, no concatenation.

    Args:
        in_channels: of five maps, fine to coarse; each keeps as many.
        stride: of the finest map that is told, in px: a power of two.
    """

    def __init__(self, in_channels: Sequence[int], stride: int = 4) -> None:
        super().__init__()
        self.finest = stride.bit_length() - 2
        levels = range(self.finest, len(in_channels) - 1)
        self.down = nn.ModuleList(conv_bn(in_channels[i + 1], in_channels[i], 1, act=None) for i in levels)
        self.lateral = nn.ModuleList(conv_bn(in_channels[i], in_channels[i], 1, act=None) for i in levels)
        self.smooth = nn.ModuleList(conv_bn(in_channels[i], in_channels[i], 3) for i in levels)
        self.act = nn.ReLU()
        self.channels = list(in_channels)
        keep_variance(self)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        out = list(maps)
        for level in reversed(range(len(self.down))):
            i = self.finest + level
            told = self.lateral[level](maps[i]) + double(self.down[level](out[i + 1]))
            out[i] = self.smooth[level](self.act(told))
        return out
