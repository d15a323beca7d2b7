"""The one definition of quantising, shared by calibration, training and conversion."""

from __future__ import annotations

import torch
from torch import Tensor

from stereo_exp.quant.targets import TensorFormat


def quantise(x: Tensor, scale: Tensor, zero_point: Tensor | int, numbers: TensorFormat) -> Tensor:
    """clamp(round(x / scale) + zero point), ties to even; the integers as float32.

    Multiplies by 1 / scale as torch's own operators do: for powers of two that is the same, for other scales the
    fake-quantised and the converted network must round alike.
    """
    return (torch.round(x * (1.0 / scale)) + zero_point).clamp(numbers.low, numbers.high)


def dequantise(integers: Tensor, scale: Tensor, zero_point: Tensor | int) -> Tensor:
    """(integers − zero point) · scale."""
    return (integers - zero_point) * scale
