"""Muon: what it makes orthogonal, what it leaves to Adam, and how far a step goes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stereo_exp.suite.train.muon import Muon

RATE = 0.01


def convolution(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Conv2d:
    torch.manual_seed(0)
    made = nn.Conv2d(inputs, outputs, kernel, groups=groups)
    return made.to(memory_format=torch.channels_last)


def step_of(layer: nn.Module, decay: float = 0.0, steps: int = 1) -> list[torch.Tensor]:
    """By how much each parameter moves in the last of some steps, whose gradients are drawn anew."""
    optimiser = Muon([{"params": list(layer.parameters()), "weight_decay": decay}], lr=RATE)
    before: list[torch.Tensor] = []
    for number in range(steps):
        generator = torch.Generator().manual_seed(number)
        for parameter in layer.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        before = [parameter.detach().clone() for parameter in layer.parameters()]
        optimiser.step()
    return [parameter.detach() - old for parameter, old in zip(layer.parameters(), before, strict=True)]


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(16, 24, 3), (8, 96, 1), (48, 48, 1), (3, 16, 3)])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_is_as_long_in_every_direction(inputs: int, outputs: int, kernel: int, steps: int) -> None:
    moved = step_of(convolution(inputs, outputs, kernel), steps=steps)[0].flatten(1)
    shape = moved.shape
    values = torch.linalg.svdvals(moved / (RATE * 0.2 * max(shape) ** 0.5))
    # What five iterations promise: not 1, but about 1.
    assert values.min() > 0.3 and values.max() < 1.3
    assert moved.square().mean().sqrt() == pytest.approx(0.2 * RATE, rel=0.2)


def test_the_rest_moves_as_adam_moves_it() -> None:
    layers = [nn.Sequential(convolution(8, 8, groups=8), nn.BatchNorm2d(8)) for _ in range(2)]
    moved = step_of(layers[0], decay=0.1, steps=2)
    optimiser = torch.optim.AdamW(layers[1].parameters(), lr=RATE, weight_decay=0.1)
    for number in range(2):
        generator = torch.Generator().manual_seed(number)
        for parameter in layers[1].parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        before = [parameter.detach().clone() for parameter in layers[1].parameters()]
        optimiser.step()
    for found, parameter, old in zip(moved, layers[1].parameters(), before, strict=True):
        assert torch.equal(found, parameter.detach() - old)


def test_weights_decay_apart_from_the_gradient() -> None:
    still, layer = convolution(16, 24), convolution(16, 24)
    plain, decayed = step_of(still)[0], step_of(layer, decay=0.5)[0]
    assert torch.allclose(decayed - plain, -RATE * 0.5 * convolution(16, 24).weight.detach(), atol=1e-7)


def test_one_rate_is_for_both() -> None:
    layer = convolution(16, 24)
    optimiser = Muon(layer.parameters(), lr=RATE)
    assert len(optimiser.param_groups) == 2
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    before = [parameter.detach().clone() for parameter in layer.parameters()]
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
