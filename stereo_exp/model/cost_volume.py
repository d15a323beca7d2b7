"""Correlation cost volumes, each as one matrix product for each image row.

A volume module says of what it puts out: `strides` (px), `channels`, `num_candidates` (all of them fine to coarse) and
`sharpness`, which makes logits of its similarities, and in how many `groups` of channels it matches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stereo_exp.model.layers import conv_bn


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


def block_volume(left: Tensor, right: Tensor, num_disparities: int, block: int) -> Tensor:
    """What `correlation_volume` computes, without most of the products that it throws away.

    A row is cut into blocks of `block` columns. Those of one block meet only the right columns that their candidates
    reach, `block` + D of them or a few more: for wide maps with few candidates a fraction of all W. Within a block the
    band is sheared out as there.

    Args:
        left, right, num_disparities: see there.
        block: columns, 2 or more; the last block is filled up with zeros.
    """
    batch, channels, height, width = left.shape
    number = (width + block - 1) // block
    behind = number * block - width
    before = -(-(num_disparities - 1) // block)  # blocks that the leftmost candidate may reach into
    rows = F.pad(left.permute(0, 2, 3, 1), (0, 0, 0, behind)).reshape(batch, height, number, block, channels)
    padded = F.pad(right.permute(0, 2, 3, 1), (0, 0, before * block, behind))
    mirrored = padded.reshape(batch, height, number + before, block, channels).flip(3)
    # Of each block the right columns from its last one backwards.
    reached = torch.cat([mirrored[:, :, before - k : before - k + number] for k in range(before + 1)], 3)
    # Scaled before anything moves: from here on integers are bytes.
    products = (torch.matmul(rows, reached.transpose(-1, -2)) * (1.0 / channels)).flatten(3)
    # Element (x, d) lies at column block − 1 − x + d of row x.
    stride = (before + 1) * block - 1
    sheared = products[..., block - 1 : block - 1 + block * stride]
    band = sheared.reshape(batch, height, number, block, stride)[..., :num_disparities]
    whole = band.reshape(batch, height, number * block, num_disparities)[:, :, :width]
    return whole.permute(0, 3, 1, 2)


class CorrelationVolume(nn.Module):
    """`correlation_volume` as a module, so that profilers and quantisers see it by name; no parameters.

    Args:
        num_disparities: D.
        block: where given, `block_volume` computes it.
    """

    def __init__(self, num_disparities: int, block: int | None = None) -> None:
        super().__init__()
        self.num_disparities, self.block = num_disparities, block

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        if self.block is None:
            return correlation_volume(left, right, self.num_disparities)
        return block_volume(left, right, self.num_disparities, self.block)

    def extra_repr(self) -> str:
        return f"num_disparities={self.num_disparities}, block={self.block}"


class PyramidVolume(nn.Module):
    """A volume at each of several scales, of the maps as they are.

    Shape: five maps of 2·B images, all left views first -> B×D/2^k×H/(stride·2^k)×W/(stride·2^k) for each scale k.

    Args:
        channels: of the five maps, strides 2 to 32.
        maxdisp: px, a multiple of the coarsest scale's stride.
        stride: px, of the finest.
        scales: how many, each of twice the stride of the one before.
    """

    groups = 1

    def __init__(self, channels: Sequence[int], maxdisp: int, stride: int, scales: int = 3) -> None:
        super().__init__()
        self.strides = [stride * 2**k for k in range(scales)]
        self.num_candidates = [maxdisp // each for each in self.strides]
        self.channels = self.num_candidates
        self.first = stride.bit_length() - 2
        self.sharpness = float(channels[self.first])
        self.correlation = nn.ModuleList(CorrelationVolume(d) for d in self.num_candidates)

    def forward(self, maps: Sequence[Tensor], batch: int) -> list[Tensor]:
        pyramid = maps[self.first : self.first + len(self.strides)]
        return [correlate(p[:batch], p[batch:]) for correlate, p in zip(self.correlation, pyramid, strict=True)]


UNIT_SHARPNESS = 16.0
"""Makes logits of cosines."""
BLOCK = 24
"""Columns: small enough that few products are thrown away, large enough for a matrix unit."""


class SingleVolume(nn.Module):
    """One volume, of features that a 1×1 convolution makes for it; several groups of channels match on their own.

    Shape: five maps of 2·B images, all left views first -> B×(groups·D)×H/stride×W/stride.

    Args:
        channels: of the five maps, strides 2 to 32.
        maxdisp: px, a multiple of `stride`.
        stride: px, of the map that is matched.
        groups: how many; `features` is a multiple of them.
        features: channels that are matched.
        normalization: `batchnorm`, which has an exact integer form, or `unit`: every pixel's features are scaled to
            unit length in each group, for float networks only.
    """

    def __init__(
        self,
        channels: Sequence[int],
        maxdisp: int,
        stride: int,
        groups: int = 1,
        features: int = 32,
        normalization: str = "batchnorm",
    ) -> None:
        super().__init__()
        self.strides, self.num_candidates = [stride], [maxdisp // stride]
        self.groups, self.is_unit = groups, normalization == "unit"
        self.channels = [groups * maxdisp // stride]
        self.level = stride.bit_length() - 2
        self.project = conv_bn(channels[self.level], features, 1, act=None)
        self.sharpness = UNIT_SHARPNESS if self.is_unit else 1.0
        if not self.is_unit:
            # The mean of C products then begins as their sum over √C, the logits of attention. Nothing else taught the
            # features as fast: a mean of products of unit variance says next to nothing behind a softmax, a sum shouts.
            nn.init.constant_(self.project[1].weight, (features // groups) ** 0.25)  # type: ignore[arg-type]
        self.correlation = CorrelationVolume(maxdisp // stride, BLOCK)

    def forward(self, maps: Sequence[Tensor], batch: int) -> list[Tensor]:
        features = self.project(maps[self.level])
        step = features.shape[1] // self.groups
        volumes = []
        for group in range(self.groups):
            part = features[:, group * step : (group + 1) * step] if self.groups > 1 else features
            if self.is_unit:
                # Mean of `step` products of vectors of length √step: the cosine.
                part = F.normalize(part, dim=1) * step**0.5
            volumes.append(self.correlation(part[:batch], part[batch:]))
        return [torch.cat(volumes, 1) if self.groups > 1 else volumes[0]]
