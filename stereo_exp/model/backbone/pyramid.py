"""What every backbone is: a stem and five stages, each halving the size, all of whose maps come out."""

from __future__ import annotations

from torch import Tensor, nn


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
