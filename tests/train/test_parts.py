"""The small parts of training: schedule, decay groups, EMA, precision, and the guards of a step."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stereo_exp.base.errors import UserError
from stereo_exp.config import parts as schema
from stereo_exp.config.model import StereoNetPlus
from stereo_exp.config.parts import FPN, MixVarGENet
from stereo_exp.config.training import Adam, AdamW, Distribution, Machine, Optim
from stereo_exp.data.loader import StereoBatch
from stereo_exp.suite.build import build_loss, build_network
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.train.device import Compute, choose
from stereo_exp.suite.train.optim import EMA, build_optimizer, warmup_cosine
from stereo_exp.suite.train.step import train_step

CPU = Compute(torch.device("cpu"), None)
LOSS = build_loss(Distribution())


def tiny_model() -> nn.Module:
    torch.manual_seed(0)
    backbone = MixVarGENet(width=0.25, units=[0, 0, 0, 0, 0])
    parts = {
        "volume": schema.PyramidVolume(),
        "aggregation": schema.AdaptiveAggregation(num_modules=1),
        "upsampling": schema.DeconvolutionUpsampling(),
        "readout": schema.Expectation(),
    }
    return build_network(StereoNetPlus(maxdisp=32, backbone=backbone, neck=FPN(), **parts))


def batch(truth: float | torch.Tensor = 10.0, size: tuple[int, int] = (32, 64)) -> StereoBatch:
    generator = torch.Generator().manual_seed(1)
    left, right = torch.randint(0, 256, (2, 2, 3, *size), generator=generator, dtype=torch.uint8)
    disparity = torch.as_tensor(truth, dtype=torch.float32).expand(2, *size).clone()
    return StereoBatch(left, right, disparity, None, ["a", "b"], [size, size], [0, 1])


@given(st.integers(1, 5000), st.integers(0, 600))
def test_schedule_rises_from_zero_and_falls_to_zero(num_steps: int, num_warmup: int) -> None:
    num_warmup = min(num_warmup, num_steps - 1)
    rates = [warmup_cosine(s, num_steps, num_warmup) for s in range(num_steps)]
    assert all(0 <= r <= 1 for r in rates)
    assert rates[num_warmup] == 1
    assert rates[0] == (0 if num_warmup else 1)
    assert all(a < b for a, b in pairwise(rates[: num_warmup + 1]))
    assert all(a > b for a, b in pairwise(rates[num_warmup:]))
    assert warmup_cosine(num_steps, num_steps, num_warmup) == pytest.approx(0, abs=1e-12)


def test_schedule_is_the_published_formula() -> None:
    assert warmup_cosine(5_540 + 26_315, 110_800, 5_540) == pytest.approx(
        (1 + math.cos(math.pi * 26_315 / 105_260)) / 2
    )
    assert warmup_cosine(2_770, 110_800, 5_540) == 0.5


@pytest.mark.parametrize(("config", "kind"), [(Adam(), torch.optim.Adam), (AdamW(), torch.optim.AdamW)])
def test_decay_is_on_weights_only(config: Adam | AdamW, kind: type) -> None:
    model = tiny_model()
    optimiser = build_optimizer(config, model)
    assert type(optimiser) is kind
    names = {p: n for n, p in model.named_parameters()}
    decayed, plain = ([names[p] for p in g["params"]] for g in optimiser.param_groups)
    assert [g["weight_decay"] for g in optimiser.param_groups] == [config.weight_decay, 0]
    assert decayed
    assert all(n.endswith("weight") for n in decayed)
    assert plain
    assert all(n.endswith("bias") for n in plain)
    assert len(decayed) + len(plain) == len(names)


def test_learning_rate_is_scaled_by_the_stage() -> None:
    optimiser = build_optimizer(Adam(lr=1e-3, lr_scale=0.025), tiny_model())
    assert optimiser.param_groups[0]["lr"] == pytest.approx(2.5e-5)


def test_ema_follows_weights_and_statistics() -> None:
    model = tiny_model()
    ema = EMA(model, 0.9)
    start = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    ema.update(model, step=1000)
    for key, value in ema.model.state_dict().items():
        expected = start[key] + (0.1 if value.is_floating_point() else 1)
        torch.testing.assert_close(value, expected.to(value.dtype), msg=key)


def test_ema_forgets_its_start_soon() -> None:
    model = tiny_model()
    ema = EMA(model, 0.999)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    for step in range(30):
        ema.update(model, step)
    assert all((p - 1).abs().max() < 0.01 for p in ema.model.parameters())


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_precision_as_asked(precision: str) -> None:
    compute = choose(Machine(device="cpu", precision=precision))
    assert compute.device.type == "cpu"
    if precision != "auto":
        assert compute.autocast == {"fp32": None, "bf16": torch.bfloat16}[precision]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(UserError, match=r"machine.device=cuda: .*use machine.device=cpu"):
        choose(Machine(device="cuda"))


def step(model: nn.Module, optimiser: torch.optim.Optimizer, data: StereoBatch, compute: Compute = CPU):
    return train_step(model, LOSS, optimiser, data, 32, compute, Process(), grad_clip=None)


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
@pytest.mark.parametrize("config", [Adam(lr=1e-2), AdamW(lr=1e-2)])
def test_steps_bring_the_loss_down(config: Optim, precision: torch.dtype | None) -> None:
    model = tiny_model()
    optimiser = build_optimizer(config, model)
    compute = Compute(torch.device("cpu"), precision)
    results = [step(model, optimiser, batch(20.0), compute) for _ in range(40)]
    assert all(r.kind == "done" for r in results)
    assert results[-1].loss < 0.5 * results[0].loss
    assert results[-1].epe < results[0].epe


def frozen(model: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


@pytest.mark.parametrize("truth", [0.0, -1.0, 32.0, 500.0, float("nan")])
def test_an_empty_mask_changes_nothing(truth: float) -> None:
    model = tiny_model()
    optimiser = build_optimizer(Adam(), model)
    before = frozen(model)
    assert step(model, optimiser, batch(truth)).kind == "empty"
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not optimiser.state


def test_a_batch_without_pairs_changes_nothing() -> None:
    data = batch()
    none = StereoBatch(data.left[:0], data.right[:0], data.disparity[:0], None, [], [], [], skipped=[("a", "b")])
    model = tiny_model()
    optimiser = build_optimizer(Adam(), model)
    before = frozen(model)
    assert step(model, optimiser, none).kind == "empty"
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not optimiser.state


def test_a_non_finite_gradient_moves_no_weight() -> None:
    model = tiny_model()
    optimiser = build_optimizer(Adam(), model)
    with torch.no_grad():
        model.aggregation.final.bias[0] = float("nan")
    before = {k: v.clone() for k, v in model.named_parameters()}
    assert step(model, optimiser, batch()).kind == "bad"
    assert not optimiser.state
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.nan_to_num(), before[name].nan_to_num()), name


def test_clipping_limits_the_update() -> None:
    def moved(clip: float | None) -> float:
        model = tiny_model()
        optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
        before = torch.cat([p.detach().flatten() for p in model.parameters()])
        train_step(model, LOSS, optimiser, batch(), 32, CPU, Process(), clip)
        return float((torch.cat([p.detach().flatten() for p in model.parameters()]) - before).norm())

    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)
    assert moved(None) > 0.02
