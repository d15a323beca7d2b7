"""Signals: training saves and ends, a film is closed, and no child outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from group import members, start, wait_until
from in_process import run_in_process

from stereo_exp.base.process import Terminated, hand_on, hear_signals, hold_signals
from stereo_exp.model.checkpoint import LAST, read_meta

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
SMOKE = ("experiment=smoke", "tracker=none", "eval.pictures=0", "machine.threads=1", "dataset.num_test=2")


def deliver(number: int) -> None:
    """What the interpreter does on a signal's arrival. Sent to a process in which engines have computed, a real one was
    seen to end it on virtual machines (see `no_child_handler`); processes of their own get real ones below."""
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_waits_for_what_is_held(number: int) -> None:
    done = []
    before = signal.getsignal(number)
    with pytest.raises(Terminated) as caught, hear_signals():
        with hold_signals():
            deliver(number)
            done.append("first")
            with hold_signals():
                deliver(number)
            done.append("second")
        done.append("never")
    assert done == ["first", "second"]
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_a_signal_that_was_ignored_stays_so() -> None:
    """`nohup` ignores HUP, a script's `&` INT."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with hear_signals():
            deliver(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_batch_system_is_heard_once_and_ctrl_c_again() -> None:
    with hear_signals():
        with pytest.raises(Terminated):
            deliver(signal.SIGTERM)
        deliver(signal.SIGTERM)
        with pytest.raises(Terminated):
            deliver(signal.SIGINT)


def test_whoever_listened_before_hears_it_afterwards() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(Terminated) as caught, hear_signals():
            deliver(signal.SIGUSR2)
        assert heard == []
        hand_on(caught.value)
        assert heard == [signal.SIGUSR2]
        hand_on(Terminated(signal.SIGINT))  # Python's own handler would raise
    finally:
        signal.signal(signal.SIGUSR2, before)


def records(run: Path) -> list[int]:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return [json.loads(line)["step"] for line in lines if "train/loss" in line]


@linux
@pytest.mark.parametrize(
    ("number", "more"),
    [
        (signal.SIGTERM, ["loader.workers=1"]),
        pytest.param(signal.SIGHUP, ["loader.workers=2"], marks=pytest.mark.long),
        pytest.param(signal.SIGINT, ["loader.workers=2"], marks=pytest.mark.long),
        pytest.param(signal.SIGUSR1, [], marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, ["machine.processes=2", "loader.workers=1"], marks=pytest.mark.long),
    ],
)
def test_training_saves_ends_its_children_and_is_gone_in_ten_seconds(
    tmp_path: Path, number: int, more: list[str]
) -> None:
    """The signal goes to the whole group, as a terminal and a batch system send it."""
    words = (*SMOKE, f"root={tmp_path}", "name=a", "optim.steps=2000", "train.eval_every=0", "train.log_every=1",
             "train.save_every=1000", *more)  # fmt: skip
    process = start("stereo_exp", *words)
    try:
        runs = tmp_path / "a" / "float"
        wait_until(lambda: runs.is_dir() and any(len(records(run)) > 2 for run in runs.iterdir()), 120, process)
        os.killpg(process.pid, number)
        began = time.monotonic()
        _, err = process.communicate(timeout=60)
        seconds = time.monotonic() - began
    finally:
        process.kill()
    assert process.returncode == 128 + number, err[-3000:]
    assert seconds < 10
    print(f"{signal.Signals(number).name} {' '.join(more)}: {seconds:.2f} s")
    assert err.splitlines()[-1] == f"stopped by {signal.Signals(number).name}"
    # On a busy machine Python's own thread that shares memory between processes may tell that it was cut off.
    assert ("Traceback" not in err and "Error" not in err) or "resource_sharer" in err
    assert wait_until(lambda: not members(process.pid), 3) < 3
    (run,) = runs.iterdir()
    step = read_meta(run / LAST)["step"]
    assert records(run) == list(range(1, step + 1)), "what is recorded is what is saved"
    assert 3 <= step < 1000
    assert not (run / "report.json").exists()


def test_a_signal_in_an_evaluation_loses_neither_it_nor_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation is cut off; whoever resumes makes up for it."""
    from stereo_exp.suite.train import loop

    words = (*SMOKE, f"root={tmp_path}", "name=a", "optim.steps=4", "train.log_every=1", "train.save_every=9",
             "train.eval_every=1")  # fmt: skip
    whole = run_in_process(*words).report
    evaluate, calls = loop.evaluate, []

    def signalled(*arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            deliver(signal.SIGTERM)
        return evaluate(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", signalled)
        outcome = run_in_process(*words)
    assert outcome.code == 143
    assert outcome.err.splitlines()[-1] == "stopped by SIGTERM"
    resumed = run_in_process(*words, "train.resume=auto").report
    lines = [(Path(report["run_dir"]) / "metrics.jsonl").read_text().splitlines() for report in (whole, resumed)]
    there, here = ([{k: v for k, v in json.loads(x).items() if k[:5] != "train" or k == "train/loss"} for x in y]
                   for y in lines)  # fmt: skip
    assert here == there
    assert resumed["epe"] == whole["epe"]


def test_a_film_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    from stereo_exp.geometry.formats.image import encode_png
    from stereo_exp.geometry.output import Output

    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        for i in range(5):
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)))
    write_frame = Output.write_frame
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 0)):
        written: list[object] = []

        def signalled(*arguments: object, number: int = number, written: list[object] = written) -> None:
            written.append(arguments)
            if len(written) == 2:
                deliver(number)
            write_frame(*arguments)

        monkeypatch.setattr(Output, "write_frame", signalled)
        out = tmp_path / signal.Signals(number).name
        views = (f"infer.left={tmp_path / 'left'}", f"infer.right={tmp_path / 'right'}", f"infer.out={out}")
        outcome = run_in_process("task=infer", f"root={tmp_path}", *views, "infer.scale=1")
        assert outcome.code == code, outcome.err[-3000:]
        assert cv2.VideoCapture(str(out / "disparity.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2
        assert not list(out.glob(".*"))


@linux
def test_rendering_leaves_no_worker_behind_a_parent_that_is_killed(tmp_path: Path) -> None:
    words = ("data_tools.render", "--train", "500", "--workers", "2", "--size", "128x256")
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        process = start(*words, "--out", str(tmp_path / str(number)))
        try:
            wait_until(lambda: list(tmp_path.glob(f"{number}/**/*.png")), 60, process)  # noqa: B023
            assert len(members(process.pid)) >= 3
            os.kill(process.pid, number)
            _, err = process.communicate(timeout=10)
            assert process.returncode == code
            assert number == signal.SIGKILL or err == "stopped by SIGTERM; the same command completes the set\n"
            assert wait_until(lambda: not members(process.pid), 3) < 3  # noqa: B023
        finally:
            process.kill()


@linux
def test_a_reading_worker_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Nor does it end by the signal that the terminal sends to all."""
    code = """
import os, signal, sys
from stereo_exp.data.workers import begin_worker
import torch
class Pairs(torch.utils.data.Dataset):
    def __len__(self): return 100
    def __getitem__(self, i): return i
loader = torch.utils.data.DataLoader(Pairs(), num_workers=2, worker_init_fn=begin_worker)
batches = iter(loader)
for _ in range(4): next(batches)  # both workers have begun
for worker in batches._workers:
    os.kill(worker.pid, signal.SIGINT)
    os.kill(worker.pid, signal.SIGTERM)
for _ in range(50): next(batches)
print("ready", flush=True)
import time; time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert len(members(process.pid)) >= 3
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert wait_until(lambda: not members(process.pid), 3) < 3
    finally:
        timer.cancel()
        process.kill()
