"""StereoNetPlus's head: correlation volumes, AANet-style aggregation, superpixel weights.

It ends at two maps of logits. Everything up to there is convolutions, sums and products, which is what becomes
integer arithmetic later; softmax and expected value live in `stereo_exp.model.regression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from stereo_exp.base import STRIDE
from stereo_exp.model.aggregation import AggregationModule
from stereo_exp.model.cost_volume import CorrelationVolume
from stereo_exp.model.layers import conv_bn, deconv_bn

NUM_NEIGHBOURS = 4


class UpBlock(nn.Module):
    """Double the size, add the backbone's detail at that size, smooth with a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = deconv_bn(channels, channels)
        self.smooth = conv_bn(channels, channels, 3)

    def forward(self, x: Tensor, detail: Tensor) -> Tensor:
        return self.smooth(self.up(x) + detail)


class SuperpixelBranch(nn.Module):
    """Left features to the logits of how much each of four coarse neighbours counts at every pixel.

    Shape: P8 B×in_channels×H/8×W/8, details B×channels×H/4×W/4 and B×channels×H/2×W/2 -> B×4×H×W.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.spx_8 = nn.Sequential(
            conv_bn(in_channels, channels, 3),
            conv_bn(channels, channels, 3, act=None),
        )
        self.spx_4 = UpBlock(channels)
        self.spx_2 = UpBlock(channels)
        self.spx = deconv_bn(channels, NUM_NEIGHBOURS, bias=True)
        self.spx_conv3x3 = nn.Conv2d(NUM_NEIGHBOURS, NUM_NEIGHBOURS, 3, padding=1, bias=False)

    def forward(self, p8: Tensor, detail_4: Tensor, detail_2: Tensor) -> Tensor:
        x = self.spx_4(self.spx_8(p8), detail_4)
        return self.spx_conv3x3(self.spx(self.spx_2(x, detail_2)))


NUM_SCALES = 3


class HeadLogits(NamedTuple):
    """What leaves the integer part of the network."""

    disparity: Tensor
    """B×D×H/8×W/8, one logit for each disparity candidate (0, 8, 16, … px of the full image)."""
    superpixel: Tensor
    """B×4×H×W, one logit for each coarse neighbour."""
    volumes: tuple[Tensor, ...] = ()
    """In training: the correlation volumes before any aggregation, B×D/2^k×H/(8·2^k)×W/(8·2^k), for the loss."""


class AANetSuperpixelHead(nn.Module):
    """Feature maps of both views to `HeadLogits`.

    Args:
        channels: of the five maps that come in, strides 2 to 32; the last three are the neck's.
        maxdisp: disparity range in px, a multiple of 32.
        hidden: width of the superpixel branch.
        num_modules: aggregation modules, the last of which puts out the finest scale only.
    """

    def __init__(self, channels: Sequence[int], maxdisp: int, hidden: int = 16, num_modules: int = 6) -> None:
        super().__init__()
        base = maxdisp // STRIDE
        self.num_candidates = [base * 2 ** (NUM_SCALES - 1 - k) for k in range(NUM_SCALES)]
        # No activation behind these two (trap T3).
        self.mod1 = conv_bn(channels[0], hidden, 3, act=None)
        self.mod2 = conv_bn(channels[1], hidden, 3, act=None)
        self.correlation = nn.ModuleList(CorrelationVolume(d) for d in self.num_candidates)
        self.aggregation = nn.ModuleList(
            AggregationModule(self.num_candidates, 1 if last else NUM_SCALES)
            for last in (i == num_modules - 1 for i in range(num_modules))
        )
        # With bias, without BN and activation (trap T3).
        self.final = nn.Conv2d(self.num_candidates[0], self.num_candidates[0], 1)
        self.superpixel = SuperpixelBranch(channels[2], hidden)

    def forward(self, maps: Sequence[Tensor], batch: int) -> HeadLogits:
        """`maps`: five maps of 2·batch images, all left views first."""
        s2, s4, *pyramid = maps
        if self.training:
            # BatchNorm sees both views in training (trap T1); the right half of the result is not used.
            detail_2, detail_4 = self.mod1(s2)[:batch], self.mod2(s4)[:batch]
        else:
            detail_2, detail_4 = self.mod1(s2[:batch]), self.mod2(s4[:batch])
        volumes = [correlate(p[:batch], p[batch:]) for correlate, p in zip(self.correlation, pyramid, strict=True)]
        matched = tuple(volumes) if self.training else ()
        for module in self.aggregation:
            volumes = module(volumes)
        return HeadLogits(self.final(volumes[0]), self.superpixel(pyramid[0][:batch], detail_4, detail_2), matched)

    def extra_repr(self) -> str:
        return f"num_candidates={self.num_candidates}"
