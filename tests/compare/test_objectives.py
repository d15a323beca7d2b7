"""What a sweeper that learns hears of a job: one figure or several, the cost of a structure measured once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from stereo_exp.base.errors import UserError
from stereo_exp.suite.compare import costs
from stereo_exp.suite.compare.records import read_record
from stereo_exp.suite.compare.table import tabulate
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.sweep import Sweep, check_objectives, read_scores

MakeContext = Callable[..., RunContext]
BOTH = "objectives=[epe,latency_ms]"


def hydra(sweeper: str = "optuna", direction: Any = "minimize") -> Any:
    return OmegaConf.create({"runtime": {"choices": {"hydra/sweeper": sweeper}}, "sweeper": {"direction": direction}})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backbones that were measured."""
    asked: list[str] = []

    def measure(config: dict[str, Any]) -> dict[str, Any]:
        asked.append(config["model"]["backbone"]["name"])
        return {"parameters": 100, "gmac": 1.5, "latency_ms": 3.0 + len(asked)}

    monkeypatch.setattr(costs, "measure_costs", measure)
    return asked


def test_a_structure_is_measured_by_the_first_job_that_has_it(make_context: MakeContext, measured: list[str]) -> None:
    jobs = [make_context("tracker=none", BOTH, f"optim.lr={rate}", "model/backbone=tiny") for rate in (0.1, 0.2)]
    jobs.append(make_context("tracker=none", BOTH, "model/backbone=mobilenetv2"))
    found = [read_scores(job, {"epe": 1.25 + number}, hydra()) for number, job in enumerate(jobs)]
    assert found == [(1.25, 4.0), (2.25, 4.0), (3.25, 5.0)]
    assert len(measured) == 2


def test_the_report_of_a_sweep_knows_what_its_jobs_measured(make_context: MakeContext, measured: list[str]) -> None:
    job = make_context("tracker=none", BOTH)
    read_scores(job, {"epe": 1.0}, hydra())
    (job.dir / "report.json").write_text(json.dumps({"task": "train", "stage": "float", "epe": 1.0}))
    table = tabulate([read_record(job.dir)])
    costs.add_costs(table.rows, Path(job.config.root) / costs.CACHE_FILE, measure=False)
    assert [row.latency_ms for row in table.rows] == [4.0]


def test_one_objective_is_a_number(make_context: MakeContext, measured: list[str]) -> None:
    words = ("tracker=none", "objectives=[bad2]")
    assert read_scores(make_context("tracker=none"), {"epe": 1.5, "bad2": 0.25}, hydra()) == 1.5
    assert read_scores(make_context(*words), {"epe": 1.5, "bad2": 0.25}, hydra()) == 0.25
    # A sweep that does not learn asks for nothing.
    assert read_scores(make_context("tracker=none", BOTH), {"epe": 1.5}, hydra("basic")) == 1.5
    assert measured == []


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_run_without_the_figure_is_a_failed_one(make_context: MakeContext, measured: list[str], value: Any) -> None:
    with pytest.raises(UserError, match=r"objectives=epe: the run has no such figure"):
        read_scores(make_context("tracker=none", BOTH), {"epe": value}, hydra())


@pytest.mark.parametrize("words", ["[]", "[epe,epe]", "[epe,watts]"])
def test_what_cannot_be_judged_by_is_refused(make_context: MakeContext, words: str) -> None:
    with pytest.raises(UserError, match=r"^objectives="):
        make_context("tracker=none", f"objectives={words}")


def test_directions_come_of_themselves_or_must_be_as_many() -> None:
    names = ["epe", "latency_ms"]
    check_objectives(names, hydra())
    check_objectives(names, hydra(direction=["maximize", "minimize"]))
    check_objectives(names, OmegaConf.create({"sweeper": {"max_batch_size": None}}))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"direction=\[maximize\]: are 1 for 2 .*direction=\[minimize,minimize\]"):
        check_objectives(names, hydra(direction=["maximize"]))


@pytest.mark.parametrize(
    ("told", "wanted"), [("minimize", ["minimize"] * 2), (["maximize", "minimize"], ["maximize", "minimize"])]
)
def test_the_sweeper_is_told_of_several(told: Any, wanted: list[str], tmp_path: Path) -> None:
    config = OmegaConf.create(
        {
            "root": str(tmp_path),
            "objectives": ["epe", "latency_ms"],
            "hydra": {
                "sweep": {"dir": str(tmp_path / "none")},
                "sweeper": {"_target_": "optuna", "direction": told},
                "runtime": {"choices": {"hydra/launcher": "basic"}},
            },
        }
    )
    Sweep().on_multirun_start(config)
    assert list(config.hydra.sweeper.direction) == wanted
