"""From a wide network to a narrow one: nothing is lost where nothing was needed, and little where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from small_networks import outputs, random_pairs, same, small_config
from torch import Tensor, nn

from stereo_exp.data.loader import StereoBatch, collate
from stereo_exp.model.colour import normalize
from stereo_exp.model.mixvargenet import MixVarGEUnit
from stereo_exp.quant.narrowing import narrow
from stereo_exp.suite.build import build_network

WIDE, SLIM = "[2,4,4,2,2]", "[1,2,2,1,1]"
BATCHES = [random_pairs(seed) for seed in range(2)]
NO_PAIRS = collate([], [], skipped=[("a.png", "broken")])
State = dict[str, Tensor]


def build(expansion: str = WIDE, seed: int = 0, *overrides: str) -> nn.Module:
    """Random weights, and BatchNorms that tell their channels apart as those of a trained network do."""
    torch.manual_seed(seed)
    config = small_config(f"model.backbone.expansion={expansion}", *overrides)
    model = build_network(config.model).eval()
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
        nn.init.normal_(norm.running_mean, 0, 0.1)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        norm.num_batches_tracked.fill_(5)
    return model


def copy_of(model: nn.Module) -> State:
    return {key: value.clone() for key, value in model.state_dict().items()}


def equal(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def units(model: nn.Module) -> dict[str, MixVarGEUnit]:
    return {name: unit for name, unit in model.named_modules() if isinstance(unit, MixVarGEUnit)}


def middles(model: nn.Module) -> list[int]:
    return [unit.middle for unit in units(model).values()]


def with_channels(wide: nn.Module, slim: nn.Module, channels: Callable[[MixVarGEUnit, int], Tensor]) -> nn.Module:
    """`slim` with the weights of `wide` in these channels of its units, and nothing made up for."""
    state = copy_of(wide)
    for name, unit in units(wide).items():
        kept = channels(unit, units(slim)[name].middle)
        for key in [key for key in state if key.startswith(f"{name}.conv1.") and state[key].ndim]:
            state[key] = state[key][kept]
        state[f"{name}.conv2.0.weight"] = state[f"{name}.conv2.0.weight"][:, kept]
    slim.load_state_dict(state)
    return slim


def first_of_each_group(unit: MixVarGEUnit, count: int) -> Tensor:
    return torch.arange(unit.middle).view(unit.groups, -1)[:, : count // unit.groups].flatten()


def kept_channels(wide: MixVarGEUnit, slim: MixVarGEUnit) -> list[int]:
    """Which filters of the wide unit the other one has, by their weights; each must be there once."""
    alike = (slim.conv1[0].weight[:, None] == wide.conv1[0].weight).flatten(2).all(2)
    assert alike.sum(1).tolist() == [1] * slim.middle, "a filter that the wide network has not"
    return alike.int().argmax(1).tolist()


def distances(model: nn.Module, other: nn.Module, pairs: StereoBatch) -> list[float]:
    """How far the backbone's five maps are apart, for what there is to them."""
    with torch.no_grad():
        maps, wanted = (m.backbone(normalize(pairs.left)) for m in (model, other))
    return [float((a - b).norm() / (b - b.mean()).norm()) for a, b in zip(maps, wanted, strict=True)]


# 1.9 · 16 channels are as many as 2 · 16, in whole groups of 16.
@pytest.mark.parametrize("expansion", [WIDE, "[1.9,4,4,2,2]"])
def test_with_the_same_channels_nothing_changes(expansion: str) -> None:
    wide, model = build(), build(expansion, seed=1)
    assert not same(outputs(model), outputs(wide))
    assert narrow(wide, model, BATCHES) == 4
    assert equal(model.state_dict(), wide.state_dict())
    assert same(outputs(model), outputs(wide))


@pytest.mark.parametrize("expansion", [SLIM, "[2,4,2,1,2]"])
def test_the_rest_of_the_network_is_taken_as_it_is(expansion: str) -> None:
    wide, slim = build(), build(expansion, seed=1)
    narrow(wide, slim, BATCHES)
    narrowed = {name for name, unit in units(wide).items() if unit.middle != units(slim)[name].middle}
    assert narrowed
    theirs, ours = wide.state_dict(), slim.state_dict()
    inside = tuple(f"{name}.{part}." for name in narrowed for part in ("conv1", "conv2.0"))
    rest = [key for key in ours if not key.startswith(inside)]
    assert all(torch.equal(ours[key], theirs[key]) for key in rest)
    # Of conv1 the channels that stay are as they were, with all that BatchNorm knows of them.
    for name in narrowed:
        kept = kept_channels(units(wide)[name], units(slim)[name])
        for key in [key for key in ours if key.startswith(f"{name}.conv1.")]:
            assert torch.equal(ours[key], theirs[key][kept] if theirs[key].ndim else theirs[key]), key


