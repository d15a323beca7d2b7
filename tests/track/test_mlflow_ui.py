"""`mlflow ui --backend-store-uri`, which the documentation names, shows our runs over its REST API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from mlflow_runs import EPE, record
from mlflow_server import serve_mlflow

from stereo_exp.suite.runs.context import RunContext

pytest.importorskip("mlflow")
pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name != "posix", reason="stops a process group")]


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start `mlflow ui` on a store and return its address; it and its children are stopped at the end."""
    with ExitStack() as started:
        yield lambda store: started.enter_context(serve_mlflow(store, tmp_path / "ui.log"))


def _call(address: str, path: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _get(address: str, path: str) -> bytes:
    with urllib.request.urlopen(f"{address}/{path}", timeout=20) as answer:
        return answer.read()


def test_runs_are_found_with_epe_over_steps(
    make_context: Callable[..., RunContext], ui: Callable[..., str], tmp_path: Path
) -> None:
    runs = {record(make_context("tracker=mlflow", "name=shown", f"seed={s}")): s for s in range(2)}
    address = ui(tmp_path / "mlflow.db")
    experiments = _call(address, "experiments/search", max_results=10)["experiments"]
    (experiment,) = [e for e in experiments if e["name"] == "shown"]
    best = f"metrics.`test/epe` < {EPE[0][1]}"
    body = {"experiment_ids": [experiment["experiment_id"]], "filter": best}
    found = {r["info"]["run_id"]: r for r in _call(address, "runs/search", **body)["runs"]}
    assert found.keys() == runs.keys()
    for run_id, seed in runs.items():
        data = found[run_id]["data"]
        assert {p["key"]: p["value"] for p in data["params"]}["seed"] == str(seed)
        assert {m["key"]: m["value"] for m in data["metrics"]}["test/epe"] == EPE[-1][1]
        assert found[run_id]["info"]["status"] == "FINISHED"
        curve = json.loads(_get(address, f"api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=test/epe"))
        assert [(int(m["step"]), m["value"]) for m in curve["metrics"]] == EPE
        assert _get(address, f"get-artifact?run_id={run_id}&path=picture.png") == b"\x89PNG"
    assert b"<html" in _get(address, "").lower()


def test_both_jobs_of_a_sweep_stand_in_it(ui: Callable[..., str], tmp_path: Path) -> None:
    """The entrypoint itself, as a user types it."""
    words = ["experiment=smoke", "model.maxdisp=32,64", "optim.steps=4", f"root={tmp_path}/outputs", "-m"]
    done = subprocess.run(
        [sys.executable, "-m", "stereo_exp", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    address = ui(tmp_path / "outputs" / "mlflow.db")
    experiments = _call(address, "experiments/search", max_results=10)["experiments"]
    (experiment,) = [e for e in experiments if e["name"] == "smoke"]
    found = _call(address, "runs/search", experiment_ids=[experiment["experiment_id"]])["runs"]
    by_maxdisp = {}
    for run in found:
        params = {p["key"]: p["value"] for p in run["data"]["params"]}
        by_maxdisp[params["model.maxdisp"]] = run
        assert run["info"]["status"] == "FINISHED"
        resolved = _get(address, f"get-artifact?run_id={run['info']['run_id']}&path=config.yaml")
        assert f"maxdisp: {params['model.maxdisp']}".encode() in resolved
    assert by_maxdisp.keys() == {"32", "64"}
    for report, maxdisp in zip(reports, ("32", "64"), strict=True):
        metrics = {m["key"]: m["value"] for m in by_maxdisp[maxdisp]["data"]["metrics"]}
        assert metrics["final/epe"] == pytest.approx(report["epe"])
        run_id = by_maxdisp[maxdisp]["info"]["run_id"]
        curve = json.loads(_get(address, f"api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=test/epe"))
        assert [int(m["step"]) for m in curve["metrics"]] == [4]
