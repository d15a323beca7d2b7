"""StereoNetPlus's head: correlation volumes, AANet-style aggregation, superpixel weights.

It ends at two maps of logits. Everything up to there is convolutions, sums and products, which is what becomes
integer arithmetic later; softmax and expected value live in `stereo_exp.model.regression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from stereo_exp.base.sizes import STRIDE
from stereo_exp.model.aggregation import AggregationModule
from stereo_exp.model.cost_volume import CorrelationVolume
from stereo_exp.model.layers import conv_bn
from stereo_exp.model.superpixel import SuperpixelBranch

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
