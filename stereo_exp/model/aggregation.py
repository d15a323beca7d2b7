"""Adaptive aggregation over three scales in plain 2-D convolutions (AANet, Xu & Zhang, CVPR 2020, sections 3.2-3.3).

Without AANet's deformable convolutions, as StereoNetPlus has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.layers import LEAKY_SLOPE, conv_bn


class IntraScale(nn.Module):
    """A residual block on one scale's volume: B×D×H×W -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            conv_bn(channels, channels, 3, bias=True),
            conv_bn(channels, channels, 3, bias=True, act=None),
        )
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.branch(x) + x)


class UpPath(nn.Module):
    """Coarse to fine: 1×1 convolution and BN first, then the bilinear resize (trap T2)."""

    def __init__(self, in_channels: int, out_channels: int, octaves: int) -> None:
        super().__init__()
        self.project = conv_bn(in_channels, out_channels, 1, act=None)
        self.scale = 2**octaves

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.project(x), scale_factor=self.scale, mode="bilinear", align_corners=False)


def down_path(in_channels: int, out_channels: int, octaves: int) -> nn.Sequential:
    """Fine to coarse: strided 3×3 convolutions, ReLU between them (trap T2) and none behind the last."""
    between = [conv_bn(in_channels, in_channels, 3, stride=2) for _ in range(octaves - 1)]
    return nn.Sequential(*between, conv_bn(in_channels, out_channels, 3, stride=2, act=None))


class AggregationModule(nn.Module):
    """Intra-scale blocks on every scale, then every output scale sums what the others send it.

    Args:
        channels: candidates of each scale, fine to coarse, e.g. (24, 12, 6).
        num_outputs: scales put out, from the finest on; the last module needs only one.
    """

    def __init__(self, channels: Sequence[int], num_outputs: int) -> None:
        super().__init__()
        self.intra = nn.ModuleList(IntraScale(c) for c in channels)
        self.cross = nn.ModuleList(
            nn.ModuleList(_path(channels, source, target) for source in range(len(channels)))
            for target in range(num_outputs)
        )
        self.act = nn.LeakyReLU(LEAKY_SLOPE)

    def forward(self, volumes: Sequence[Tensor]) -> list[Tensor]:
        volumes = [block(v) for block, v in zip(self.intra, volumes, strict=True)]
        out = []
        for paths in self.cross:
            total = paths[0](volumes[0])  # type: ignore[index]
            for path, volume in zip(paths[1:], volumes[1:], strict=True):  # type: ignore[index]
                total = total + path(volume)
            out.append(self.act(total))
        return out


class AdaptiveAggregation(nn.Module):
    """Aggregation modules in a row, the last of which puts out the finest scale only, and a 1×1 convolution.

    Shape: volumes B×channels[k]×h/2^k×w/2^k -> logits B×num_candidates×h×w.

    Args:
        channels: of the volumes, fine to coarse.
        num_candidates: of the finest.
        guides, level: as every aggregation gets them; this one looks at the volumes alone.
        num_modules: how many.
    """

    def __init__(
        self, channels: Sequence[int], num_candidates: int, guides: Sequence[int], level: int, num_modules: int = 6
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            AggregationModule(channels, 1 if i == num_modules - 1 else len(channels)) for i in range(num_modules)
        )
        # With bias, without BN and activation (trap T3).
        self.final = nn.Conv2d(channels[0], num_candidates, 1)

    def forward(self, volumes: Sequence[Tensor], guides: Sequence[Tensor]) -> Tensor:
        for stage in self.stages:
            volumes = stage(volumes)
        return self.final(volumes[0])


def _path(channels: Sequence[int], source: int, target: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return UpPath(channels[source], channels[target], source - target)
    return down_path(channels[source], channels[target], target - source)