def test_copies_of_channels_are_not_missed() -> None:
    """Every channel twice, in each group, with the weights of one shared out between both."""
    source, wide, slim = build(SLIM), build(), build(SLIM, seed=1)
    state = wide.state_dict() | {k: v for k, v in copy_of(source).items() if v.shape == wide.state_dict()[k].shape}
    for name in units(source):
        for key in [key for key in state if key.startswith(f"{name}.conv1.") and state[key].ndim]:
            state[key] = source.state_dict()[key].repeat_interleave(2, 0)
        weight = source.state_dict()[f"{name}.conv2.0.weight"]
        share = torch.randn_like(weight)
        state[f"{name}.conv2.0.weight"] = torch.stack([share, weight - share], dim=2).flatten(1, 2)
    wide.load_state_dict(state)
    wanted = outputs(wide)
    for a, b in zip(wanted, outputs(source), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3, msg="the wide network computes what its source does")
    narrow(wide, slim, BATCHES)
    assert middles(slim) == middles(source) == [middle // 2 for middle in middles(wide)]
    for found, a in zip(outputs(slim), wanted, strict=True):
        torch.testing.assert_close(found, a, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seed", range(2))
def test_far_closer_than_with_the_first_channels(seed: int) -> None:
    """On pairs that nothing was fitted on, at every stride. Only the best channels, not fitted anew, lie between."""
    wide, slim, first, unfitted = build(seed=seed), build(SLIM, 5), build(SLIM, 6), build(SLIM, 7)
    narrow(wide, slim, BATCHES)
    with_channels(wide, first, first_of_each_group)
    chosen = {unit: torch.tensor(kept_channels(unit, units(slim)[name])) for name, unit in units(wide).items()}
    with_channels(wide, unfitted, lambda unit, count: chosen[unit])
    ours, theirs, between = (distances(model, wide, random_pairs(9)) for model in (slim, first, unfitted))
    assert all(a < 0.5 * b for a, b in zip(ours, theirs, strict=True))
    assert sum(ours) < 0.5 * sum(between)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batches", [BATCHES, [NO_PAIRS]], ids=["pairs", "no pairs"])
def test_the_wide_network_stays_as_it_is(training: bool, batches: list[StereoBatch]) -> None:
    wide = build().train(training)
    before = copy_of(wide)
    narrow(wide, build(SLIM, seed=1), batches)
    assert equal(wide.state_dict(), before)
    for module in wide.modules():
        assert module.training == training
        assert not module._forward_pre_hooks
        assert not module._forward_hooks


@pytest.mark.parametrize("batches", [[], [NO_PAIRS]], ids=["no batches", "all skipped"])
def test_without_pairs_nothing_is_done(batches: list[StereoBatch], caplog: pytest.LogCaptureFixture) -> None:
    slim = build(SLIM, seed=1)
    before = copy_of(slim)
    assert narrow(build(), slim, batches) == 0
    assert equal(slim.state_dict(), before)
    assert ("skipped a.png: broken" in caplog.text) == bool(batches)


def test_every_pixel_of_every_batch_counts_the_same() -> None:
    wide, together, apart = build(), build(SLIM, seed=1), build(SLIM, seed=2)
    pairs = random_pairs(7, num=3)
    parts = [
        replace(pairs, left=pairs.left[part], right=pairs.right[part], keys=pairs.keys[part], sizes=pairs.sizes[part])
        for part in (slice(0, 1), slice(1, 3))
    ]
    assert narrow(wide, together, [pairs]) == narrow(wide, apart, [parts[0], NO_PAIRS, parts[1]]) == 3
    for (name, a), b in zip(together.state_dict().items(), apart.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize(("parameter", "value"), [("weight", 0.0), ("running_var", 1e30)])
def test_channels_serve_the_outputs_that_come_through_batchnorm(parameter: str, value: float) -> None:
    """The first half of a unit's channels makes only outputs, loud ones, of which BatchNorm leaves nothing."""
    wide, slim = build(), build(SLIM, seed=1)
    name, unit = next(iter(units(wide).items()))
    with torch.no_grad():
        weight = unit.conv2[0].weight
        weight[:8, :16] *= 100
        weight[8:, :16] = 0
        getattr(unit.conv2[1], parameter)[:8] = value
    narrow(wide, slim, BATCHES)
    assert kept_channels(unit, units(slim)[name]) == list(range(16, 32))


def test_grouped_stages_keep_equally_many_channels_of_each_group(caplog: pytest.LogCaptureFixture) -> None:
    """So that the slim network's groups see the inputs that the wide one's did."""
    words = ("model.backbone.width=0.5", "model.backbone.units=[0,0,0,1,1]")
    wide, slim = build(WIDE, 0, *words), build("[2,4,4,1,1]", 1, *words)
    with caplog.at_level("INFO"):
        narrow(wide, slim, BATCHES[:1])
    seen = set()
    for name, unit in units(wide).items():
        ours, kept = units(slim)[name], kept_channels(unit, units(slim)[name])
        told = f"{name}: {ours.middle} of {unit.middle} channels; "
        if name < "backbone.stages.3":
            assert kept == list(range(unit.middle))
            assert told not in caplog.text
            continue
        assert told in caplog.text
        groups = [channel * unit.groups // unit.middle for channel in kept]
        assert kept == sorted(kept)
        assert [groups.count(g) for g in range(unit.groups)] == [ours.middle // ours.groups] * ours.groups
        assert kept != first_of_each_group(unit, ours.middle).tolist(), "nothing was chosen"
        seen.add(unit.groups)
    assert seen == {2, 3, 5}
    assert all(bool(torch.isfinite(value).all()) for value in outputs(slim))
