"""RGB to what the network eats: the one definition for training, evaluation, quantisation and deployment."""

from __future__ import annotations

import torch
from torch import Tensor

# Full-swing BT.601 in 1/256, for R, G, B: network.md §5.1. U and V are shifted by 128 after the division.
YUV_FROM_RGB = ((77, 150, 29), (-43, -84, 127), (127, -106, -21))
_ROUND, _SHIFT = 128, 8


def rgb_to_yuv(rgb: Tensor) -> Tensor:
    """Integer YUV444 of an RGB image.

    Args:
        rgb: uint8 B×3×H×W.

    Returns:
        int32 B×3×H×W: Y in 0..255, U and V in 1..255 with grey at 128. Exact on every device.
    """
    red, green, blue = rgb.to(torch.int32).unbind(1)
    # The shift floors, for negative numbers too.
    luma, u, v = ((r * red + g * green + b * blue + _ROUND) >> _SHIFT for r, g, b in YUV_FROM_RGB)
    return torch.stack((luma, u + 128, v + 128), 1)


def normalize(rgb: Tensor) -> Tensor:
    """uint8 RGB B×3×H×W to float32 YUV B×3×H×W in [-1, 1): (YUV - 128) / 128.

    Runs where its input lies, after the batch has reached the device: a byte a colour travels, not four.
    Padding (RGB 0) becomes (-1, 0, 0).
    """
    return (rgb_to_yuv(rgb) - 128).to(torch.float32) / 128
