"""How much each coarse neighbour counts at every pixel: logits of superpixel weights, read off the left view.

An up-sampling says how many `neighbours` it tells apart: 1 (the pixel's own cell), 4 (the cell, and those above, left
and above left of it) or 9 (all around); and what its `pixel` is: 1 px, or 2, where the last step up is bilinear. It may
have `offsets` besides, in candidates: values there from a cell's strongest candidate count beside the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.layers import conv_bn, deconv_bn, double, keep_variance
from stereo_exp.model.warp import warp


class UpBlock(nn.Module):
    """Double the size, add the backbone's detail at that size, smooth with a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = deconv_bn(channels, channels)
        self.smooth = conv_bn(channels, channels, 3)

    def forward(self, x: Tensor, detail: Tensor) -> Tensor:
        return self.smooth(self.up(x) + detail)


class DeconvolutionUpsampling(nn.Module):
    """The published one: from 1/8 by transposed convolutions, four neighbours.

    Shape: five maps of 2·B images, all left views first -> B×4×H×W.

    Args:
        channels: of the five maps, strides 2 to 32.
        stride: px of a cell; this one goes from 8.
        hidden: channels on the way.
    """

    neighbours, pixel = 4, 1
    offsets: tuple[float, ...] = ()

    def __init__(self, channels: Sequence[int], stride: int, hidden: int = 16) -> None:
        super().__init__()
        # No activation behind these two (trap T3).
        self.mod1 = conv_bn(channels[0], hidden, 3, act=None)
        self.mod2 = conv_bn(channels[1], hidden, 3, act=None)
        self.spx_8 = nn.Sequential(
            conv_bn(channels[2], hidden, 3),
            conv_bn(hidden, hidden, 3, act=None),
        )
        self.spx_4 = UpBlock(hidden)
        self.spx_2 = UpBlock(hidden)
        self.spx = deconv_bn(hidden, self.neighbours, bias=True)
        self.spx_conv3x3 = nn.Conv2d(self.neighbours, self.neighbours, 3, padding=1, bias=False)

    def forward(self, maps: Sequence[Tensor], batch: int, disparity: Tensor) -> Tensor:
        s2, s4, p8 = maps[:3]
        if self.training:
            # BatchNorm sees both views in training (trap T1); the right half of the result is not used.
            detail_2, detail_4 = self.mod1(s2)[:batch], self.mod2(s4)[:batch]
        else:
            detail_2, detail_4 = self.mod1(s2[:batch]), self.mod2(s4[:batch])
        x = self.spx_4(self.spx_8(p8[:batch]), detail_4)
        return self.spx_conv3x3(self.spx(self.spx_2(x, detail_2)))


class ConvexUpsampling(nn.Module):
    """All of a cell's pixels at once, by convolutions at the cells' own size (after RAFT, Teed & Deng, ECCV 2020).

    What finer maps show is brought to that size by strided convolutions: their channels hold what lies where. Nothing
    is computed at the size of the image but the mixing itself.

    Shape: five maps of 2·B images, all left views first, and disparity logits B×D×H/stride×W/stride
    -> B×(neighbours + offsets)×H/pixel×W/pixel.

    Args:
        channels: of the five maps, strides 2 to 32.
        stride: px of a cell, a power of two from 2 to 32.
        neighbours: 1, 4 or 9.
        hidden: channels from which a cell's logits are made.
        pixel: px, a power of two below `stride`: at twice the size only a quarter of the weights is made and mixed.
        refinement: `half`: both views are compared once more, `Refinement`; for a `pixel` of 2; or `none`.
    """

    def __init__(
        self,
        channels: Sequence[int],
        stride: int,
        neighbours: int = 9,
        hidden: int = 64,
        pixel: int = 1,
        refinement: str = "none",
    ) -> None:
        super().__init__()
        self.neighbours, self.pixel, self.level = neighbours, pixel, stride.bit_length() - 2
        self.block = stride // pixel
        self.cells = conv_bn(channels[self.level], hidden, 3, act=None)
        strides = [2 ** (self.level - i) for i in range(self.level)]
        self.details = nn.ModuleList(
            conv_bn(width, hidden, each + 1, stride=each, act=None)
            for width, each in zip(channels[: self.level], strides, strict=True)
        )
        self.act = nn.ReLU()
        self.last = nn.Conv2d(hidden, self.block**2 * neighbours, 1)
        self.refinement = Refinement(channels[0], hidden, self.block) if refinement == "half" else None
        self.offsets: tuple[float, ...] = () if self.refinement is None else OFFSETS
        keep_variance(self)

    def forward(self, maps: Sequence[Tensor], batch: int, disparity: Tensor) -> Tensor:
        x = self.cells(maps[self.level][:batch])
        for detail, each in zip(self.details, maps, strict=False):
            x = x + detail(each[:batch])
        x = self.act(x)
        weights = F.pixel_shuffle(self.last(x), self.block)
        if self.refinement is None:
            return weights
        return torch.cat((weights, self.refinement(maps[0], batch, x, disparity)), 1)


OFFSETS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Candidates from the strongest one of a cell, at which a refinement knows what the two views have in common."""


class Refinement(nn.Module):
    """The views compared once more at half size, where the strongest candidates point (the local refinement of HITNet,
    Tankovich et al., CVPR 2021, as a choice among a few disparities: nothing but logits leaves it).

    Shape: the finest map of 2·B images, a cell's features B×hidden×h×w, logits B×D×h×w -> B×offsets×H/2×W/2.

    Args:
        channels: of the finest map.
        hidden: of a cell's features.
        block: pixels of the finest map in a cell, both ways.
        features: channels that are compared.
    """

    def __init__(self, channels: int, hidden: int, block: int, features: int = 16) -> None:
        super().__init__()
        self.block, self.features = block, features
        self.project = conv_bn(channels, features, 3, act=None)
        self.compare = conv_bn(2 * features, features, 3, act=None)
        self.context = conv_bn(hidden, features, 1, act=None)
        self.act = nn.ReLU()
        self.last = nn.Conv2d(features, len(OFFSETS), 3, padding=1)

    def forward(self, fine: Tensor, batch: int, cells: Tensor, disparity: Tensor) -> Tensor:
        features = self.project(fine)
        # A candidate is as wide as a cell.
        moved = warp(features[batch:], disparity, self.block)
        x = self.compare(torch.cat((features[:batch], moved), 1))
        context = self.context(cells)
        for _ in range(self.block.bit_length() - 1):
            context = double(context)
        return self.last(self.act(x + context))
