"""Single operators of the integer evaluator against torch's float64, which is exact here, and float32."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.quant import integer_ops as integers
from stereo_exp.quant.integer_ops import Integers

seeds = st.integers(0, 2**31)
exponents = st.integers(-12, 2)


def int8(seed: int, *shape: int, low: int = -128, high: int = 127) -> Tensor:
    return torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed))


def tensor(value: Tensor, exponent: int) -> Integers:
    return Integers(value, torch.tensor(exponent))


def real(x: Integers) -> Tensor:
    assert x.value.dtype == torch.int64
    return x.to_double()


def assert_carried(ours: Integers, in_float32: Tensor) -> None:
    """The same numbers as float32 arithmetic gave, all below 2^24 steps of their grid."""
    assert in_float32.dtype == torch.float32
    assert int(ours.value.abs().max()) < 2**24
    assert torch.equal(real(ours), in_float32.double())


@settings(deadline=None, max_examples=60)
@given(
    seeds, st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), st.sampled_from([0, 1]),
    st.integers(3, 8), st.integers(3, 8), exponents, exponents,
)  # fmt: skip
def test_convolution(
    seed: int, kernel: int, groups: int, stride: int, padding: int, height: int, width: int, ex: int, ew: int
) -> None:
    x, weight = int8(seed, 2, 8, height, width), int8(seed + 1, 4, 8 // groups, kernel, kernel, low=-127)
    ours = Integers(integers.conv2d(tensor(x, ex), weight, stride, padding, groups), torch.tensor(ex + ew))
    carried = F.conv2d(x.float() * 2.0**ex, weight.float() * 2.0**ew, None, stride, padding, 1, groups)
    assert_carried(ours, carried)


@settings(deadline=None, max_examples=40)
@given(seeds, st.sampled_from([(4, 2, 1), (3, 1, 1), (2, 2, 0), (3, 2, 0)]), st.integers(1, 6), st.integers(1, 6))
def test_transposed_convolution(seed: int, shape: tuple[int, int, int], height: int, width: int) -> None:
    kernel, stride, padding = shape
    x, weight = int8(seed, 2, 6, height + 1, width + 1), int8(seed + 1, 6, 5, kernel, kernel, low=-127)
    ours = Integers(integers.conv_transpose2d(tensor(x, -7), weight, stride, padding), torch.tensor(-12))
    carried = F.conv_transpose2d(x.float() * 2.0**-7, weight.float() * 2.0**-5, None, stride, padding)
    assert_carried(ours, carried)


@settings(deadline=None)
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.sampled_from([127, 2**15]))
@example(0, 12, 1, 4, 127)
def test_product_of_matrices(seed: int, rows: int, inner: int, columns: int, largest: int) -> None:
    """By the processor's int8 instructions and without: one result."""
    a = int8(seed, rows, inner, low=-largest, high=largest)
    for b in (int8(seed + 1, inner, columns), int8(seed + 1, columns, inner).T):
        assert torch.equal(integers.integer_product(a, b).double(), a.double() @ b.double())


@settings(deadline=None, max_examples=30)
@given(seeds, st.sampled_from([2, 4, 8]), st.integers(1, 6), st.integers(1, 6), exponents)
def test_bilinear_enlargement(seed: int, factor: int, height: int, width: int, exponent: int) -> None:
    x = int8(seed, 2, 3, height, width)
    ours = integers.resize(tensor(x, exponent), factor)
    carried = F.interpolate(x.float() * 2.0**exponent, scale_factor=float(factor), mode="bilinear", align_corners=False)
    assert_carried(ours, carried)


@settings(deadline=None)
@given(seeds, exponents, exponents)
def test_sum_on_the_finer_grid(seed: int, ea: int, eb: int) -> None:
    a, b = int8(seed, 50), int8(seed + 1, 50)
    ours = integers.add(tensor(a, ea), tensor(b, eb))
    assert int(ours.exponent) == min(ea, eb)
    assert_carried(ours, a.float() * 2.0**ea + b.float() * 2.0**eb)


def test_sum_with_a_grid_for_each_channel() -> None:
    a, b = int8(0, 1, 4, 3, 3), int8(1, 1, 4, 3, 3)
    grids = torch.tensor([-9, -3, 0, 2]).view(1, 4, 1, 1)
    ours = integers.add(Integers(a, grids), tensor(b, -4))
    assert torch.equal(real(ours), torch.ldexp(a.double(), grids) + b.double() / 16)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**23), 2**23), min_size=1, max_size=60), exponents)
@example([-1, -5, -(2**23), 2**23, 0, -83886], -7)
def test_leaky_relu_rounds_as_one_float32_product(numbers: list[int], exponent: int) -> None:
    x = torch.tensor(numbers)
    ours = integers.leaky(tensor(x, exponent), 0.2)
    carried = F.leaky_relu(x.float() * 2.0**exponent, 0.2)
    assert torch.equal(real(ours), carried.double())


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**24) + 1, 2**24 - 1), min_size=1, max_size=60), st.integers(-12, 0), st.integers(-10, 4)
)
@example([1, 3, 5, -1, -3, -5, 2, 6], 0, 1)
def test_requantising_is_a_shift_that_rounds_to_even(numbers: list[int], fine: int, coarse: int) -> None:
    x = torch.tensor(numbers)
    ours = integers.requantize(tensor(x, fine), coarse, -128, 127)
    expected = torch.round(torch.ldexp(x.double(), torch.tensor(fine - coarse))).clamp(-128, 127)
    assert torch.equal(ours.value.double(), expected)
    carried = torch.fake_quantize_per_tensor_affine(x.float() * 2.0**fine, 2.0**coarse, 0, -128, 127)
    assert torch.equal(real(ours), carried.double())


def test_clamp_takes_limits_on_the_grid_only() -> None:
    x = int8(0, 100, low=-2000, high=2000)
    assert torch.equal(real(integers.clamp(tensor(x, -4), 0, 6)), (x.double() / 16).clamp(0, 6))
    with pytest.raises(ValueError, match="grid"):
        integers.clamp(tensor(x, 2), 0, 6)


@pytest.mark.parametrize("bits", [0, 1, 5])
def test_shift_of_negative_numbers(bits: int) -> None:
    value = torch.arange(-70, 70)
    shifted = integers.shift_right_even(value, torch.tensor(bits))
    assert torch.equal(shifted.double(), torch.round(value.double() / 2**bits))
