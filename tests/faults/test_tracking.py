"""A store that is gone, locked, full, deleted or never there costs a warning: no step waits, and records follow."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import METRICS_FILE, open_tracker, read_metrics
from stereo_exp.suite.track.sender import Refused, Sender

MakeContext = Callable[..., RunContext]


# The thread and its queue.


def test_what_fails_is_sent_again_in_order_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Any] = []
    is_away = threading.Event()

    def send(records: list[Any]) -> None:
        if is_away.is_set():
            raise OSError("nobody\nthere")
        taken.extend(records)

    sender = Sender(send, "the store")
    sender.add([1])
    assert sender.wait(10) == 0
    is_away.set()
    for number in range(2, 6):
        sender.add([number])
        assert sender.wait(10) > 0
    assert taken == [1]
    assert isinstance(sender.error, OSError)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == ["the store takes nothing now (nobody there); metrics.jsonl goes on"]
    is_away.clear()
    sender.put(lambda: taken.append("then"))
    assert sender.close(10) == 0
    assert taken == [1, 2, 3, 4, 5, "then"]
    assert sender.error is None


def test_nobody_waits_for_a_store_that_hangs() -> None:
    hangs = threading.Event()
    sender = Sender(lambda records: hangs.wait(60) and None, "the store")
    began = time.monotonic()
    for number in range(1000):
        sender.add([number])
    assert time.monotonic() - began < 1
    assert sender.close(0.2) > 0
    assert time.monotonic() - began < 2
    hangs.set()


def test_what_the_store_will_never_take_does_not_block_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Any] = []

    def refuse() -> None:
        raise Refused("no such run")

    sender = Sender(taken.extend, "the store")
    sender.put(refuse)
    sender.add([1])
    assert sender.close(10) == 0
    assert taken == [1]
    assert "no such run" in caplog.text


# A real store that things happen to.


pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables, which take seconds to make."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    path.write_bytes(template.read_bytes())
    return path


@pytest.fixture
def tracked(make_context: MakeContext, store: Path) -> RunContext:
    return make_context("tracker=mlflow", f"tracker.uri=sqlite:///{store}", "name=a")


def history(store: Path, context: RunContext, key: str = "a") -> list[tuple[int, float]]:
    from mlflow.tracking import MlflowClient

    run_id = json.loads((context.dir / "mlflow.json").read_text())["run_id"]
    found = MlflowClient(tracking_uri=f"sqlite:///{store}").get_metric_history(run_id, key)
    return sorted((metric.step, metric.value) for metric in found)


def status(store: Path, run_id: str | None) -> str:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{store}").get_run(run_id).info.status


def log_steps(tracker: Any, steps: range) -> float:
    """Record steps; returns how long the slowest took, s."""
    slowest = 0.0
    for step in steps:
        began = time.monotonic()
        tracker.log(step, {"a": float(step)})
        slowest = max(slowest, time.monotonic() - began)
    return slowest


STEPS = [(step, float(step)) for step in range(9)]


@pytest.mark.parametrize("name", ["a%20b", "who?", "a#b"])
def test_a_store_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    from stereo_exp.suite.track.mlflow import Store

    assert Store(f"sqlite:///{tmp_path}/{name}/mlflow.db")._client.search_experiments(max_results=1)
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (tmp_path / name / "mlflow.db").is_file()


@pytest.mark.long
def test_a_store_that_is_locked_and_let_go(tracked: RunContext, store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_tracker(tracked) as tracker:
        log_steps(tracker, range(3))
        other = sqlite3.connect(store, isolation_level=None)
        other.execute("begin exclusive")
        assert log_steps(tracker, range(3, 6)) < 1
        tracker.members[1]._sender.wait(8)
        other.execute("rollback")
        other.close()
        assert log_steps(tracker, range(6, 9)) < 1
    assert history(store, tracked) == STEPS
    assert [r["step"] for r in read_metrics(tracked.dir)] == list(range(9))


def test_a_store_that_is_deleted_and_restored(
    tracked: RunContext, store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An open database whose file is gone takes everything, and nobody finds it any more."""
    with open_tracker(tracked) as tracker:
        log_steps(tracker, range(3))
        assert tracker.members[1]._sender.wait(10) == 0
        copy = store.read_bytes()
        store.unlink()
        assert log_steps(tracker, range(3, 6)) < 1
        assert tracker.members[1]._sender.wait(10) > 0
        (tmp_path / "copy").write_bytes(copy)
        (tmp_path / "copy").rename(store)
        log_steps(tracker, range(6, 9))
    assert history(store, tracked) == STEPS
    assert status(store, tracker.run_id) == "FINISHED"
    assert len([r for r in caplog.records if r.levelno == logging.WARNING and "takes nothing" in r.getMessage()]) == 1


