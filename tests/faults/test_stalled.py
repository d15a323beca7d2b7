"""A worker or a training process that is stopped or killed is told in one line, and the run ends."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import SimpleQueue
from pathlib import Path
from typing import Any

import pytest
import torch
from group import members, start, wait_until

from stereo_exp.base import ArgumentError, UserError
from stereo_exp.base.process import find_stopped
from stereo_exp.data.workers import begin_worker, read_batches
from stereo_exp.suite.runs.launch import _Watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Numbers(torch.utils.data.Dataset[int]):
    """Reading the fifth takes for ever."""

    def __init__(self, slow: int = -1) -> None:
        self.slow = slow

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> int:
        if index == self.slow:
            time.sleep(1000)
        return index


@pytest.fixture
def reading() -> Iterator[Callable[..., Any]]:
    """A function that begins to read; what it began has ended at the end."""
    begun = []

    def begin(patience: float, slow: int = -1) -> Any:
        loader = torch.utils.data.DataLoader(Numbers(slow), num_workers=2, worker_init_fn=begin_worker)
        batches = read_batches(loader, patience)
        begun.append(batches)
        next(batches)
        return batches

    yield begin
    for batches in begun:
        batches.close()


def children() -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == os.getpid() and words[0] not in "ZX":
            found.append(int(place.name))
    return found


def read_on(batches: Any) -> None:
    for _ in batches:
        time.sleep(0.001)


def test_a_stopped_worker_is_named_and_ends_the_run(reading: Callable[..., Any], caplog: Any) -> None:
    before = set(children())
    batches = reading(patience=2.5)
    worker = max(set(children()) - before)
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: find_stopped([worker]), 5)
    with pytest.raises(ArgumentError, match=rf"workers=2: no batch for \d s: worker \d \(pid {worker}\) is stopped"):
        read_on(batches)
    assert "waiting for data" in caplog.text
    batches.close()
    assert set(children()) <= before


def test_a_killed_worker_is_named_at_once(reading: Callable[..., Any]) -> None:
    before = set(children())
    batches = reading(patience=600)
    worker = max(set(children()) - before)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(ArgumentError, match=rf"worker \d \(pid {worker}\) was ended by SIGKILL"):
        read_on(batches)
    batches.close()
    assert set(children()) <= before


def test_a_read_that_never_ends_is_told(reading: Callable[..., Any]) -> None:
    before = set(children())
    batches = reading(patience=2.5, slow=5)
    with pytest.raises(ArgumentError, match="none of 2 workers has read one"):
        read_on(batches)
    batches.close()
    assert set(children()) <= before


def test_a_stopped_worker_does_not_keep_a_run_from_ending(reading: Callable[..., Any]) -> None:
    before = set(children())
    batches = reading(patience=600)
    for worker in set(children()) - before:
        os.kill(worker, signal.SIGSTOP)
    began = time.monotonic()
    batches.close()
    assert time.monotonic() - began < 5
    assert set(children()) <= before


def test_a_stopped_training_process_is_named(caplog: pytest.LogCaptureFixture) -> None:
    child = start("http.server", "0")
    try:
        watch = _Watch(SimpleQueue(), number=2, patience=0.6)
        watch.pids = {0: os.getpid(), 1: child.pid}
        watch.look()
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: find_stopped([child.pid]), 5)
        watch.look()
        time.sleep(0.4)
        watch.look()
        assert f"process 1 (pid {child.pid}) has been stopped" in caplog.text
        os.kill(child.pid, signal.SIGCONT)
        wait_until(lambda: not find_stopped([child.pid]), 5)
        watch.look()
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: find_stopped([child.pid]), 5)
        watch.look()
        time.sleep(0.7)
        with pytest.raises(UserError, match=rf"machine\.processes=2: process 1 \(pid {child.pid}\)"):
            watch.look()
    finally:
        child.kill()
        child.wait()


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_training_whose_second_process_is_stopped_or_killed_ends_in_one_line(tmp_path: Path, number: int) -> None:
    words = ("experiment=smoke", "tracker=none", "eval.pictures=0", "machine.threads=1", f"root={tmp_path}", "name=a",
             "optim.steps=2000", "train.log_every=1", "machine.processes=2", "machine.patience=5",
             "train.eval_every=0")  # fmt: skip
    process = start("stereo_exp", *words)
    try:
        files = lambda: list(tmp_path.glob("a/float/*/metrics.jsonl"))  # noqa: E731
        wait_until(lambda: any("train/loss" in f.read_text() for f in files()), 180, process)
        ranks = [pid for pid in members(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(max(ranks), number)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 2, err[-3000:]
    assert re.search(r"^error: machine\.processes=2: process \d \(pid \d+\) ", err.splitlines()[-1])
    assert "Traceback" not in err
    assert not members(process.pid)
