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

import pytest
from slurm import Slurm, missing
from test_launchers import SMALL, needs, sweep

LOW = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=low")
STEPS = 24
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
        time.sleep(0.1)


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


class Training:
    """A sweep of one chain, float and calib, that Slurm runs."""

    def __init__(self, root: Path, cluster: Slurm) -> None:
        self.cluster, self.root = cluster, root
        words = (*SMALL, *LONGER, *LOW, f"root={root}", "stage=calib,float")
        environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
        self.sweep = subprocess.Popen(
            [sys.executable, "-m", "stereo_exp", "-m", *words],
            cwd=root,
            env={**environment, "OMP_NUM_THREADS": "1", **cluster.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def job(self) -> str:
        """Its id."""
        return next(iter(sorted(self.cluster.jobs(), key=int, reverse=True)))

    def log(self) -> str:
        return "".join(path.read_text() for path in self.root.glob("a/sweep/*/0_float/stereo_exp.log"))

    def told(self) -> str:
        return f"{self.cluster.jobs()}\n{self.log()}\n{self.cluster.told()}"

    def go_on(self, steps: int) -> None:
        """Until it has taken so many more."""
        begin = self.recorded()
        wait_for(lambda: self.recorded() >= begin + steps, self.told)

    def recorded(self) -> int:
        return sum(path.read_text().count("train/loss") for path in self.root.glob("a/sweep/*/0_float/metrics.jsonl"))

    def come_back(self, times: int) -> None:
        """Until it has been stopped so often, and is in the queue or runs again; it need not wait there."""
        wait_for(lambda: self.log().count("which is saved") == times, self.told)
        wait_for(lambda: self.state("Restarts") == str(times), self.told)
        if self.state("JobState") == "PENDING":
            self.cluster.run("scontrol", "update", f"JobId={self.job()}", "StartTime=now")

    def state(self, key: str) -> str:
        """What Slurm knows of it."""
        words = self.cluster.run("scontrol", "show", "job", self.job()).split()
        return dict(word.split("=", 1) for word in words if "=" in word)[key]


def losses(run: Path) -> dict[int, float]:
    """Of its steps, each of which was recorded once."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [record["step"] for record in records if "train/loss" in record]
    assert len(steps) == len(set(steps))
    return {record["step"]: record["train/loss"] for record in records if "train/loss" in record}


def test_a_job_that_slurm_takes_away_comes_back_and_goes_on_in_its_folder(tmp_path: Path, cluster: Slurm) -> None:
    """Warned as submitit has Slurm warn; put back into the queue by hand; preempted by another job; warned by USR1."""
    training = Training(tmp_path, cluster)
    try:
        training.go_on(3)
        job = training.job()
        cluster.run("scancel", "--signal=USR2", job)
        training.come_back(1)
        training.go_on(3)
        cluster.run("scontrol", "requeue", job)
        training.come_back(2)
        training.go_on(3)
        cluster.run("sbatch", "--partition=high", "--ntasks=2", f"--output={tmp_path}/high", "--wrap=true")
        # The newest job is the other one's for a while.
        training.job = lambda: job  # type: ignore[method-assign]
        training.come_back(3)
        training.go_on(3)
        cluster.run("scancel", "--signal=USR1", job)
        wait_for(lambda: training.state("JobState") == "FAILED", training.told)
        cluster.run("scontrol", "requeue", job)
        training.come_back(4)
        out, err = training.sweep.communicate(timeout=SECONDS)
    finally:
        training.sweep.kill()
    assert training.sweep.returncode == 0, err[-3000:]
    (folder,) = tmp_path.glob("a/sweep/*")
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == [".submitit", "0_float", "1_calib"]
    assert training.log().count("going on from step") == 4
    signals = [line.rpartition(" ")[2] for line in training.log().splitlines() if "stopped by" in line]
    assert signals == ["SIGUSR2", "SIGTERM", "SIGTERM", "SIGUSR1"]
    assert out.count("done") == 2
    words = [sys.executable, "-m", "stereo_exp", *SMALL, *LONGER, f"root={tmp_path}", "name=unbroken"]
    subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=SECONDS, capture_output=True)
    (there,) = tmp_path.glob("unbroken/float/*")
    assert losses(folder / "0_float") == losses(there)
    assert sorted(losses(there)) == list(range(1, STEPS + 1))
