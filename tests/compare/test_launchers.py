"""Sweeps on Hydra's launchers and on Optuna, each where it is installed: docs/howto/sweeps.md says how."""

from __future__ import annotations

import csv
import json
import sys
import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from command_line import command
from in_process import Outcome

LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra_submitit_launcher", "hydra.launcher.timeout_min=10"),
    "ray": ("hydra_ray_launcher", "+hydra.launcher.ray.init.num_cpus=2"),
}
SMALL = ("experiment=smoke", "tracker=none", "eval.pictures=0", "machine.threads=1", "name=a", "optim.steps=1",
         "dataset.num_train=4", "dataset.num_test=1", "train.eval_every=0")  # fmt: skip
pytestmark = pytest.mark.long


def needs(plugin: str) -> None:
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed here; it wants an environment of its own")


def sweep(root: Path, *words: str) -> tuple[Outcome, list[dict[str, str]]]:
    """What a sweep said, and the rows of its table."""
    outcome = command(sys.executable, "-m", "stereo_exp", "-m", *SMALL, f"root={root}", *words, cwd=root, timeout=1800)
    (table,) = root.glob("a/sweep/*/runs.csv")
    with table.open() as file:
        return outcome, list(csv.DictReader(file))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_chain_stays_one_and_a_failed_job_stops_no_other(tmp_path: Path, launcher: str) -> None:
    """Two chains, typed backwards, in two slots; one of the float jobs cannot be what it is asked to be."""
    plugin, slots = LAUNCHERS[launcher]
    needs(plugin)
    words = (f"hydra/launcher={launcher}", slots, "stage=calib,float", "loss.modes=1,3")
    outcome, rows = sweep(tmp_path, *words)
    assert outcome.code == 2, outcome.err[-3000:]
    assert outcome.err.splitlines()[-1] == "error: 2 of 4 jobs have no result: see the table above"
    found = {(row["stage"], row["loss.modes"]): row for row in rows}
    assert [found[stage, "1"]["status"] for stage in ("float", "calib")] == ["done", "done"]
    for stage in ("float", "calib"):
        assert found[stage, "3"]["status"] == "failed"
        assert found[stage, "3"]["last"].startswith("error: loss.modes=3: ")


def slowness() -> float:
    """How many times as long as alone a second of work takes on this machine now: others may use it."""
    began, end = time.monotonic(), time.process_time() + 0.5
    while time.process_time() < end:
        pass
    return max(1.0, (time.monotonic() - began) / 0.5)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_what_is_behind_a_failed_job_ends_within_ten_seconds(tmp_path: Path, launcher: str) -> None:
    """Whatever the other chain does meanwhile; in one line that names the job that failed."""
    plugin, slots = LAUNCHERS[launcher]
    needs(plugin)
    words = (f"hydra/launcher={launcher}", slots, "stage=calib,float", "train.resume=never,/nowhere")
    outcome, rows = sweep(tmp_path, *words)
    assert outcome.code == 2, outcome.err[-3000:]
    assert sorted((row["stage"], row["status"]) for row in rows) == [
        ("calib", "done"), ("calib", "failed"), ("float", "done"), ("float", "failed"),
    ]  # fmt: skip
    (folder,) = tmp_path.glob("a/sweep/*")
    ends = {}
    for name in ("1_float", "3_calib"):
        (line,) = [each for each in (folder / name / "stereo_exp.log").read_text().splitlines() if " ERROR " in each]
        when, _, told = line.partition(",000 ERROR stereo_exp: error: ")
        ends[name] = datetime.strptime(when, "%Y-%m-%d %H:%M:%S"), told
    assert "/nowhere" in ends["1_float"][1]
    assert f"the float job of this chain did not come to its end: {folder / '1_float'}" in ends["3_calib"][1]
    assert 0 <= (ends["3_calib"][0] - ends["1_float"][0]).total_seconds() <= 10 * slowness()
    assert "Traceback" not in outcome.err


def test_optuna_gets_the_epe(tmp_path: Path) -> None:
    needs("hydra_optuna_sweeper")
    words = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "optim.lr=tag(log,interval(1e-4,1e-2))")
    outcome, rows = sweep(tmp_path, *words)
    assert outcome.code == 0, outcome.err[-3000:]
    (results,) = tmp_path.glob("a/sweep/*/optimization_results.yaml")
    best = float(results.read_text().partition("best_value: ")[2].split()[0])
    assert best == min(float(row["epe"]) for row in rows)
    assert len({row["optim.lr"] for row in rows}) == 2


def test_optuna_weighs_epe_against_latency(tmp_path: Path) -> None:
    """Two structures, measured once each; no trial of the front is beaten by another in both."""
    needs("hydra_optuna_sweeper")
    words = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "objectives=[epe,latency_ms]")
    outcome, rows = sweep(tmp_path, *words, "model.neck.channels=choice(8,16)")
    assert outcome.code == 0, outcome.err[-3000:]
    (results,) = tmp_path.glob("a/sweep/*/optimization_results.yaml")
    front = [tuple(each["values"]) for each in yaml.safe_load(results.read_text())["solutions"]]
    known = json.loads((tmp_path / "costs.json").read_text())
    assert 1 <= len(known) <= 2
    assert {latency for _, latency in front} <= {each["latency_ms"] for each in known.values()}
    scores = {(float(row["epe"]), float(row["latency_ms"])) for row in rows}
    assert set(front) <= scores
    assert not any(a[0] < b[0] and a[1] < b[1] for a in scores for b in front)
