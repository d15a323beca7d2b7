"""Every option of quantisation's config groups, through the entrypoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from entrypoint import Chain, stage

from stereo_exp.config import conf_dir
from stereo_exp.config.quant import ACTIVATION_SCALES


def options(group: str) -> list[str]:
    return sorted(f.stem for f in (conf_dir() / group).glob("*.yaml"))


# Every observer with one target, every target with one observer; the rest takes long.
PAIRS = [
    pytest.param(target, observer, marks=() if target == "pow2" or observer == "percentile" else pytest.mark.long)
    for target in options("quant/target")
    for observer in options("quant/observer")
]


@pytest.mark.parametrize(("target", "observer"), PAIRS)
def test_calibration(chain: Chain, target: str, observer: str) -> None:
    start = chain.reports["float"]["checkpoint"]
    words = [f"quant/target={target}", f"quant/observer={observer}", f"init_from={start}", "eval.pictures=0"]
    report = stage(chain.root, "calib", f"name={target}-{observer}", *words).report
    assert (report["target"], report["observer"]) == (target, observer)
    assert report["num_calibration_pairs"] == 16
    assert report["epe"] < 1.5 * chain.reports["float"]["epe"]


@pytest.mark.parametrize("scales", ACTIVATION_SCALES)
@pytest.mark.parametrize("target", options("quant/target"))
def test_training_with_scales(chain: Chain, target: str, scales: str) -> None:
    name = f"name={target}-percentile"
    if target == "pow2":
        name = f"init_from={chain.reports['calib']['checkpoint']}"
    elif not list(chain.root.glob(f"{target}-percentile/calib/*")):
        start = chain.reports["float"]["checkpoint"]
        assert stage(chain.root, "calib", name, f"quant/target={target}", f"init_from={start}").code == 0
    words = [f"quant/target={target}", f"quant.stage.scales={scales}", "optim.steps=20", "optim.lr_scale=1"]
    report = stage(chain.root, "qat", name, *words, "train.eval_every=0", "train.log_every=1", "eval.pictures=0").report
    assert report["num_steps"] == 4
    assert report["num_bad_steps"] == 0
    assert report["epe"] < 1.5 * chain.reports["float"]["epe"]
    log = (Path(report["run_dir"]) / "stereo_exp.log").read_text()
    assert "step 2: scales frozen" in log


@pytest.mark.long
def test_sensitivity_ranks_every_layer(chain: Chain) -> None:
    words = ["quant.sensitivity=true", "quant.sensitivity_pairs=1", "name=ranked", "eval.pictures=0"]
    outcome = stage(chain.root, "calib", *words, f"init_from={chain.reports['float']['checkpoint']}")
    ranking = outcome.report["sensitivity"]
    assert [r["epe_lost"] for r in ranking] == sorted((r["epe_lost"] for r in ranking), reverse=True)
    assert len({r["epe_lost"] for r in ranking}) > 10
    names = {tensor for r in ranking for tensor in r["tensors"]}
    assert {layer["name"] for layer in outcome.report["layers"]} <= names
    assert "layers by the EPE lost when only they are quantised" in outcome.out
    # The ranking's names are what quant.lift takes.
    worst = ranking[0]["tensors"]
    lifted = stage(
        chain.root,
        "calib",
        "name=lifted",
        f"quant.lift={json.dumps(worst)}".replace('"', "").replace(" ", ""),
        f"init_from={chain.reports['float']['checkpoint']}",
        "eval.pictures=0",
    ).report
    bits = {layer["name"]: layer["bits"] for layer in lifted["layers"]}
    assert {name for name, b in bits.items() if b == 16} == set(worst) & set(bits)


def test_lifting_beyond_float32_is_told_by_int_infer(chain: Chain) -> None:
    words = ["quant.lift=[backbone.*]", "quant.lift_bits=16", "name=wide", "eval.pictures=0"]
    start = chain.reports["float"]["checkpoint"]
    assert stage(chain.root, "calib", *words, f"init_from={start}").report["epe"] > 0
    line = stage(chain.root, "int_infer", *words).error_line
    assert "2^24" in line
    assert "lift fewer tensors" in line
