"""Sweeps on a real Slurm, which is brought up for them: chains in two slots, a job that is taken off its machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from slurm import Slurm, missing
from slurm_job import Counting
from test_launchers import SMALL, needs, sweep

from stereo_exp.suite.runs.slurm import read_facts

LOW = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=low")
# Some pass between what a test sees and what it does.
STEPS = 600
# A machine that others use needs minutes to import torch.
SECONDS = 3600
LONGER = (f"optim.steps={STEPS}", "train.log_every=1", "train.save_every=1000", "loader.batch_size=1",
          "machine.precision=fp32")  # fmt: skip
pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    needs("hydra_submitit_launcher")
    # The socket's path must be short.
    with Slurm(tmp_path_factory.mktemp("slurm") / "s") as found:
        yield found


def wait_for(holds: Callable[[], object], told: Callable[[], str]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.2)


class Job:
    """A job of Slurm's, and how it is told of what comes.

    Args:
        read: how many steps it has recorded, and its log.
    """

    def __init__(self, cluster: Slurm, number: str, read: Callable[[], tuple[int, str]]) -> None:
        self.cluster, self.number, self.read = cluster, number, read
        self.stops = 0

    def facts(self) -> dict[str, str]:
        return read_facts(self.cluster.run("scontrol", "show", "job", self.number, "--oneliner"))

    def wait_for(self, holds: Callable[[], object]) -> None:
        wait_for(holds, lambda: f"{self.facts()}\n{self.read()}\n{self.cluster.told()}")

    def stop(self, *words: str, by_hand: bool = False) -> None:
        """Behind three more steps have a command stop it, and wait until it runs again.

        Args:
            by_hand: put it back into the queue when it has ended.
        """
        begin = self.read()[0]
        self.wait_for(lambda: self.read()[0] >= begin + 3)
        self.cluster.run(*words)
        self.stops += 1
        self.wait_for(lambda: self.read()[1].count("stopped by") == self.stops)
        if by_hand:
            self.wait_for(lambda: self.facts()["JobState"] == "FAILED")
            self.cluster.run("scontrol", "requeue", self.number)
        self.wait_for(lambda: self.facts()["Restarts"] == str(self.stops) and self.facts()["JobState"] != "COMPLETING")
        if self.facts()["JobState"] == "PENDING":
            # Slurm lets two minutes pass by itself.
            self.cluster.run("scontrol", "update", f"JobId={self.number}", "StartTime=now")

    def stop_in_each_way(self) -> None:
        """Warned as submitit has Slurm warn; put back by hand; preempted by another job; warned by USR1."""
        self.stop("scancel", "--signal=USR2", self.number)
        self.stop("scontrol", "requeue", self.number)
        self.stop("sbatch", "--partition=high", "--ntasks=2", "--output=/dev/null", "--wrap=true")
        self.stop("scancel", "--signal=USR1", self.number, by_hand=True)

    def reasons(self) -> list[str]:
        """Why it was stopped, each time."""
        return [line.partition("stopped by ")[2] for line in self.read()[1].splitlines() if "stopped by" in line]


REASONS = ["SIGUSR2", "SIGTERM", "SIGTERM; Slurm has the job in its queue again", "SIGUSR1"]


@pytest.fixture
def counting(
    tmp_path: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[Job, Callable[[], Any]]]:
    """A function from how far to count to a job that does, and what gives its result."""
    import submitit

    for key, value in {**cluster.environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}.items():
        monkeypatch.setenv(key, value)

    def start(target: int) -> tuple[Job, Callable[[], Any]]:
        executor = submitit.AutoExecutor(folder=tmp_path / "submitit" / "%j", cluster="slurm")
        executor.update_parameters(slurm_partition="low", timeout_min=60)
        submitted = executor.submit(Counting(tmp_path, target))
        steps, log = tmp_path / "steps", tmp_path / "stereo_exp.log"

        def read() -> tuple[int, str]:
            told = log.read_text() if log.exists() else ""
            return (steps.read_text().count("step ") if steps.exists() else 0), told

        return Job(cluster, submitted.job_id, read), submitted.result

    return start


def test_a_job_comes_back_whatever_takes_it_away(
    tmp_path: Path, counting: Callable[[int], tuple[Job, Callable[[], Any]]]
) -> None:
    job, result = counting(120)
    job.stop_in_each_way()
    assert result() == 120
    assert job.reasons() == REASONS
    lines = (tmp_path / "steps").read_text().splitlines()
    assert [line for line in lines if "started" in line] == [f"started {number}" for number in range(5)]
    assert [line for line in lines if "step " in line] == [f"step {number}" for number in range(1, 121)]


def test_a_job_that_was_cancelled_stays_so(counting: Callable[[int], tuple[Job, Callable[[], Any]]]) -> None:
    job, _ = counting(10_000)
    job.wait_for(lambda: job.read()[0] >= 3)
    job.cluster.run("scancel", job.number)
    job.wait_for(lambda: job.facts()["JobState"] == "CANCELLED")
    assert job.reasons() == ["SIGTERM"]
    assert job.facts()["Restarts"] == "0"


def test_two_chains_of_four_stages_in_two_slots(
    tmp_path: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed backwards, on a fresh store; each stage finds the one before it of its own chain."""
    for key, value in cluster.environment.items():
        monkeypatch.setenv(key, value)
    outcome, rows = sweep(tmp_path, *LOW, "stage=int_infer,qat,calib,float", "model/backbone=mobilenetv2,tiny")
    assert outcome.code == 0, outcome.err[-3000:]
    stages = ("float", "calib", "qat", "int_infer")
    assert sorted((row["stage"], row["model/backbone"]) for row in rows) == sorted(
        (stage, backbone) for stage in stages for backbone in ("mobilenetv2", "tiny")
    )
    assert {row["status"] for row in rows} == {"done"}
    (folder,) = tmp_path.glob("a/sweep/*")
    for number in (0, 1):
        names = [f"{number + 2 * place}_{stage}" for place, stage in enumerate(stages)]
        for before, behind in pairwise(names):
            assert str(folder / before) in (folder / behind / "stereo_exp.log").read_text()
    assert len(list((folder / ".submitit").glob("*_*/*_result.pkl"))) == 2, "a chain is one job of Slurm's"


