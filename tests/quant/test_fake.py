"""Fake quantisers by themselves: axes, grids, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser
from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.targets import Affine, Pow2, Target

TARGETS = [Pow2(), Affine()]


def activation(target: Target, fixed_scale: float | None = None) -> ActivationQuantiser:
    numbers = target.activation_format()
    spec: dict[str, Any] = {"quant_min": numbers.low, "quant_max": numbers.high, "qscheme": torch.per_tensor_affine}
    dtype = torch.int8 if numbers.low < 0 else torch.uint8
    return ActivationQuantiser(target, MinMaxObserver, fixed_scale, dtype=dtype, **spec)


def weights(target: Target, axis: int, channels: int) -> PerChannelWeightQuantiser:
    numbers = target.weight_format()
    return PerChannelWeightQuantiser(
        target, axis, channels,
        dtype=torch.int8, quant_min=numbers.low, quant_max=numbers.high, qscheme=torch.per_channel_symmetric,
    )  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("axis", [0, 1])
def test_weights_have_a_scale_for_each_output_channel(target: Target, axis: int) -> None:
    """Axis 1 for transposed convolutions: every channel's own maximum decides, and nobody else's."""
    torch.manual_seed(axis)
    weight = torch.randn(5, 5, 3, 3)
    loud = (slice(None), 2) if axis else (2,)
    weight[loud] *= 64
    quantiser = weights(target, axis, 5)
    quantiser.observing = quantiser.quantising = True
    rounded = quantiser(weight)
    assert quantiser.scale.shape == (5,)
    assert int(quantiser.scale.argmax()) == 2
    assert float(quantiser.scale[2]) > 8 * float(quantiser.scale[[0, 1, 3, 4]].max())
    scale = quantiser.scale.view([-1 if i == axis else 1 for i in range(4)])
    steps = (rounded / scale).round()
    torch.testing.assert_close(steps * scale, rounded)
    assert int(steps.abs().max()) <= 127
    assert float(((rounded - weight).abs() / scale).median()) <= 0.5


def test_weights_of_another_number_of_channels_are_refused() -> None:
    quantiser = weights(Pow2(), 1, 5)
    quantiser.quantising = True
    with pytest.raises(RuntimeError):
        quantiser(torch.randn(5, 4, 3, 3))


def test_weight_scales_stay_above_their_floor() -> None:
    quantiser = weights(Pow2(), 0, 2)
    quantiser.floor[1] = 0.5
    quantiser.observe(torch.tensor([[0.1], [0.1]]).view(2, 1, 1, 1))
    assert float(quantiser.scale[0]) < 0.001
    assert float(quantiser.scale[1]) == 0.5


@settings(deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), st.integers(-10, 0))
def test_biases_lie_on_the_grid_of_the_accumulators(bias: list[float], exponent: int) -> None:
    inputs, kernel = activation(Pow2()), weights(Pow2(), 0, 3)
    inputs.scale.fill_(2.0**exponent)
    kernel.scale.copy_(torch.tensor([2.0**-7, 2.0**-5, 2.0**-9]))
    quantiser = PerChannelBiasQuantiser(inputs, kernel)
    x = torch.tensor(bias)
    assert torch.equal(quantiser(x), x), "not rounding yet"
    quantiser.quantising = True
    grid = 2.0**exponent * np.array([2.0**-7, 2.0**-5, 2.0**-9])
    expected = np.clip(np.rint(np.array(bias) / grid), -(2**23), 2**23) * grid
    np.testing.assert_array_equal(quantiser(x).numpy(), expected.astype(np.float32))
    # The grid follows its parents, and is theirs alone.
    inputs.scale.mul_(2)
    assert torch.equal(quantiser.scale, inputs.scale * kernel.scale)
    assert not list(quantiser.state_dict())


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_gradients_pass_straight_through_inside_the_range(target: Target) -> None:
    quantiser = activation(target)
    quantiser.observing = True
    quantiser(torch.tensor([-1.0, 3.0]))
    quantiser.observing = False
    quantiser.set_from_observer()
    quantiser.quantising = True
    x = torch.tensor([-0.5, 0.3, 2.0, 1000.0, -1000.0], requires_grad=True)
    y = quantiser(x)
    assert not torch.equal(y, x)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1, 0, 0]


def test_weight_gradients_pass_straight_through() -> None:
    quantiser = weights(Pow2(), 0, 2)
    quantiser.observing = quantiser.quantising = True
    weight = torch.randn(2, 3, 3, 3, requires_grad=True)
    (quantiser(weight) * 2).sum().backward()
    assert weight.grad is not None
    # Of the pow2 scales with the least error some cut the largest weights off.
    kept = (weight.detach().abs() / quantiser.scale.view(-1, 1, 1, 1)) <= 127
    assert bool((weight.grad[kept] == 2).all())


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_learned_scales_move_towards_less_error(target: Target) -> None:
    torch.manual_seed(0)
    quantiser = activation(target)
    # Far too coarse.
    quantiser.scale.fill_(2.0)
    quantiser.zero_point.fill_(128 if quantiser.quant_min == 0 else 0)
    quantiser.quantising = True
    quantiser.learn()
    assert quantiser.is_learning
    x = torch.randn(4096)
    optimiser = torch.optim.Adam(quantiser.parameters(), lr=5e-3)
    before = float((quantiser(x).detach() - x).square().mean())
    for _ in range(60):
        optimiser.zero_grad()
        (quantiser(x) - x).square().mean().backward()
        assert quantiser.log_scale is not None
        assert quantiser.log_scale.grad is not None
        assert float(quantiser.log_scale.grad) != 0
        optimiser.step()
    quantiser.settle()
    assert not quantiser.is_learning
    assert float((quantiser(x) - x).square().mean()) < 0.1 * before
    if target.exact:
        assert float(torch.frexp(quantiser.scale).mantissa) == 0.5
    # Settled: what it rounds with is what a checkpoint keeps.
    assert torch.equal(quantiser.calculate_qparams()[0], quantiser.scale)


def test_nothing_is_seen_in_evaluation() -> None:
    quantiser = activation(Pow2())
    quantiser.observing = True
    quantiser.eval()
    quantiser(torch.tensor([5.0]))
    assert quantiser.observer.is_empty
    quantiser.train()
    quantiser(torch.tensor([5.0]))
    assert float(quantiser.observer.high) == 5


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_a_fixed_scale_stays(target: Target) -> None:
    """The network's input: every multiple of 1/128 in [-1, 1) survives, whatever is seen."""
    quantiser = activation(target, fixed_scale=2.0**-7)
    quantiser.observing = quantiser.quantising = True
    x = torch.arange(-128, 128) / 128
    assert torch.equal(quantiser(x), x)
    quantiser.set_from_observer()
    quantiser.learn()
    assert not quantiser.is_learning
    assert float(quantiser.scale) == 2.0**-7


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_a_silent_tensor_gets_the_scale_of_a_range_of_one(target: Target) -> None:
    quantiser = activation(target)
    quantiser.observing = True
    quantiser(torch.zeros(4))
    quantiser.set_from_observer()
    assert quantiser.is_silent
    expected, _ = target.activation_scale(torch.tensor(0.0), torch.tensor(1.0), quantiser.numbers)
    assert torch.equal(quantiser.scale, expected)
    quantiser.quantising = True
    assert float(quantiser(torch.zeros(1))) == 0
    assert float(quantiser(torch.tensor([0.9]))) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_observed_scales_follow_a_moving_average_of_ranges(target: Target) -> None:
    quantiser = activation(target)
    quantiser.scale.fill_(4.0)
    quantiser.follow()
    quantiser.observing = quantiser.quantising = True
    ends = np.array([quantiser.quant_min, quantiser.quant_max]) * 4.0
    batch = torch.tensor([-1.0, 3.0])
    for _ in range(700):
        quantiser(batch)
        ends += 0.01 * (np.array([-1, 3]) - ends)
    assert quantiser.range is not None
    np.testing.assert_allclose(quantiser.range.numpy(), ends, rtol=1e-3)
    expected, _ = target.activation_scale(*torch.tensor(ends, dtype=torch.float32), quantiser.numbers)
    assert float(quantiser.scale) == pytest.approx(float(expected), rel=1e-3)
    assert float(quantiser.scale) < 0.1
    # What an interrupted run needs to go on is in its state.
    assert "range" in quantiser.state_dict()
    quantiser.eval()
    quantiser(torch.tensor([1e6]))
    assert float(quantiser.scale) == pytest.approx(float(expected), rel=1e-3), "no test image moves a scale"
