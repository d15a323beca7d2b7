"""The whole integer network: float32-carried graph against the integer evaluator, and both against training's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_networks import random_pairs, small_config, tensors
from torch import Tensor
from torch.fx import Node

from stereo_exp.base.errors import UserError
from stereo_exp.model.colour import normalize
from stereo_exp.quant import ops
from stereo_exp.quant.fake import ActivationQuantiser
from stereo_exp.quant.integer import IntegerEvaluator, compare
from stereo_exp.quant.integer_ops import Integers
from stereo_exp.quant.network import QuantisedStereoNet, convert

Calibrated = Callable[..., QuantisedStereoNet]
SIZES = [(1, 32, 32), (2, 64, 96), (3, 32, 160), (1, 96, 64)]


def views(seed: int, batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    pairs = random_pairs(seed, batch, height, width)
    return normalize(pairs.left), normalize(pairs.right)


QUARTER = ("model/backbone=residual", "model/neck=decoder", "model/head=quarter")
NETWORKS = {
    "tiny": ("model/backbone=tiny",),
    "mobilenetv2": ("model/backbone=mobilenetv2",),
    "quarter": QUARTER,
    # Groups, partial units, weights for blocks of four cells.
    "quarter, otherwise": (
        *QUARTER,
        "model.volume.groups=2",
        "model.aggregation.unit=partial",
        "model.upsampling.neighbours=4",
        "model.upsampling.pixel=2",
    ),
}


@pytest.fixture(scope="module", params=NETWORKS)
def fake(request: pytest.FixtureRequest, calibrated: Calibrated) -> QuantisedStereoNet:
    return calibrated(*NETWORKS[request.param], seed=5)


@pytest.mark.parametrize(("batch", "height", "width"), SIZES)
def test_every_bit_agrees(fake: QuantisedStereoNet, batch: int, height: int, width: int) -> None:
    """Random weights, several sizes: all quantised tensors and both outputs of both walks, and training's outputs."""
    left, right = views(7, batch, height, width)
    trunk = convert(fake).trunk
    compared = list(compare(trunk, left, right))
    assert [(name, values) for name, equal, values in compared if equal != values] == []
    activations = list(fake.quantizers(ActivationQuantiser))
    assert len(compared) >= len(activations) + 2
    with torch.no_grad():
        for ours, theirs in zip(trunk(left, right), fake.trunk(left, right), strict=True):
            assert torch.equal(ours, theirs), "conversion changes the numbers that training saw"
    # The outputs vary: equality of constants would prove nothing.
    assert all(float(out.std()) > 0 for out in trunk(left, right))


def test_comparison_finds_a_changed_bit(fake: QuantisedStereoNet) -> None:
    """One stored weight off by one: the walks still agree with each other, not with the network before."""
    left, right = views(7, 1, 32, 64)
    trunk, changed = convert(fake).trunk, convert(fake).trunk
    before = [float(out.double().sum()) for out in trunk(left, right)]
    node = next(n for n in changed.graph.nodes if n.target in ops.CONVOLUTIONS)
    stored = changed.get_buffer(str(node.args[1].args[0].target))
    stored.view(-1)[0] += 1 if int(stored.view(-1)[0]) < 0 else -1
    assert all(equal == values for _, equal, values in compare(changed, left, right))
    assert [float(out.double().sum()) for out in changed(left, right)] != before


def test_comparison_finds_float_rounding(calibrated: Calibrated) -> None:
    """Scales that are no power of two are refused by the evaluator, in one line."""
    trunk = convert(calibrated("quant/target=affine")).trunk
    with pytest.raises(UserError, match="only power-of-two scales are integer arithmetic"):
        list(compare(trunk, *views(0, 1, 32, 32)))


class _Watched(IntegerEvaluator):
    """Notes the type of everything that any operator of the walk gets or makes."""

    def __init__(self, trunk: Any) -> None:
        super().__init__(trunk)
        self.types: dict[str, set[torch.dtype]] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(result, (Integers, Tensor)):
            parts = result if isinstance(result, Integers) else (result,)
            self.types[n.name] = {part.dtype for part in parts}
        return result


def test_no_float_anywhere_in_the_walk(fake: QuantisedStereoNet) -> None:
    trunk = convert(fake).trunk
    watched = _Watched(trunk)
    with torch.no_grad():
        outputs = watched.run(*views(3, 1, 32, 64))
    operators = (n for n in trunk.graph.nodes if isinstance(n.target, torch._ops.OpOverload))
    calls = {n.name for n in operators if "sym_size" not in str(n.target)}
    assert watched.types.keys() == calls
    assert len(calls) > 250
    for name, types in watched.types.items():
        assert types == {torch.int64}, name
    assert all(isinstance(out, Integers) for out in outputs)
    assert all(not out.value.is_floating_point() for out in outputs)


def test_convolutions_without_a_bias(calibrated: Calibrated) -> None:
    """The network has such convolutions (superpixel branch), and they are exact as well."""
    fake = calibrated(seed=2)
    without = [
        n for n in fake.trunk.graph.nodes if n.target in ops.CONVOLUTIONS and (len(n.args) < 3 or n.args[2] is None)
    ]
    assert without
    assert all(equal == values for _, equal, values in compare(convert(fake).trunk, *views(1, 1, 64, 64)))


@pytest.mark.parametrize("target", ["pow2", "affine"])
def test_conversion_keeps_trainings_numbers(calibrated: Calibrated, target: str) -> None:
    fake = calibrated(f"quant/target={target}", seed=4)
    network = convert(fake)
    left, right = views(11, 2, 64, 96)
    with torch.no_grad():
        for ours, theirs in zip(*(tensors(n(left, right)) for n in (network, fake)), strict=True):
            assert torch.equal(ours, theirs)
    assert small_config(f"quant/target={target}").quant.target.name == target


@pytest.mark.parametrize("bits", [12, 16])
def test_lifted_activations_convert(calibrated: Calibrated, bits: int) -> None:
    """Wider tensors: conversion keeps the numbers; whether float32 carries them is for the bounds to say."""
    fake = calibrated("quant.lift=[aggregation.final.weight,neck.add]", f"quant.lift_bits={bits}", seed=4)
    left, right = views(11, 1, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(convert(fake).trunk(left, right), fake.trunk(left, right), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
