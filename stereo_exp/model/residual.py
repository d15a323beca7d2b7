"""A plain residual trunk: widths and depths are what the configuration says."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from stereo_exp.model.layers import PyramidBackbone, conv_bn, keep_variance


class ResidualUnit(nn.Module):
    """Two 3×3 convolutions beside a shortcut: B×channels×H×W -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(conv_bn(channels, channels, 3), conv_bn(channels, channels, 3, act=None))
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.branch(x) + x)


class ResidualNet(PyramidBackbone):
    """A 3×3 convolution of stride 2 and some residual units for each of five stages; see `PyramidBackbone`.

    Args:
        widths: channels of the five maps.
        units: residual units of each stage.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96, 128), units: Sequence[int] = (0, 1, 2, 2, 2)) -> None:
        stem = conv_bn(3, widths[0], 3, stride=2)
        stages: list[nn.Module] = []
        for i, (width, count) in enumerate(zip(widths, units, strict=True)):
            head = [conv_bn(widths[i - 1], width, 3, stride=2)] if i else []
            stages.append(nn.Sequential(*head, *(ResidualUnit(width) for _ in range(count))))
        super().__init__(stem, stages, list(widths))
        keep_variance(self)
