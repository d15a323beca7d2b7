"""`stage=float init_from=` a network with wider units: what it knew is kept, and the narrow one goes its own way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from entrypoint import Chain, stage
from in_process import Outcome

from stereo_exp.model.checkpoint import load_checkpoint

# The chain's network has [2,4,4,2,2]: every unit gets half the channels.
SLIM = "model.backbone.expansion=[1,2,2,1,1]"
# So few and small steps that the figures are those of the weights that training started from.
STEPS = ("optim.steps=2", "optim.warmup_steps=0", "optim.ema_decay=0", "optim.lr=1e-7", "train.eval_every=0")
QUIET = "eval.pictures=0"


def from_(chain: Chain, before: str) -> str:
    return f"init_from={chain.reports[before]['checkpoint']}"


@pytest.fixture(scope="module")
def narrowed(chain: Chain) -> dict[str, Any]:
    """The report of a short float run from the chain's float network, as name=narrowed."""
    return stage(chain.root, "float", "name=narrowed", SLIM, from_(chain, "float"), *STEPS, QUIET).report


def log_of(report: dict[str, Any]) -> str:
    return (Path(report["run_dir"]) / "stereo_exp.log").read_text()


def test_the_wide_network_is_narrowed(chain: Chain, narrowed: dict[str, Any]) -> None:
    wide = chain.reports["float"]
    assert narrowed["init_from"] == wide["checkpoint"]
    assert narrowed["num_parameters"] < 0.8 * wide["num_parameters"]
    log = log_of(narrowed)
    middles = {"0.0": (16, 32), "1.0": (32, 64), "2.0": (32, 64), "3.0": (16, 32), "3.1": (32, 64), "4.0": (32, 64)}
    for unit, (ours, theirs) in middles.items():
        assert f"backbone.stages.{unit}: {ours} of {theirs} channels; " in log
    assert log.count(" channels; ") == len(middles)
    checkpoint = load_checkpoint(Path(narrowed["checkpoint"]))
    assert checkpoint.meta["config"]["model"]["backbone"]["expansion"] == [1, 2, 2, 1, 1]
    assert [link["stage"] for link in checkpoint.meta["lineage"]] == ["float"]
    assert checkpoint.meta["lineage"][0]["checkpoint"] == wide["checkpoint"]


def test_what_the_wide_network_knew_is_kept(chain: Chain, narrowed: dict[str, Any]) -> None:
    random = stage(chain.root, "float", "name=random", SLIM, *STEPS, QUIET).report
    lost = narrowed["epe"] - chain.reports["float"]["epe"]
    assert abs(lost) < 0.1 * (random["epe"] - chain.reports["float"]["epe"])


def test_the_stage_behind_finds_it_by_name(chain: Chain, narrowed: dict[str, Any]) -> None:
    report = stage(chain.root, "calib", "name=narrowed", SLIM, QUIET).report
    assert report["init_from"] == narrowed["checkpoint"]
    assert report["epe"] == pytest.approx(narrowed["epe"], rel=0.3)
    line = stage(chain.root, "calib", "name=narrowed", QUIET).error_line
    assert line.startswith("error: model.backbone.expansion=[2.0, 4.0, 4.0, 2.0, 2.0]: ")
    assert "add model.backbone.expansion=[1.0,2.0,2.0,1.0,1.0]" in line


@pytest.mark.parametrize("before", ["calib", "qat"])
def test_a_quantised_network_is_narrowed_too(chain: Chain, before: str) -> None:
    """First it becomes a float network of its own width."""
    words = ("model.backbone.expansion=[2,2,4,2,1]", from_(chain, before), *STEPS, QUIET)
    report = stage(chain.root, "float", f"name=narrowed-{before}", *words).report
    assert report["init_from"] == chain.reports[before]["checkpoint"]
    assert report["num_parameters"] < chain.reports["float"]["num_parameters"]
    log = log_of(report)
    for unit in ("1.0", "4.0"):
        assert f"backbone.stages.{unit}: 32 of 64 channels; " in log
    assert log.count(" channels; ") == 2
    lineage = load_checkpoint(Path(report["checkpoint"])).meta["lineage"]
    assert [link["stage"] for link in lineage] == ["float", "calib", "qat"][: 2 if before == "calib" else 3]
    assert report["epe"] == pytest.approx(chain.reports[before]["epe"], rel=0.2)


def refused(outcome: Outcome, expansion: str, theirs: str = "[2.0,4.0,4.0,2.0,2.0]") -> None:
    assert outcome.error_line.startswith(f"error: model.backbone.expansion={expansion}: ")
    assert f"add model.backbone.expansion={theirs}" in outcome.error_line


@pytest.mark.parametrize("before", ["float", "qat"])
@pytest.mark.parametrize("expansion", ["[4.0, 4.0, 4.0, 2.0, 2.0]", "[1.0, 2.0, 2.0, 1.0, 2.5]"])
def test_a_network_is_never_widened(chain: Chain, before: str, expansion: str) -> None:
    """Not even where other units are narrower."""
    words = (f"model.backbone.expansion={expansion.replace(' ', '')}", from_(chain, before), "name=wider")
    refused(stage(chain.root, "float", *words), expansion)


@pytest.mark.parametrize(("name", "before"), [("calib", "float"), ("qat", "calib"), ("int_infer", "qat")])
def test_only_float_training_narrows(chain: Chain, name: str, before: str) -> None:
    refused(stage(chain.root, name, SLIM, from_(chain, before), "name=other"), "[1.0, 2.0, 2.0, 1.0, 1.0]")


def test_a_network_that_differs_in_more_is_not_narrowed(chain: Chain) -> None:
    """The message is about what differs, not about the width, which may."""
    words = ("model.backbone.units=[0,0,0,0,0]", SLIM, from_(chain, "float"), "name=other")
    line = stage(chain.root, "float", *words).error_line
    assert line.startswith("error: model.backbone.units=[0, 0, 0, 0, 0]: ")
    assert "add model.backbone.units=[0,0,0,1,0] or" in line


def test_a_checkpoint_of_a_wider_network_is_not_evaluated_as_a_narrow_one(chain: Chain) -> None:
    words = ("task=eval", SLIM, f"checkpoint={chain.reports['float']['checkpoint']}")
    refused(stage(chain.root, "float", *words), "[1.0, 2.0, 2.0, 1.0, 1.0]")
