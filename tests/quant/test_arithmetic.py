"""Rounding and scales against numpy and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from stereo_exp.quant import ops
from stereo_exp.quant.targets import Affine, Pow2, Target, covering, dequantize, quantize

TARGETS = [Affine, Pow2]
INT8 = Pow2().activation_format()
floats = st.floats(-(2.0**12), 2.0**12, width=32)
values = st.lists(floats, min_size=1, max_size=50)


@given(values, st.integers(-20, 10))
@example([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], 0)
@example([127.5, -128.5, 1e3, -1e3], 0)
def test_powers_of_two_round_half_to_even(numbers: list[float], exponent: int) -> None:
    scale = 2.0**exponent
    found = quantize(torch.tensor(numbers), torch.tensor(scale), 0, INT8)
    expected = np.clip(np.rint(np.array(numbers, np.float64) / scale), -128, 127)
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(dequantize(found, torch.tensor(scale), 0).numpy(), expected * scale)


@given(values, st.floats(2.0**-20, 2.0**4, width=32), st.integers(0, 255))
def test_one_rounding_in_training_conversion_and_here(numbers: list[float], scale: float, zero: int) -> None:
    """`quantize`, torch's fake quantiser and the converted graph's operators: the same bits for any scale."""
    x, numbers_of = torch.tensor(numbers), Affine().activation_format()
    ours = dequantize(quantize(x, torch.tensor(scale), zero, numbers_of), torch.tensor(scale), zero)
    fake = torch.fake_quantize_per_tensor_affine(
        x, torch.tensor(scale), torch.tensor(zero, dtype=torch.int32), numbers_of.low, numbers_of.high
    )
    stored = ops.QUANTISE(x, scale, zero, numbers_of.low, numbers_of.high, torch.uint8)
    converted = ops.DEQUANTISE(stored, scale, zero, numbers_of.low, numbers_of.high, torch.uint8)
    assert torch.equal(ours, fake)
    assert torch.equal(ours, converted)


@given(st.floats(2.0**-14, 2.0**20, width=32), st.sampled_from([1, 7, 127, 32767]))
@example(127.0, 127)
@example(float(np.nextafter(np.float32(127), np.float32(128))), 127)
@example(2.0**-7 * 127, 127)
def test_smallest_power_of_two_that_covers(largest: float, high: int) -> None:
    scale = float(covering(torch.tensor(largest), high))
    assert Fraction(largest) <= high * Fraction(scale)
    assert Fraction(largest) > high * Fraction(scale) / 2, "half of it would do"
    assert np.log2(scale) == np.round(np.log2(scale))


@given(st.floats(-(2.0**12), 0, width=32), st.floats(0, 2.0**12, width=32), st.sampled_from([4, 8, 16]))
def test_scale_of_a_range(low: float, high: float, bits: int) -> None:
    """Both ends of the range survive within one step, zero exactly; pow2 is symmetric."""
    for target in (Pow2(), Affine()):
        numbers = target.activation_format(bits)
        ends = torch.tensor([low, high, 0.0])
        scale, zero = target.activation_scale(ends[0], ends[1], numbers)
        assert scale.dtype == torch.float32
        assert zero.dtype == torch.int32
        back = dequantize(quantize(ends, scale, zero, numbers), scale, zero)
        assert bool(((back - ends).abs() <= scale * 1.001).all())
        assert float(back[2]) == 0
        if target.exact:
            assert int(zero) == 0
            assert float(torch.frexp(scale).mantissa) == 0.5


@given(st.lists(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3), min_size=1, max_size=6))
def test_pow2_weight_scale_has_the_least_error_of_three(rows: list[list[float]]) -> None:
    target, weights = Pow2(), np.array(rows, np.float32)
    numbers = target.weight_format()
    found = target.weight_scale(torch.from_numpy(weights), numbers).numpy()
    for row, scale in zip(weights, found, strict=True):
        covers = float(covering(torch.tensor(np.abs(row).max()), numbers.high))

        def error(s: float, row: np.ndarray = row) -> float:
            rounded = np.clip(np.rint(row / np.float32(s)), numbers.low, numbers.high) * np.float32(s)
            return float(np.square((rounded - row).astype(np.float32)).sum())

        assert scale in (covers, covers / 2, covers / 4)
        assert error(scale) <= min(error(covers / k) for k in (1, 2, 4)) * (1 + 1e-5)


def test_affine_weight_scale_reaches_the_largest_weight() -> None:
    target = Affine()
    scale = target.weight_scale(torch.tensor([[0.5, -1.27], [0.0, 0.0]]), target.weight_format())
    assert float(scale[0]) == pytest.approx(0.01)
    assert float(scale[1]) > 0, "a row of zeros still needs a scale to divide by"


@pytest.mark.parametrize("cls", TARGETS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("bits", [None, 2, 8, 12, 16])
def test_formats_have_the_bits_they_say(cls: type[Target], bits: int | None) -> None:
    for numbers in (cls().weight_format(bits), cls().activation_format(bits)):
        assert numbers.bits == (bits or 8)
        assert (numbers.high - numbers.low).bit_length() == numbers.bits
    weights = cls().weight_format(bits)
    assert weights.low == -weights.high


@pytest.mark.parametrize("exponent", [-7.4, -7.0, 0.3, 3.6])
def test_snapping_to_a_power_of_two_lets_the_gradient_through(exponent: float) -> None:
    scale = torch.tensor(2.0**exponent, requires_grad=True)
    snapped = Pow2().snap(scale)
    assert float(snapped.detach()) == 2.0 ** round(exponent)
    snapped.backward()
    # d snapped / d scale = snapped / scale: straight through the rounding of the logarithm.
    assert float(scale.grad) == pytest.approx(2.0 ** (round(exponent) - exponent), rel=1e-5)
    free = torch.tensor(0.3)
    assert Affine().snap(free) is free
