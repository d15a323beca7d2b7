"""`quant/target=pow2`: symmetric int8, power-of-two scales; requantisation is a shift, float32 carries it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stereo_exp.quant.targets.base import Target, TensorFormat

if TYPE_CHECKING:
    from torch import Tensor

# Scales below this stand for tensors that are all zero; a larger range of exponents would leave float32's.
MIN_EXPONENT, MAX_EXPONENT = -30, 30


@dataclass
class Pow2(Target):
    name: str = "pow2"

    exact = True

    def activation_format(self, bits: int | None = None) -> TensorFormat:
        # All of two's complement, −128…127: what engines saturate at.
        high = self.weight_format(bits or self.activation_bits).high
        return TensorFormat(bits or self.activation_bits, -high - 1, high)

    def activation_scale(self, low: Tensor, high: Tensor, numbers: TensorFormat) -> tuple[Tensor, Tensor]:
        import torch

        scale = covering(torch.maximum(-low, high), numbers.high)
        return scale, torch.zeros_like(scale, dtype=torch.int32)

    def weight_scale(self, rows: Tensor, numbers: TensorFormat) -> Tensor:
        """Of the smallest scale that covers a row, its half and its quarter, the one with the least squared error.

        A maximum just above a power of two would otherwise cost all other weights of the row a bit.
        """
        import torch

        from stereo_exp.quant.arithmetic import quantise

        covers = covering(rows.detach().abs().amax(1), numbers.high)
        best, least = covers, torch.full_like(covers, torch.inf)
        for halvings in range(3):
            scale = covers * 2.0**-halvings
            column = scale.view(-1, 1)
            error = (quantise(rows.detach(), column, 0, numbers) * column - rows.detach()).square().sum(1)
            best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
        return best

    def snap(self, scale: Tensor) -> Tensor:
        import torch

        exponent = torch.log2(scale)
        return torch.exp2(exponent + (exponent.round() - exponent).detach())


def covering(largest: Tensor, high: int) -> Tensor:
    """The smallest power of two with which ±`largest` fits into ±`high` steps."""
    import torch

    # frexp is exact where log2 rounds: x = mantissa · 2^exponent with mantissa in [0.5, 1).
    mantissa, exponent = torch.frexp(largest.double() / high)
    exponent = torch.where(mantissa == 0.5, exponent - 1, exponent)
    exponent = torch.where(largest > 0, exponent, MIN_EXPONENT)
    return torch.ldexp(torch.ones_like(largest), exponent.clamp(MIN_EXPONENT, MAX_EXPONENT))
