"""What every target answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from omegaconf import MISSING

from stereo_exp.errors import UserError

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

    name: str = MISSING
    """What the hardware can do; set by the option `quant/target=`."""
    weight_bits: int = 8
    """Bits of weights; symmetric, a scale for each output channel."""
    activation_bits: int = 8
    """Bits of activations; a scale for each tensor."""

    #: Scales are powers of two and accumulators stay below 2^24, so that float32 carries the integers exactly.
    exact = False

    def __post_init__(self) -> None:
        for key in ("weight_bits", "activation_bits"):
            if not 2 <= getattr(self, key) <= 8:
                name = f"quant.target.{key}"
                raise UserError(name, getattr(self, key), "must be 2 to 8", f"try {name}=8")

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
