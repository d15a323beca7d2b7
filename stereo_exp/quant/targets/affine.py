"""`quant/target=affine`: ordinary float scales, unsigned activations with a zero point, for engines that want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stereo_exp.quant.targets.base import Target, TensorFormat

if TYPE_CHECKING:
    from torch import Tensor

# A range of nothing still needs a scale to divide by.
_MIN_SCALE = 2.0**-30


@dataclass
class Affine(Target):
    name: str = "affine"

    def activation_format(self, bits: int | None = None) -> TensorFormat:
        bits = bits or self.activation_bits
        return TensorFormat(bits, 0, 2**bits - 1)

    def activation_scale(self, low: Tensor, high: Tensor, numbers: TensorFormat) -> tuple[Tensor, Tensor]:
        import torch

        scale = ((high - low) / (numbers.high - numbers.low)).float().clamp(min=_MIN_SCALE)
        zero_point = (numbers.low - torch.round(low / scale)).clamp(numbers.low, numbers.high)
        return scale, zero_point.to(torch.int32)

    def weight_scale(self, rows: Tensor, numbers: TensorFormat) -> Tensor:
        return (rows.detach().abs().amax(1) / numbers.high).clamp(min=_MIN_SCALE)

    def snap(self, scale: Tensor) -> Tensor:
        return scale