def test_a_full_disk_under_the_store(tracked: RunContext, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    def full(*arguments: object, **more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with open_tracker(tracked) as tracker, monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", full)
        patch.setattr(MlflowClient, "log_artifact", full)
        assert log_steps(tracker, range(9)) < 1
        tracker.artifact(tracked.dir / "config.yaml")
        assert tracker.members[1]._sender.wait(10) > 0
    assert history(store, tracked) == STEPS


def test_a_server_that_was_never_there_and_sync_afterwards(
    make_context: MakeContext, store: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from in_process import run_in_process

    context = make_context("tracker=mlflow", "tracker.uri=http://127.0.0.1:9", "name=a")
    began = time.monotonic()
    with open_tracker(context) as tracker:
        assert time.monotonic() - began < 20, "a start waits for some seconds at most"
        assert log_steps(tracker, range(9)) < 1
        assert tracker.run_id is None
    assert time.monotonic() - began < 45
    assert [r["step"] for r in read_metrics(context.dir)] == list(range(9))
    assert len([r for r in caplog.records if r.levelno == logging.WARNING and "takes nothing" in r.getMessage()]) == 1
    assert f"task=sync sync.run={context.dir}" in caplog.text
    (context.dir / "report.json").write_text("{}\n")
    words = ("task=sync", f"root={context.config.root}", f"tracker.uri=sqlite:///{store}", "name=a")
    for expected in (9, 0):
        assert run_in_process(*words).report["numbers_added"] == expected
        assert history(store, context) == STEPS
    with (context.dir / METRICS_FILE).open("a") as file:
        file.write('{"step":9,"a":9.0}\n{"step":10,"a":null}\n{"step":11,"a"')
    assert run_in_process(*words, f"sync.run={context.dir}").report["numbers_added"] == 1
    assert history(store, context) == [*STEPS, (9, 9.0)]
    run_id = json.loads((context.dir / "mlflow.json").read_text())["run_id"]
    assert status(store, run_id) == "FINISHED"


def test_sync_ends_a_run_that_was_killed_and_none_that_lives(tracked: RunContext, store: Path) -> None:
    from in_process import run_in_process

    words = ("task=sync", f"root={tracked.config.root}", f"tracker.uri=sqlite:///{store}", "name=a")
    tracker = open_tracker(tracked).__enter__()
    tracker.members[1]._sender.wait(10)
    place = json.loads((tracked.dir / "mlflow.json").read_text())
    (tracked.dir / "mlflow.json").write_text(json.dumps({**place, "pid": os.getppid()}))
    (tracked.dir / METRICS_FILE).write_text('{"step":1,"a":1.0}\n')
    run_in_process(*words)
    assert status(store, place["run_id"]) == "RUNNING"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tracked.dir / "mlflow.json").write_text(json.dumps({**place, "pid": gone.pid}))
    run_in_process(*words)
    assert status(store, place["run_id"]) == "KILLED"


def test_a_run_that_is_gone_on_with_does_not_stay_running(tracked: RunContext, store: Path, make_context: Any) -> None:
    before = open_tracker(tracked).__enter__()
    assert before.members[1]._sender.wait(10) == 0
    after = make_context("tracker=mlflow", f"tracker.uri=sqlite:///{store}", "name=a")
    with open_tracker(after) as tracker:
        tracker.end_other(before.run_id)
        tracker.end_other(None)
    assert (status(store, before.run_id), status(store, tracker.run_id)) == ("KILLED", "FINISHED")
    with open_tracker(make_context("tracker=mlflow", f"tracker.uri=sqlite:///{store}", "name=a")) as third:
        third.end_other(tracker.run_id)
    assert status(store, tracker.run_id) == "FINISHED", "what ended well stays so"


def test_a_store_of_another_mlflow_is_left_as_it_is(
    tracked: RunContext, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(store) as opened:
        opened.execute("update alembic_version set version_num='0123456789ab'")
        opened.execute("drop table scorers")  # one that came later: by which MLflow sees that there is work
    opened.close()
    before = store.read_bytes()
    with open_tracker(tracked) as tracker:
        tracker.log(1, {"a": 1.0})
    assert store.read_bytes() == before
    assert "mlflow db upgrade" in caplog.text
    assert [r["step"] for r in read_metrics(tracked.dir)] == [1]


def test_a_store_that_goes_away_while_a_run_is_opened_has_the_run_once(
    tracked: RunContext, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the run its params are sent: they fail once, and are sent again for the same run."""
    from mlflow.tracking import MlflowClient

    from stereo_exp.suite.track.mlflow import Store

    goes_away, send = [OSError("away")], Store._log_params

    def log_params(self: Store, run_id: str, context: RunContext) -> None:
        if goes_away:
            raise goes_away.pop()
        send(self, run_id, context)

    monkeypatch.setattr(Store, "_log_params", log_params)
    with open_tracker(tracked) as tracker:
        assert tracker.members[1]._sender.wait(10) == 0
    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    experiment = client.get_experiment_by_name("a")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.status, run.data.params["name"]) == (tracker.run_id, "FINISHED", "a")


@pytest.mark.long
def test_a_training_whose_server_dies_goes_on(tmp_path: Path) -> None:
    """`mlflow server` is stopped in the middle: the run ends well, with every number in its own file."""
    import socket
    import urllib.request

    from group import start, wait_until

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{tmp_path / 'server.db'}"
    server = start("mlflow", "server", "--backend-store-uri", database, "--port", str(port), "--workers", "1")

    def is_up() -> bool:
        try:
            return bool(urllib.request.urlopen(f"{uri}/health", timeout=2).status == 200)
        except OSError:
            return False

    try:
        wait_until(is_up, 120)
        words = ("experiment=smoke", f"root={tmp_path}", "name=a", "eval.pictures=0", "machine.threads=1",
                 "optim.steps=60", "train.log_every=1", f"tracker.uri={uri}")  # fmt: skip
        process = start("stereo_exp", *words)
        runs = tmp_path / "a" / "float"
        wait_until(lambda: runs.is_dir() and any((r / "mlflow.json").is_file() for r in runs.iterdir()), 120, process)
        os.killpg(server.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=300)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
    assert process.returncode == 0, err[-3000:]
    assert err.count("takes nothing now") == 1
    (run,) = runs.iterdir()
    assert [r["step"] for r in read_metrics(run) if "train/loss" in r] == list(range(1, 61))
