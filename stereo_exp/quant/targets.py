"""What every target answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from stereo_exp.base import ArgumentError

if TYPE_CHECKING:
    from torch import Tensor


class TensorFormat(NamedTuple):
    """The integers that a quantised tensor may hold."""

    bits: int
    low: int
    high: int

    @property
    def largest(self) -> int:
        """The largest magnitude."""
        return max(-self.low, self.high)


@dataclass
class Target:
    """What the integer arithmetic may use. A subclass says how a scale is made from a range.

    real value = (integer − zero point) · scale
    """

    weight_bits: int = 8
    """Bits of weights; symmetric, a scale for each output channel."""
    activation_bits: int = 8
    """Bits of activations; a scale for each tensor."""

    name: ClassVar[str] = ""
    #: Scales are powers of two and accumulators stay below 2^24, so that float32 carries the integers exactly.
    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for key in ("weight_bits", "activation_bits"):
            if not 2 <= getattr(self, key) <= 8:
                raise ArgumentError(key, getattr(self, key), "must be 2 to 8", f"try {{{key}}}=8")

    def weight_format(self, bits: int | None = None) -> TensorFormat:
        """Symmetric, the lowest integer left out: −127…127 for 8 bits."""
        high = 2 ** ((bits or self.weight_bits) - 1) - 1
        return TensorFormat(bits or self.weight_bits, -high, high)

    def activation_format(self, bits: int | None = None) -> TensorFormat:
        """The integers of an activation; `bits` where it is lifted."""
        raise NotImplementedError

    def activation_scale(self, low: Tensor, high: Tensor, numbers: TensorFormat) -> tuple[Tensor, Tensor]:
        """Scale (float32) and zero point (int32) for activations seen in low…high (scalars, low ≤ 0 ≤ high)."""
        raise NotImplementedError

    def weight_scale(self, rows: Tensor, numbers: TensorFormat) -> Tensor:
        """float32 scales, one for each row of `rows` (channels×weights)."""
        raise NotImplementedError

    def snap(self, scale: Tensor) -> Tensor:
        """The nearest scale that the target has; differentiable, for learned scales."""
        raise NotImplementedError


# The one definition of quantising, shared by calibration, training and conversion.


def quantize(x: Tensor, scale: Tensor, zero_point: Tensor | int, numbers: TensorFormat) -> Tensor:
    """clamp(round(x / scale) + zero point), ties to even; the integers as float32.

    Multiplies by 1 / scale as torch's own operators do: for powers of two that is the same, for other scales the
    fake-quantised and the converted network must round alike.
    """
    import torch

    return (torch.round(x * (1.0 / scale)) + zero_point).clamp(numbers.low, numbers.high)


def dequantize(integers: Tensor, scale: Tensor, zero_point: Tensor | int) -> Tensor:
    """(integers − zero point) · scale."""
    return (integers - zero_point) * scale


# `quant/target=affine`: ordinary float scales, unsigned activations with a zero point, for engines that want them.


# A range of nothing still needs a scale to divide by.
_MIN_SCALE = 2.0**-30


@dataclass
class Affine(Target):
    name = "affine"

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


# `quant/target=pow2`: symmetric int8, power-of-two scales; requantisation is a shift, float32 carries it exactly.


# Scales below this stand for tensors that are all zero; a larger range of exponents would leave float32's.
MIN_EXPONENT, MAX_EXPONENT = -30, 30


@dataclass
class Pow2(Target):
    name = "pow2"
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

        covers = covering(rows.detach().abs().amax(1), numbers.high)
        best, least = covers, torch.full_like(covers, torch.inf)
        for halvings in range(3):
            scale = covers * 2.0**-halvings
            column = scale.view(-1, 1)
            error = (quantize(rows.detach(), column, 0, numbers) * column - rows.detach()).square().sum(1)
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
