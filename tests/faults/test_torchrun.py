"""Processes that torch's elastic launcher starts: one run, whatever becomes of them."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from group import descendants, members, wait_until

from stereo_exp.base import UserError, tell_launcher
from stereo_exp.model.losses import counting, matching_cross_entropy, smooth_l1
from stereo_exp.suite.runs.ranks import count_processes, refuse_launcher

SMOKE = ("experiment=smoke", "eval.pictures=0", "machine.threads=1", "machine.precision=fp32", "train.log_every=1")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def torchrun(root: Path, *words: str, options: tuple[str, ...] = ("--standalone", "--nproc-per-node=2")) -> Any:
    """The launcher as the leader of a process group of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    command = (sys.executable, "-m", "torch.distributed.run", *options, "-m", "stereo_exp")
    return subprocess.Popen(
        [*command, *SMOKE, f"root={root}", *words],
        env={**environment, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_of(process: Any, seconds: float = 400) -> tuple[str, str]:
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return out, err


def losses(run: Path) -> dict[int, float]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [record["step"] for record in records if "train/loss" in record]
    assert len(steps) == len(set(steps)), "each step once"
    return {record["step"]: record["train/loss"] for record in records if "train/loss" in record}


def wait_for_steps(folder: Path, count: int, process: Any) -> Path:
    """Until the only run in a folder has recorded so many steps."""

    def far() -> bool:
        found = list(folder.glob("*/metrics.jsonl"))
        return bool(found) and found[0].read_text().count("train/loss") >= count

    wait_until(far, 240, process)
    (run,) = folder.iterdir()
    return run


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"TORCHELASTIC_RUN_ID": "a", "RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(key, value)


def test_without_a_launcher_the_config_says_how_many() -> None:
    assert count_processes(3, ["machine.processes=3"]) == 3
    refuse_launcher("joblib")


@pytest.mark.usefixtures("launched")
def test_processes_that_contradict_each_other_are_refused() -> None:
    assert count_processes(1, []) == 2
    assert count_processes(2, ["machine.processes=2"]) == 2
    with pytest.raises(UserError, match=r"machine\.processes=1: torchrun started 2 processes; leave it out"):
        count_processes(1, ["machine.processes=1"])
    with pytest.raises(UserError, match=r"machine\.processes=8"):
        count_processes(8, ["experiment=sceneflow_reference"])
    refuse_launcher("basic")
    with pytest.raises(UserError, match="hydra/launcher=joblib"):
        refuse_launcher("joblib")


def test_the_launcher_gets_our_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    tell_launcher("nobody hears it")
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
    tell_launcher("error: a=1: must be 2; try a=2")
    failure = ProcessFailure(local_rank=0, pid=1, exitcode=2, error_file=str(file))
    assert failure.message["extraInfo"]["py_callstack"] == "error: a=1: must be 2; try a=2"


def test_shares_of_a_loss_are_the_whole() -> None:
    """The mean over two processes, of unequal numbers of pixels, is that of one process that has all pairs."""
    generator = torch.Generator().manual_seed(0)
    truth = 20 * torch.rand(2, 16, 16, generator=generator)
    prediction = truth + torch.randn(2, 16, 16, generator=generator)
    logits = torch.randn(2, 4, 2, 2, generator=generator)
    mask = torch.rand(2, 16, 16, generator=generator) < torch.tensor([0.9, 0.1]).view(2, 1, 1)
    known = truth.where(mask, 0)

    def loss(part: slice) -> torch.Tensor:
        published = smooth_l1((prediction[part], prediction[part]), truth[part], mask[part])
        return published + matching_cross_entropy(logits[part], known[part], 8)

    counts = []

    def both(count: torch.Tensor) -> torch.Tensor:
        """What all_reduce would give: the halves' counts are asked for in the same order."""
        counts.append(count)
        return count.double()

    parts = [slice(0, 1), slice(1, 2)]
    for part in parts:
        with counting(both):
            loss(part)
    means = [(a.double() + b) / 2 for a, b in zip(counts[: len(counts) // 2], counts[len(counts) // 2 :], strict=True)]
    shares = []
    for part in parts:
        left = iter(means)
        with counting(lambda count, left=left: next(left)):
            shares.append(loss(part))
    whole = loss(slice(0, 2))
    assert float(sum(shares) / 2) == pytest.approx(float(whole), rel=1e-6)
    assert float((loss(parts[0]) + loss(parts[1])) / 2) != pytest.approx(float(whole), rel=1e-3)


@pytest.mark.long
@linux
def test_two_nodes_of_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("tracker=mlflow", "train.eval_every=0", "train.freeze_norm=true", "optim.steps=20", "optim.lr=1e-4",
             "optim.ema_decay=0")  # fmt: skip
    where = ("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--local-addr=127.0.0.1", "--rdzv-id=a")
    nodes = ("--nnodes=2", "--nproc-per-node=2", *where)
    both = [torchrun(tmp_path, *words, "name=four", "loader.batch_size=1", options=nodes) for _ in range(2)]
    outs = [end_of(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], [err[-3000:] for _, err in outs]
    assert sum(out.count('"task":"train"') for out, _ in outs) == 1
    (run,) = (tmp_path / "four" / "float").iterdir()
    assert len(list(run.glob("*.log"))) == 1
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("four")
    assert [found.info.status for found in client.search_runs([experiment.experiment_id])] == ["FINISHED"]
    single = ("--standalone", "--nproc-per-node=1")
    alone = torchrun(tmp_path, *words, "tracker=none", "name=one", "loader.batch_size=4", options=single)
    _, err = end_of(alone)
    assert alone.returncode == 0, err[-3000:]
    (other,) = (tmp_path / "one" / "float").iterdir()
    found, wanted = losses(run), losses(other)
    assert sorted(found) == sorted(wanted) == list(range(1, 21))
    gap = max(abs(found[step] - wanted[step]) / wanted[step] for step in wanted)
    print(f"four processes against one, 20 losses: {gap:.1e} relative")
    assert gap < 1e-5


def ranks_of(process: Any) -> list[int]:
    """The launcher's own children, the first rank first."""
    children = [pid for pid in members(process.pid) if b"stereo_exp" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in children}
    found = sorted(pid for pid, parent in parents.items() if parent == process.pid)
    # Ranks lead sessions of their own where the launcher makes them so.
    return found or sorted(int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


@pytest.mark.long
@linux
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_job(tmp_path: Path, rank: int) -> None:
    process = torchrun(tmp_path, "tracker=none", "name=a", "optim.steps=3000", "train.eval_every=0")
    try:
        wait_for_steps(tmp_path / "a" / "float", 3, process)
        pids = ranks_of(process)
        assert len(pids) == 2
        os.kill(pids[rank], signal.SIGKILL)
        began = time.monotonic()
        _, err = process.communicate(timeout=60)
        seconds = time.monotonic() - began
    finally:
        process.kill()
    print(f"rank {rank} killed: ended after {seconds:.1f} s with {process.returncode}")
    assert process.returncode == 1
    assert seconds < 30
    assert "Signal 9 (SIGKILL)" in err
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 3) < 3


@pytest.mark.long
@linux
def test_killed_at_five_random_moments(tmp_path: Path) -> None:
    """From the ranks' first moment on, imports and evaluations included: it ends and leaves nobody. Started again, five
    times in one run, it has the losses of one that nobody killed."""
    chance = random.Random(28)
    words = ("tracker=none", "train.save_every=3", "train.eval_every=3", "loader.batch_size=2", "dataset.num_test=2",
             "dataset.num_train=16")  # fmt: skip
    unbroken = torchrun(tmp_path, *words, "name=whole", "optim.steps=30")
    wait_until(lambda: len(ranks_of(unbroken)) == 2, 240, unbroken)
    began = time.monotonic()
    _, err = end_of(unbroken, 900)
    span = time.monotonic() - began
    assert unbroken.returncode == 0, err[-3000:]
    (whole,) = (tmp_path / "whole" / "float").iterdir()
    for number in range(5):
        moment, rank = chance.uniform(0, span), chance.randrange(2)
        process = torchrun(tmp_path, *words, f"name=killed{number}", "optim.steps=3000")
        try:
            wait_until(lambda: len(ranks_of(process)) == 2, 240, process)  # noqa: B023
            time.sleep(moment)
            family, steps = descendants(process.pid), recorded(tmp_path / f"killed{number}")
            os.kill(ranks_of(process)[rank], signal.SIGKILL)
            began = time.monotonic()
            _, err = process.communicate(timeout=120)
            seconds = time.monotonic() - began
        finally:
            process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), 3)  # noqa: B023
        print(f"rank {rank} killed after {moment:.1f} s, {steps} steps: ended after {seconds:.1f} s "
              f"with {process.returncode}, {len(family)} processes gone")  # fmt: skip
        assert process.returncode == 1
        assert seconds < 30
        assert "Signal 9 (SIGKILL)" in err
    again = ("--standalone", "--nproc-per-node=2", "--max-restarts=5")
    process = torchrun(tmp_path, *words, "name=again", "optim.steps=30", options=again)
    before: list[int] = []
    for threshold in sorted(chance.sample(range(2, 24), 5)):

        def is_due() -> bool:
            ranks = ranks_of(process)
            return len(ranks) == 2 and not set(ranks) & set(before) and recorded(tmp_path / "again") >= threshold  # noqa: B023

        wait_until(is_due, 240, process)
        time.sleep(chance.uniform(0, 0.5))
        before = ranks_of(process)
        rank = chance.randrange(2)
        print(f"rank {rank} killed behind step {recorded(tmp_path / 'again')}, started again")
        os.kill(before[rank], signal.SIGKILL)
    _, err = end_of(process, 900)
    assert process.returncode == 0, err[-3000:]
    (run,) = (tmp_path / "again" / "float").iterdir()
    assert losses(run) == losses(whole)
    assert sorted(losses(run)) == list(range(1, 31))


def recorded(folder: Path) -> int:
    """The steps that the only run of a name has recorded so far."""
    return sum(path.read_text().count("train/loss") for path in folder.glob("float/*/metrics.jsonl"))


@pytest.mark.long
@linux
@pytest.mark.parametrize("rank", [0, 1])
def test_started_again_it_goes_on_in_its_folder_and_its_mlflow_run(tmp_path: Path, rank: int) -> None:
    words = ("tracker=mlflow", "optim.steps=24", "train.save_every=3", "train.eval_every=1", "optim.ema_decay=0.9",
             "loader.batch_size=2", "augment=photometric")  # fmt: skip
    again = ("--standalone", "--nproc-per-node=2", "--max-restarts=1")
    process = torchrun(tmp_path, *words, "name=a", options=again)
    wait_for_steps(tmp_path / "a" / "float", 8, process)
    os.kill(ranks_of(process)[rank], signal.SIGKILL)
    out, err = end_of(process)
    assert process.returncode == 0, err[-3000:]
    report = json.loads(out.splitlines()[-1])
    (run,) = (tmp_path / "a" / "float").iterdir()
    assert report["run_dir"] == str(run)
    assert "started again: going on from step" in err
    unbroken = torchrun(tmp_path, *words, "name=b", "tracker=none")
    whole, err = end_of(unbroken)
    assert unbroken.returncode == 0, err[-3000:]
    (other,) = (tmp_path / "b" / "float").iterdir()
    assert losses(run) == losses(other)
    assert sorted(losses(run)) == list(range(1, 25))
    assert report["epe"] == json.loads(whole.splitlines()[-1])["epe"]
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tracked,) = client.search_runs([client.get_experiment_by_name("a").experiment_id])
    assert tracked.info.status == "FINISHED"
    history = client.get_metric_history(tracked.info.run_id, "train/loss")
    assert sorted(metric.step for metric in history) == list(range(1, 25))


@pytest.mark.long
@linux
def test_a_sweep_goes_job_by_job_and_a_mistake_is_one_line(tmp_path: Path) -> None:
    words = ("tracker=none", "name=a", "optim.steps=2", "train.eval_every=0", "loader.batch_size=1")
    process = torchrun(tmp_path, *words, "seed=0,1", "-m")
    out, err = end_of(process)
    assert process.returncode == 0, err[-3000:]
    reports = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [Path(report["run_dir"]).name for report in reports] == ["0_float", "1_float"]
    for wrong, told in (
        (("model.maxdisp=100",), "error: model.maxdisp=100: "),
        (("machine.processes=3",), "error: machine.processes=3: torchrun started 2 processes"),
        ((f"init_from={tmp_path / 'none'}",), f"error: {tmp_path / 'none'}: "),
    ):
        process = torchrun(tmp_path, *words, *wrong)
        out, err = end_of(process)
        assert process.returncode == 1
        assert out == ""
        # The launcher tells it once more, in its own report.
        assert [line for line in err.splitlines() if line.startswith("error: ")] == [
            line for line in err.splitlines() if line.startswith(told)
        ]
        assert sum(line.startswith(told) for line in err.splitlines()) == 1
        assert f"traceback : {told}" in err
