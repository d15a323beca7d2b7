"""`metrics.jsonl` keeps every record of a killed run, takes over what another had, and needs no tracker."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from stereo_exp.base.registry import group
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import METRICS_FILE, JsonLines, Tracker, open_tracker, read_metrics

MakeContext = Callable[..., RunContext]


def test_every_option_has_a_tracker() -> None:
    from composing import NODES

    assert all(issubclass(group("tracker")[name].load(), Tracker) for name in NODES["tracker"])


def test_one_compact_object_a_line(make_context: MakeContext) -> None:
    context = make_context()
    with open_tracker(context) as tracker:
        tracker.log(1, {"train/loss": 2.5})
        tracker.log(2, {"train/loss": math.nan, "lr": math.inf, "test/epe": 1})
        assert len(list(read_metrics(context.dir))) == 2, "a reader sees them while the run goes on"
    lines = (context.dir / METRICS_FILE).read_text().splitlines()
    assert lines[0] == '{"step":1,"train/loss":2.5}'
    assert json.loads(lines[1]) == {"step": 2, "train/loss": None, "lr": None, "test/epe": 1}


@pytest.mark.parametrize("cut", ["", "{", '{"step":3,"train/lo', '{"step":3,"train/loss":0.5'])
def test_last_line_cut_short(make_context: MakeContext, cut: str) -> None:
    context = make_context()
    with JsonLines(context) as tracker:
        tracker.log(1, {"a": 1.0})
        tracker.log(2, {"a": 2.0})
    with (context.dir / METRICS_FILE).open("a") as file:
        file.write(cut)
    assert list(read_metrics(context.dir)) == [{"step": 1, "a": 1.0}, {"step": 2, "a": 2.0}]


def test_no_file_has_no_records(make_context: MakeContext) -> None:
    assert list(read_metrics(make_context().dir)) == []


def test_records_behind_a_cut_line_are_not_lost(make_context: MakeContext) -> None:
    """A run started anew in the folder of a killed one."""
    context = make_context()
    (context.dir / METRICS_FILE).write_text('{"step":1,"a":1.0}\n{"step":2,"a')
    with JsonLines(context) as tracker:
        tracker.log(1, {"a": 5.0})
    assert list(read_metrics(context.dir))[-1] == {"step": 1, "a": 5.0}


def test_replay_into_another_folder(make_context: MakeContext) -> None:
    before, after = make_context(), make_context()
    with open_tracker(before) as tracker:
        for step in range(4):
            tracker.log(step, {"a": step / 2})
    with open_tracker(after) as tracker:
        tracker.replay(r for r in read_metrics(before.dir) if r["step"] <= 2)
        tracker.log(3, {"a": 9.0})
    expected = [{"step": s, "a": s / 2} for s in range(3)] + [{"step": 3, "a": 9.0}]
    assert list(read_metrics(after.dir)) == expected
    assert len(list(read_metrics(before.dir))) == 4


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among others"])
def test_replay_of_its_own_records(make_context: MakeContext, alone: bool) -> None:
    """A run that goes on in its own folder drops what it had recorded behind the checkpoint."""
    context = make_context()
    with JsonLines(context) as tracker:
        for step in range(4):
            tracker.log(step, {"a": 1.0})
    with JsonLines(context) if alone else open_tracker(context) as tracker:
        tracker.replay(r for r in read_metrics(context.dir) if r["step"] <= 1)
        tracker.log(2, {"a": 2.0})
    assert list(read_metrics(context.dir)) == [
        {"step": 0, "a": 1.0},
        {"step": 1, "a": 1.0},
        {"step": 2, "a": 2.0},
    ]


def test_other_processes_record_nothing(make_context: MakeContext) -> None:
    context = make_context("tracker=mlflow")
    with open_tracker(context, is_main=False) as tracker:
        assert type(tracker) is Tracker
        tracker.log(1, {"a": 1.0})
        tracker.tag(a="b")
    assert not (context.dir / METRICS_FILE).exists()


@pytest.mark.parametrize("tracker", ["none", "mlflow"])
def test_mlflow_is_needed_by_its_tracker_only(tmp_path: object, tracker: str) -> None:
    code = f"""
import sys
sys.modules["mlflow"] = None  # any import of it fails, as where it is not installed
from pathlib import Path
from composing import composed
from stereo_exp.config import bind
from stereo_exp.base.errors import exit_on_user_error
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import open_tracker
config = bind(composed("tracker={tracker}", "root={tmp_path}"))
with exit_on_user_error(), open_tracker(RunContext(config, Path("{tmp_path}/run"))) as tracker:
    tracker.log(1, {{"a": 1.0}})
"""
    paths = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    if tracker == "none":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 2
        assert done.stderr.startswith("error: tracker=mlflow: MLflow is not installed; pip install mlflow")
        assert done.stderr.count("\n") == 1