def losses(run: Path) -> dict[int, float]:
    """Of its steps, each of which was recorded once."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [record["step"] for record in records if "train/loss" in record]
    assert len(steps) == len(set(steps))
    return {record["step"]: record["train/loss"] for record in records if "train/loss" in record}


def test_a_training_that_slurm_takes_away_goes_on_in_its_folder(tmp_path: Path, cluster: Slurm) -> None:
    """In a sweep of one chain, whose next stage follows; with the losses of one that nobody stopped."""
    known = set(cluster.jobs())
    words = (*SMALL, *LONGER, f"root={tmp_path}")
    environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    sweeping = subprocess.Popen(
        [sys.executable, "-m", "stereo_exp", "-m", *words, *LOW, "stage=calib,float"],
        cwd=tmp_path,
        env={**environment, "OMP_NUM_THREADS": "1", **cluster.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def read() -> tuple[int, str]:
        steps, logs = (list(tmp_path.glob(f"a/sweep/*/0_float/{name}")) for name in ("metrics.jsonl", "stereo_exp.log"))
        return sum(each.read_text().count("train/loss") for each in steps), "".join(each.read_text() for each in logs)

    try:
        wait_for(lambda: set(cluster.jobs()) - known, cluster.told)
        (number,) = set(cluster.jobs()) - known
        job = Job(cluster, number, read)
        job.stop_in_each_way()
        out, err = sweeping.communicate(timeout=SECONDS)
    finally:
        sweeping.kill()
    assert sweeping.returncode == 0, err[-3000:]
    (folder,) = tmp_path.glob("a/sweep/*")
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == [".submitit", "0_float", "1_calib"]
    assert job.reasons() == REASONS
    assert read()[1].count("going on from step") == 4
    assert out.count("done") == 2
    alone = [sys.executable, "-m", "stereo_exp", *(word for word in words if word != "name=a"), "name=unbroken"]
    subprocess.run(alone, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=SECONDS, capture_output=True)
    (there,) = tmp_path.glob("unbroken/float/*")
    assert losses(folder / "0_float") == losses(there)
    assert sorted(losses(there)) == list(range(1, STEPS + 1))
