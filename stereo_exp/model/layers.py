"""The few building blocks that every part of the network is made of."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.2


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    act: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution with "same" padding, BatchNorm, and an activation unless `act` is None.

    B×in_channels×H×W -> B×out_channels×(H/stride)×(W/stride) for even H and W.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=bias),
        nn.BatchNorm2d(out_channels),
    ]
    if act is not None:
        layers.append(act())
    return nn.Sequential(*layers)


def deconv_bn(in_channels: int, out_channels: int, *, bias: bool = False) -> nn.Sequential:
    """Transposed 4×4 convolution of stride 2, BatchNorm, ReLU: doubles height and width."""
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class ExpandingUnit(nn.Module):
    """A unit with channels of its own inside: `stereo_exp.quant.narrow` leaves out those that it can do without.

    Attributes:
        inside: names of the two submodules that make them and use them up, each an `nn.Sequential` that begins with a
            convolution and its BatchNorm; the second convolution is 1×1, and nothing else sees what lies between.
        middle: channels in between.
        groups: of the first convolution; equally many of their channels stay in each.
    """

    inside: ClassVar[tuple[str, str]] = ("conv1", "conv2")
    middle: int
    groups: int = 1


class Gate(nn.Sequential):
    """What lets a volume through, read off the left view: 1×1 convolution, BatchNorm, cut off to 0…1.

    BatchNorm begins as x/4 + 1/2, so that at first as much is let through as is held back; no sigmoid, whose integers
    would need a table.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        norm = nn.BatchNorm2d(out_channels)
        nn.init.constant_(norm.weight, 0.25)
        nn.init.constant_(norm.bias, 0.5)
        super().__init__(nn.Conv2d(in_channels, out_channels, 1, bias=False), norm, nn.Hardtanh(0.0, 1.0))


def keep_variance(module: nn.Module) -> None:
    """Draw the convolutions of `module` anew so that behind a ReLU signals are as strong as before (He et al., ICCV
    2015): an untrained network, whose BatchNorms pass on what comes, can be calibrated and converted then."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def double(x: Tensor) -> Tensor:
    """Twice the height and the width, every value four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


# What every backbone is: a stem and five stages, each halving the size, all of whose maps come out.


class PyramidBackbone(nn.Module):
    """Images to feature maps at strides 2, 4, 8, 16 and 32.

    Shape: B×3×H×W (H and W multiples of 32) -> five maps, `channels[i]`×(H/2^(i+1))×(W/2^(i+1)).

    Args:
        stem: B×3×H×W to the first stage's input.
        stages: five of them, fine to coarse.
        channels: of the map that each stage puts out.
    """

    def __init__(self, stem: nn.Module, stages: list[nn.Module], channels: list[int]) -> None:
        super().__init__()
        self.stem, self.stages, self.channels = stem, nn.ModuleList(stages), channels

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
