"""A 2-D U-Net over a cost volume whose candidates are its channels, let through by what the left view shows.

Disparity as channels needs no 3-D convolution; gates from the left features stand for what those would have to find
out (after the channel boost of LightStereo, Guo et al., ICRA 2025; ours are cut-off lines in place of sigmoids).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stereo_exp.model.layers import ExpandingUnit, Gate, conv_bn, double, keep_variance


class WideUnit(ExpandingUnit):
    """3×3 convolution to `expansion` times the channels, 1×1 convolution back, beside a shortcut."""

    inside = ("branch.0", "branch.1")

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        self.middle = max(16, round(channels * expansion / 16) * 16)
        self.branch = nn.Sequential(conv_bn(channels, self.middle, 3), conv_bn(self.middle, channels, 1, act=None))
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.branch(x) + x)


class PartialUnit(ExpandingUnit):
    """3×3 convolution on a quarter of the channels, 1×1 convolutions up to `expansion` times all and back, a shortcut.

    After FasterNet (Chen et al., CVPR 2023), with ReLU.
    """

    inside = ("branch.0", "branch.1")

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        self.part = channels // 4
        self.spatial = nn.Conv2d(self.part, self.part, 3, padding=1, bias=False)
        self.middle = round(channels * expansion)
        self.branch = nn.Sequential(conv_bn(channels, self.middle, 1), conv_bn(self.middle, channels, 1, act=None))

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.cat((self.spatial(x[:, : self.part]), x[:, self.part :]), 1)
        return self.branch(mixed) + x


UNITS = {"wide": WideUnit, "partial": PartialUnit}


class UNetAggregation(nn.Module):
    """Down over levels of half the size each, and up again.

    Shape: volumes B×channels[k]×h/2^k×w/2^k -> logits B×num_candidates×h×w. The first volume goes in at the first
    level, a second one at the second, and so on.

    Args:
        channels: of the volumes, fine to coarse; not more of them than levels.
        num_candidates: of the finest.
        guides: channels of the left view's five maps.
        level: index among them of the map that is as large as the finest volume.
        widths: channels at each level.
        units: how many on the way down, for each level.
        up_units: how many on the way up, for each level but the last.
        expansion: channels inside a unit for each outside.
        unit: `wide` or `partial`.
        gate: `left`: at each level the left view's map of that size says what passes; `none`.
    """

    def __init__(
        self,
        channels: Sequence[int],
        num_candidates: int,
        guides: Sequence[int],
        level: int,
        widths: Sequence[int] = (48, 96, 192),
        units: Sequence[int] = (2, 3, 6),
        up_units: Sequence[int] = (1, 1),
        expansion: float = 1.0,
        unit: str = "wide",
        gate: str = "left",
    ) -> None:
        super().__init__()
        make, levels = UNITS[unit], range(len(widths))
        self.level, self.is_gated = level, gate == "left"
        self.enter = nn.ModuleList(conv_bn(c, w, 1, act=None) for c, w in zip(channels, widths, strict=False))
        self.down = nn.ModuleList(conv_bn(widths[k - 1], widths[k], 3, stride=2, act=None) for k in levels[1:])
        self.units = nn.ModuleList(
            nn.Sequential(*(make(width, expansion) for _ in range(count)))
            for width, count in zip(widths, units, strict=True)
        )
        if self.is_gated:
            self.gates = nn.ModuleList(Gate(guides[level + k], widths[k]) for k in levels)
        self.up = nn.ModuleList(conv_bn(widths[k + 1], widths[k], 1, act=None) for k in levels[:-1])
        self.keep = nn.ModuleList(conv_bn(widths[k], widths[k], 1, act=None) for k in levels[:-1])
        self.up_units = nn.ModuleList(
            nn.Sequential(*(make(width, expansion) for _ in range(count)))
            for width, count in zip(widths, up_units, strict=False)
        )
        self.act = nn.ReLU()
        self.final = nn.Conv2d(widths[0], num_candidates, 1)
        keep_variance(self)
        # What the features alone say, past all levels; it begins as the volume itself.
        self.shortcut = nn.Conv2d(channels[0], num_candidates, 1, bias=False)
        with torch.no_grad():
            groups = channels[0] // num_candidates
            eye = torch.eye(num_candidates).repeat(1, max(1, groups))
            if eye.shape[1] == channels[0]:
                self.shortcut.weight.copy_(eye[:, :, None, None])

    def forward(self, volumes: Sequence[Tensor], guides: Sequence[Tensor]) -> Tensor:
        kept: list[Tensor] = []
        x = self.enter[0](volumes[0])
        for k, stack in enumerate(self.units):
            if k:
                x = self.down[k - 1](kept[-1])
                if k < len(self.enter):
                    x = x + self.enter[k](volumes[k])
            x = self.act(x)
            if self.is_gated:
                x = x * self.gates[k](guides[self.level + k])
            x = stack(x)
            kept.append(x)
        for k in reversed(range(len(self.up))):
            x = self.act(self.keep[k](kept[k]) + double(self.up[k](x)))
            x = self.up_units[k](x)
        return self.final(x) + self.shortcut(volumes[0])
