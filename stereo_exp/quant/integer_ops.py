"""Integer arithmetic of the operators that the converted network consists of: int64 tensors, shifts, no float.

Written against the definitions of the operators, not against torch's kernels, so that it can be held against them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# float32's 0.2 is this over 2^26.
_FLOAT32_BITS = 24


class Integers(NamedTuple):
    """real value = value · 2^exponent.

    Attributes:
        value: int64 tensor.
        exponent: int64, a scalar, or 1×C×1×1 where channels lie on grids of their own.
    """

    value: Tensor
    exponent: Tensor

    def to_double(self) -> Tensor:
        """The real values; exact while they have fewer than 53 bits."""
        return torch.ldexp(self.value.double(), self.exponent)


def shift_right_even(value: Tensor, bits: Tensor) -> Tensor:
    """value / 2^bits, rounded to the nearest integer, ties to even; `bits` ≥ 0 of a shape that broadcasts."""
    floor = value >> bits
    rest = value - (floor << bits)
    half = (1 << bits) >> 1
    up = (rest > half) | ((rest == half) & (floor & 1).bool())
    return torch.where(bits > 0, floor + up.long(), value)


def requantize(x: Integers, exponent: int, low: int, high: int) -> Integers:
    """Onto the grid 2^exponent, rounded to even and clamped: a shift."""
    bits = exponent - x.exponent
    coarser = shift_right_even(x.value, bits.clamp(min=0))
    return Integers((coarser << (-bits).clamp(min=0)).clamp(low, high), torch.tensor(exponent))


def align(*terms: Integers) -> tuple[list[Tensor], Tensor]:
    """The terms' integers on the finest of their grids, and its exponent."""
    exponent = terms[0].exponent
    for term in terms[1:]:
        exponent = torch.minimum(exponent, term.exponent)
    return [term.value << (term.exponent - exponent) for term in terms], exponent


def join(x: Integers) -> Integers:
    """Channels with grids of their own on the finest of them."""
    exponent = x.exponent.min()
    return Integers(x.value << (x.exponent - exponent), exponent)


def repeat(value: Tensor, factor: int) -> Tensor:
    """Every value of B×C×H×W `factor` times along both axes of the image."""
    return value.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def add(a: Integers, b: Integers) -> Integers:
    """Sum, on the finer grid, without rounding."""
    (left, right), exponent = align(a, b)
    return Integers(left + right, exponent)


def leaky(x: Integers, slope: float) -> Integers:
    """Positive values stay; negative ones times float32(slope), rounded to 24 significant bits, ties to even."""
    mantissa, power = _float32_parts(slope)
    product = x.value * mantissa
    magnitude = product.abs()
    # Bits beyond the 24 that a float32 keeps; frexp of an exact double gives the length.
    length = torch.frexp(magnitude.double()).exponent.long()
    excess = (length - _FLOAT32_BITS).clamp(min=0)
    negative = -(shift_right_even(magnitude, excess) << excess)
    return Integers(torch.where(x.value < 0, negative, x.value << -power), x.exponent + power)


def _float32_parts(number: float) -> tuple[int, int]:
    """Integer mantissa and exponent of a float32."""
    mantissa, exponent = torch.frexp(torch.tensor(number, dtype=torch.float32))
    return int(mantissa.double() * 2**_FLOAT32_BITS), int(exponent) - _FLOAT32_BITS


def clamp(x: Integers, low: float, high: float) -> Integers:
    """Between two numbers that lie on every grid involved."""
    bounds = [
        torch.ldexp(torch.full(x.exponent.shape, limit, dtype=torch.float64), -x.exponent) for limit in (low, high)
    ]
    if any(bool((bound != bound.round()).any()) for bound in bounds):
        raise ValueError(f"the limits {low} and {high} do not lie on the grid")
    return Integers(torch.minimum(torch.maximum(x.value, bounds[0].long()), bounds[1].long()), x.exponent)


def resize(x: Integers, factor: int) -> Integers:
    """Bilinear enlargement by a power of two, align-corners off: weights are multiples of 1/(2·factor) on each axis."""
    value = _resize_axis(_resize_axis(x.value, factor, 2), factor, 3)
    return Integers(value, x.exponent - 2 * (2 * factor).bit_length() + 2)


def _resize_axis(value: Tensor, factor: int, axis: int) -> Tensor:
    size = value.shape[axis]
    # Source position (o + 1/2)/factor − 1/2 in units of 1/(2·factor), clamped at the border.
    position = (2 * torch.arange(size * factor) + 1 - factor).clamp(min=0)
    first, weight = position // (2 * factor), position % (2 * factor)
    second = (first + 1).clamp(max=size - 1)
    shape = [1] * value.ndim
    shape[axis] = -1
    weight = weight.view(shape)
    return value.index_select(axis, first) * (2 * factor - weight) + value.index_select(axis, second) * weight


def conv2d(x: Integers, weight: Tensor, stride: int, padding: int, groups: int) -> Tensor:
    """Accumulators of a convolution, int64: a matrix product for each tap of the kernel."""
    value = torch.nn.functional.pad(x.value, [padding] * 4)
    kernel = weight.shape[-1]
    height, width = ((s - kernel) // stride + 1 for s in value.shape[-2:])
    total = None
    for i in range(kernel):
        for j in range(kernel):
            window = value[:, :, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
            part = _mix_channels(window, weight[:, :, i, j], groups)
            total = part if total is None else total + part
    assert total is not None
    return total


def conv_transpose2d(x: Integers, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Accumulators of a transposed convolution, int64: every tap scatters; weight in×out×k×k."""
    batch, _, height, width = x.value.shape
    kernel = weight.shape[-1]
    full = [(size - 1) * stride + kernel for size in (height, width)]
    out = torch.zeros(batch, weight.shape[1], *full, dtype=torch.int64)
    for i in range(kernel):
        for j in range(kernel):
            part = _mix_channels(x.value, weight[:, :, i, j].T, 1)
            out[:, :, i : i + stride * height : stride, j : j + stride * width : stride] += part
    return out[:, :, padding : full[0] - padding, padding : full[1] - padding]


def _mix_channels(value: Tensor, weight: Tensor, groups: int) -> Tensor:
    """out×in weights on every pixel, group by group."""
    parts = []
    for x, w in zip(value.chunk(groups, 1), weight.chunk(groups, 0), strict=True):
        rows = x.permute(0, 2, 3, 1)
        product = integer_product(rows.reshape(-1, rows.shape[-1]), w.T)
        parts.append(product.view(*rows.shape[:-1], -1).permute(0, 3, 1, 2))
    return torch.cat(parts, 1)


def integer_product(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product of integers in int64; by the processor's int8 instructions, int32 sums, where both fit."""
    if (
        a.shape[0]
        and min(int(t.min()) for t in (a, b)) >= -128
        and max(int(t.max()) for t in (a, b)) <= 127
        and a.shape[1] < 2**17
    ):
        return torch._int_mm(_packed_int8(a), _packed_int8(b)).long()
    return a @ b


def _packed_int8(x: Tensor) -> Tensor:
    """A copy with the strides of its shape: `contiguous` leaves odd ones along axes of length 1, and `_int_mm` reads
    past the end with them."""
    return torch.empty(x.shape, dtype=torch.int8).copy_(x)
