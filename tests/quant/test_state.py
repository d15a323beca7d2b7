"""Checkpoints of quantised networks: what goes in comes out, foreign ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import outputs, same, small_config

from stereo_exp.base.errors import CheckpointError
from stereo_exp.model.checkpoint import load_checkpoint, save_checkpoint
from stereo_exp.quant.fake import ActivationQuantiser
from stereo_exp.quant.network import QuantisedStereoNet, convert
from stereo_exp.quant.state import integer_state
from stereo_exp.suite.restore import restore

Calibrated = Callable[..., QuantisedStereoNet]
TARGETS = ["pow2", "affine"]


def saved(path: Path, state: dict[str, Any], stage: str, *overrides: str) -> Path:
    config = asdict(small_config(*overrides)) | {"stage": stage}
    save_checkpoint(
        path, {"stage": stage, "step": 1, "num_steps": 1, "config": config, "run_id": None}, {"model": state}
    )
    return path


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("stage", ["calib", "int_infer"])
def test_round_trip(calibrated: Calibrated, tmp_path: Path, target: str, stage: str) -> None:
    overrides = (f"quant/target={target}", "quant.lift=[aggregation.final.*]", "quant.lift_bits=10")
    network = calibrated(*overrides)
    state = network.state_dict() if stage == "calib" else integer_state(network)
    path = saved(tmp_path / "c.safetensors", state, stage, *overrides)
    back = restore(load_checkpoint(path)).eval()
    assert same(outputs(back), outputs(network))
    assert same(outputs(convert(back)), outputs(convert(network)))


def test_an_integer_checkpoint_holds_integers_and_a_quarter_of_the_bytes(
    calibrated: Calibrated, tmp_path: Path
) -> None:
    network = calibrated("quant.lift=[aggregation.final.weight]", "quant.lift_bits=12")
    state = integer_state(network)
    kinds: dict[str, set[torch.dtype]] = {}
    for name, tensor in state.items():
        if ".quant." not in name:
            kinds.setdefault(name.rsplit(".", 1)[-1], set()).add(tensor.dtype)
    assert kinds == {"weight": {torch.int8, torch.int16}, "bias": {torch.int32}}
    assert state["trunk.aggregation.final.weight"].dtype == torch.int16
    weights = [n for n in state if n.endswith(".weight") and ".quant." not in n]
    assert sum(state[n].nbytes for n in weights) < 0.3 * sum(network.state_dict()[n].nbytes for n in weights)


def test_learned_scales_come_back_as_scales(calibrated: Calibrated, tmp_path: Path) -> None:
    network = calibrated()
    for quantiser in network.quantizers(ActivationQuantiser):
        quantiser.learn()
        if quantiser.log_scale is not None:
            # An octave up, as training might have moved it.
            quantiser.log_scale.data += 1 / 64
    network.train()
    outputs(network)
    network.eval()
    path = saved(tmp_path / "c.safetensors", network.state_dict(), "qat")
    back = restore(load_checkpoint(path)).eval()
    assert not any(q.is_learning for q in back.quantizers(ActivationQuantiser))
    assert same(outputs(back), outputs(network))


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("trunk.aggregation.final.weight"),
        lambda state: state.pop(next(n for n in state if n.endswith(".scale"))),
        lambda state: state.update(stranger=torch.zeros(1)),
        lambda state: state.update({"trunk.aggregation.final.weight": torch.zeros(3, 3, 1, 1)}),
        lambda state: state.update({"trunk.quant.aggregation-final-weight.scale": torch.ones(7)}),
    ],
    ids=["no weight", "no scale", "one too many", "other shape", "other number of scales"],
)
@pytest.mark.parametrize("integers", [False, True], ids=["qat", "int_infer"])
def test_a_checkpoint_of_another_network_is_refused(
    calibrated: Calibrated, tmp_path: Path, change: Callable[[dict[str, Any]], Any], integers: bool
) -> None:
    network = calibrated()
    state = dict(integer_state(network) if integers else network.state_dict())
    change(state)
    path = saved(tmp_path / "c.safetensors", state, "int_infer" if integers else "qat")
    with pytest.raises(CheckpointError) as caught:
        restore(load_checkpoint(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
