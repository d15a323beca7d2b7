"""Superpixel up-sampling branch after CoEx (Bangunharcana et al., IROS 2021, section III-C), four weights a pixel."""

from __future__ import annotations

from torch import Tensor, nn

from stereo_exp.model.layers import conv_bn, deconv_bn

NUM_NEIGHBOURS = 4


class UpBlock(nn.Module):
    """Double the size, add the backbone's detail at that size, smooth with a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = deconv_bn(channels, channels)
        self.smooth = conv_bn(channels, channels, 3)

    def forward(self, x: Tensor, detail: Tensor) -> Tensor:
        return self.smooth(self.up(x) + detail)


class SuperpixelBranch(nn.Module):
    """Left features to the logits of how much each of four coarse neighbours counts at every pixel.

    Shape: P8 B×in_channels×H/8×W/8, details B×channels×H/4×W/4 and B×channels×H/2×W/2 -> B×4×H×W.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.spx_8 = nn.Sequential(
            conv_bn(in_channels, channels, 3),
            conv_bn(channels, channels, 3, act=None),
        )
        self.spx_4 = UpBlock(channels)
        self.spx_2 = UpBlock(channels)
        self.spx = deconv_bn(channels, NUM_NEIGHBOURS, bias=True)
        self.spx_conv3x3 = nn.Conv2d(NUM_NEIGHBOURS, NUM_NEIGHBOURS, 3, padding=1, bias=False)

    def forward(self, p8: Tensor, detail_4: Tensor, detail_2: Tensor) -> Tensor:
        x = self.spx_4(self.spx_8(p8), detail_4)
        return self.spx_conv3x3(self.spx(self.spx_2(x, detail_2)))
