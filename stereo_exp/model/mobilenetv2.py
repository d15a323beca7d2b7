"""MobileNetV2 (Sandler et al., CVPR 2018, table 2) with its maps at strides 2 to 32 taken out.

The backbone of CoEx, here to compare MixVarGENet with: fewer multiplications, more memory traffic.
"""

from __future__ import annotations

from torch import Tensor, nn

from stereo_exp.model.layers import PyramidBackbone, conv_bn

# Expansion t, channels c, repeats n, stride s of the first; a new group begins where the stride is 2.
STAGES = (
    ((1, 16, 1, 1),),  # s2
    ((6, 24, 2, 2),),  # s4
    ((6, 32, 3, 2),),  # s8
    ((6, 64, 4, 2), (6, 96, 3, 1)),  # s16
    ((6, 160, 3, 2), (6, 320, 1, 1)),  # s32
)
STEM_CHANNELS = 32
CHANNEL_STEP = 8


class InvertedResidual(nn.Module):
    """1×1 expansion, 3×3 depthwise, linear 1×1 projection; a shortcut where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = in_channels * expansion
        layers = [conv_bn(in_channels, middle, 1, act=nn.ReLU6)] if expansion != 1 else []
        layers += [
            conv_bn(middle, middle, 3, stride=stride, groups=middle, act=nn.ReLU6),
            conv_bn(middle, out_channels, 1, act=None),
        ]
        self.branch = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        return x + y if self.has_shortcut else y


class MobileNetV2(PyramidBackbone):
    """The groups of the table above; see `PyramidBackbone` for what goes in and comes out."""

    def __init__(self, width: float = 1.0) -> None:
        previous = _scaled(STEM_CHANNELS, width)
        stem = conv_bn(3, previous, 3, stride=2, act=nn.ReLU6)
        stages: list[nn.Module] = []
        widths = []
        for groups in STAGES:
            blocks = []
            for expansion, channels, repeats, stride in groups:
                out = _scaled(channels, width)
                for i in range(repeats):
                    blocks.append(InvertedResidual(previous, out, stride if i == 0 else 1, expansion))
                    previous = out
            stages.append(nn.Sequential(*blocks))
            widths.append(previous)
        super().__init__(stem, stages, widths)


def _scaled(channels: int, width: float) -> int:
    """Round to a multiple of 8, never more than 10 % below what was asked (the paper's reference rule)."""
    asked = channels * width
    rounded = max(CHANNEL_STEP, int(asked + CHANNEL_STEP / 2) // CHANNEL_STEP * CHANNEL_STEP)
    return rounded if rounded >= 0.9 * asked else rounded + CHANNEL_STEP
