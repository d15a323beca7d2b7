"""Back to float: the same function, BatchNorms that training can go on with, statistics that stay where asked to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from small_networks import outputs, random_pairs, small_config
from torch import nn

from stereo_exp.model.colour import normalize
from stereo_exp.quant.network import QuantisedStereoNet
from stereo_exp.quant.unfolding import unfold
from stereo_exp.suite.build import build_network

BATCHES = [random_pairs(seed) for seed in range(3)]


def fresh(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    config = small_config()
    return build_network(config.model).eval()


def test_the_float_network_computes_what_the_unrounded_one_does(
    calibrated: Callable[..., QuantisedStereoNet],
) -> None:
    network, model = calibrated(seed=3), fresh(4)
    rounded = outputs(network)
    before = outputs(model)
    unfold(network, model, BATCHES)
    for a, b in zip(outputs(network), rounded, strict=True):
        assert torch.equal(a, b), "the quantised network stays as it is"
    network.quantize(False)
    wanted = outputs(network)
    for found, a, random in zip(outputs(model), wanted, before, strict=True):
        assert not torch.allclose(a, random, atol=1e-2)
        torch.testing.assert_close(found, a, atol=1e-4, rtol=1e-3)


def test_statistics_are_those_of_the_batches(calibrated: Callable[..., QuantisedStereoNet]) -> None:
    """In training mode on one batch that the statistics come from, BatchNorm has nothing to change."""
    network, model = calibrated(seed=3), fresh(4)
    unfold(network, model, BATCHES[:1])
    left, right = (normalize(view) for view in (BATCHES[0].left, BATCHES[0].right))
    with torch.no_grad():
        wanted = model(left, right)[0]
        found = model.train()(left, right)[0]
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=1e-2)


def test_statistics_of_batches_are_pooled_by_their_pixels(calibrated: Callable[..., QuantisedStereoNet]) -> None:
    network, together, apart = calibrated(seed=3), fresh(4), fresh(4)
    pairs = random_pairs(7, num=3)
    parts = [
        replace(pairs, left=pairs.left[part], right=pairs.right[part], keys=pairs.keys[part], sizes=pairs.sizes[part])
        for part in (slice(0, 1), slice(1, 3))
    ]
    assert unfold(network, together, [pairs]) == unfold(network, apart, parts) == 3
    for (name, a), b in zip(together.state_dict().items(), apart.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4, msg=name)


def test_without_pairs_nothing_is_done(calibrated: Callable[..., QuantisedStereoNet]) -> None:
    model = fresh(4)
    before = outputs(model)
    assert unfold(calibrated(seed=3), model, []) == 0
    assert all(torch.equal(a, b) for a, b in zip(outputs(model), before, strict=True))


@pytest.mark.parametrize("batches", [1, 3])
def test_every_batchnorm_is_measured(calibrated: Callable[..., QuantisedStereoNet], batches: int) -> None:
    network, model = calibrated(seed=3), fresh(4)
    norms = {n: m for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    for norm in norms.values():
        norm.running_mean.fill_(float("nan"))
    unfold(network, model, BATCHES[:batches])
    assert norms
    for name, norm in norms.items():
        assert bool(torch.isfinite(norm.running_mean).all()), name
        torch.testing.assert_close(norm.weight.square(), norm.running_var + norm.eps)
