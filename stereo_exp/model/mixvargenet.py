"""MixVarGENet: five stages of variable-group residual units, all five maps out.

A unit is a wide 3×3 convolution followed by a narrow 1×1 one beside a shortcut. The early stages use ordinary
convolutions, the late ones grouped convolutions of 16 input channels a group, which is what a matrix engine that
works in tiles of 16 channels likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from stereo_exp.model.layers import ExpandingUnit, PyramidBackbone, conv_bn

GROUP_BASE = 16


class StageSpec(NamedTuple):
    """One stage: output channels at width 1, convolutions of its units grouped or not, stride of its head."""

    channels: int
    grouped: bool
    stride: int


STEM_CHANNELS = 32
STAGES = (
    StageSpec(32, False, 1),  # s2
    StageSpec(32, False, 2),  # s4
    StageSpec(64, False, 2),  # s8
    StageSpec(96, True, 2),  # s16
    StageSpec(160, True, 2),  # s32
)


class MixVarGEUnit(ExpandingUnit):
    """conv1 3×3 in -> in·expansion, BN, ReLU; conv2 1×1 -> out, BN; plus the shortcut; ReLU.

    The middle width follows the *input* width (trap T4 of the reference), rounded so that each group has a multiple of
    four channels, which is what integer instructions add up at a time, and the only group a multiple of 16. The
    shortcut is the identity where shape allows it, else a strided 1×1 convolution with BN. Every convolution has a bias
    although BN follows: the published parameter count has it, and folding makes it free.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: float, grouped: bool) -> None:
        super().__init__()
        self.groups = in_channels // GROUP_BASE if grouped else 1
        step = self.groups * (4 if grouped else GROUP_BASE)
        self.middle = step * max(1, round(in_channels * expansion / step))
        self.conv1 = conv_bn(in_channels, self.middle, 3, stride=stride, groups=self.groups, bias=True)
        self.conv2 = conv_bn(self.middle, out_channels, 1, bias=True, act=None)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = conv_bn(in_channels, out_channels, 1, stride=stride, bias=True, act=None)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv2(self.conv1(x)) + self.shortcut(x))


class MixVarGENet(PyramidBackbone):
    """The five stages of the table above; see `PyramidBackbone` for what goes in and comes out.

    Args:
        width: multiplies every channel count, rounded to whole groups of 16 channels (at least one).
        units: residual units stacked behind the head unit, for each of the five stages.
        expansion: of each stage's units: channels between their two convolutions for each of their input.
    """

    def __init__(
        self,
        width: float = 1.0,
        units: Sequence[int] = (0, 2, 2, 6, 2),
        expansion: Sequence[float] = (2, 4, 4, 2, 2),
    ) -> None:
        previous = _scaled(STEM_CHANNELS, width)
        # No activation behind the stem (trap T3).
        stem = conv_bn(3, previous, 3, stride=2, bias=True, act=None)
        widths = [_scaled(spec.channels, width) for spec in STAGES]
        stages: list[nn.Module] = []
        for spec, channels, num_units, factor in zip(STAGES, widths, units, expansion, strict=True):
            head = MixVarGEUnit(previous, channels, spec.stride, factor, spec.grouped)
            stack = (MixVarGEUnit(channels, channels, 1, factor, spec.grouped) for _ in range(num_units))
            stages.append(nn.Sequential(head, *stack))
            previous = channels
        super().__init__(stem, stages, widths)


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width / GROUP_BASE)) * GROUP_BASE
