"""Runs are found by name: the checkpoint to use, and the run to go on with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stereo_exp.base.errors import CheckpointError
from stereo_exp.model.checkpoint import BEST, LAST, save_checkpoint
from stereo_exp.suite.runs.context import REPORT_FILE, RUN_FILE, RunContext
from stereo_exp.suite.runs.find import find_checkpoint, find_resumable

MakeRun = Callable[..., RunContext]
NUM_STEPS = 8


@pytest.fixture
def make_run(make_context: Callable[..., RunContext]) -> MakeRun:
    """A run that left the checkpoints in `files`; the `age`-th newest, 0 being the newest."""

    def make(
        *overrides: str,
        age: int = 0,
        step: int = NUM_STEPS,
        files: tuple[str, ...] = (BEST, LAST),
        **where: object,
    ) -> RunContext:
        context = make_context(*overrides, **where)
        meta = {
            "stage": context.config.stage,
            "step": step,
            "num_steps": NUM_STEPS,
            "config": context.config_dict(),
        }
        for file in files:
            save_checkpoint(context.dir / file, {**meta, "run_id": None}, {"model": {"w": torch.zeros(1)}})
        if step == NUM_STEPS:
            (context.dir / REPORT_FILE).write_text("{}\n")
        began = 1_700_000_000 - 60 * age
        os.utime(context.dir / RUN_FILE, (began, began))
        return context

    return make


def test_newest_of_the_name_and_stage(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    make_run("name=a", age=2)
    newest = make_run("name=a", age=1)
    make_run("name=b", age=0)
    make_run("name=a", "stage=calib", age=0)
    make_run("name=a", age=0, files=())
    assert find_checkpoint(make_context("name=a")).path == newest.dir / BEST


def test_other_stage(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    parent = make_run("name=a", age=1)
    make_run("name=a", "stage=calib")
    assert find_checkpoint(make_context("name=a", "task=eval", "stage=float")).path == parent.dir / BEST


def test_the_furthest_stage_where_none_is_asked_for(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    make_run("name=a", "stage=float", "model.maxdisp=64", age=0)
    further = make_run("name=a", "stage=qat", "model.maxdisp=64", age=3)
    found = find_checkpoint(make_context("name=a", "task=eval"))
    assert (found.path, found.stage) == (further.dir / BEST, "qat"), "of whatever network it is"
    assert "name=a" in found.why
    with pytest.raises(CheckpointError, match=r"model\.maxdisp=128: the checkpoint .* has 64"):
        find_checkpoint(make_context("name=a", "task=eval", "model.maxdisp=128"))


def test_a_run_folder_and_a_stage_that_it_is_not_of(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    run = make_run("name=b", "stage=calib")
    asked = "name=a", "task=eval", f"checkpoint={run.dir}"
    assert find_checkpoint(make_context(*asked)).path == run.dir / BEST
    with pytest.raises(CheckpointError, match=r"stage=float: .* is a calib checkpoint; leave stage= out"):
        find_checkpoint(make_context(*asked, "stage=float"))


def test_never_its_own_folder(make_run: MakeRun) -> None:
    own = make_run("name=a")
    with pytest.raises(CheckpointError):
        find_checkpoint(own)


def test_newest_with_the_configured_network(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    fitting = make_run("name=a", "model.maxdisp=64", age=1)
    make_run("name=a", "model.maxdisp=96", age=0)
    assert find_checkpoint(make_context("name=a", "model.maxdisp=64")).path == fitting.dir / BEST


def test_only_other_networks(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    make_run("name=a", "model.maxdisp=96")
    with pytest.raises(CheckpointError, match=r"model\.maxdisp=64.*add model\.maxdisp=96"):
        find_checkpoint(make_context("name=a", "model.maxdisp=64"))


def test_none_tells_the_command_that_makes_one(make_context: Callable[..., RunContext]) -> None:
    context = make_context("name=a", "task=eval", "stage=float")
    with pytest.raises(CheckpointError, match="python -m stereo_exp stage=float name=a"):
        find_checkpoint(context)


def test_given_path_wins(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    old = make_run("name=b", age=5)
    make_run("name=a")
    assert find_checkpoint(make_context("name=a", f"checkpoint={old.dir / BEST}")).path == old.dir / BEST


@pytest.mark.parametrize("linked", [False, True], ids=["plain root", "root behind a symbolic link"])
def test_in_a_sweep_each_chain_finds_its_own(
    make_run: MakeRun, make_context: Callable[..., RunContext], tmp_path: Path, linked: bool
) -> None:
    """`-m stage=float,calib optim.lr=1e-3,2e-3`: same network; only the overrides tell the chains apart."""
    root = tmp_path
    if linked:
        (tmp_path / "real").mkdir()
        root = tmp_path / "link"
        root.symlink_to(tmp_path / "real")
    place = {"in_sweep": True}
    chains = [(f"root={root}", "name=a", f"optim.lr={lr}") for lr in (1e-3, 2e-3)]
    parents = [
        make_run(*chain, "stage=float", folder=f"sweep/t1/{job}_float", age=2 - job, **place)
        for job, chain in enumerate(chains)
    ]
    make_run(*chains[0], "stage=float", age=0)
    make_run(*chains[0], "stage=float", folder="sweep/t0/0_float", age=0, **place)
    for job, (chain, parent) in enumerate(zip(chains, parents, strict=True), start=2):
        child = make_context(*chain, "task=eval", "stage=float", folder=f"sweep/t1/{job}_eval", **place)
        assert find_checkpoint(child).path.samefile(parent.dir / BEST)


def test_resume_never(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    make_run("name=a", step=3)
    assert find_resumable(make_context("name=a", "train.resume=never")) is None


@pytest.mark.parametrize(
    ("before", "now", "resumes"),
    [
        ([], [], True),
        (["eval.pictures=0"], ["train.log_every=1"], True),
        (["dataset.root=/a", "loader.workers=0"], ["dataset.root=/b", "loader.workers=2"], True),
        (["tracker=none"], ["tracker=mlflow"], True),
        (["optim.lr=0.1"], ["optim.lr=0.2"], False),
        (["seed=1"], ["seed=2"], False),
        ([], ["train.freeze_norm=true"], False),
        (["model.maxdisp=64"], ["model.maxdisp=96"], False),
        (["loader.batch_size=2"], ["loader.batch_size=4"], False),
        (["augment=none"], ["augment=flip"], False),
        (["dataset.num_train=8"], ["dataset.num_train=9"], False),
    ],
    ids=lambda x: " ".join(x) or "same" if isinstance(x, list) else None,
)
def test_resume_auto_goes_on_with_the_same_configuration(
    make_run: MakeRun,
    make_context: Callable[..., RunContext],
    before: list[str],
    now: list[str],
    resumes: bool,
) -> None:
    stopped = make_run("name=a", *before, step=3, age=1)
    context = make_context("name=a", *now, "train.resume=auto")
    assert find_resumable(context) == (stopped.dir / LAST if resumes else None)


def test_resume_auto_starts_afresh_after_a_finished_run(
    make_run: MakeRun, make_context: Callable[..., RunContext]
) -> None:
    make_run("name=a", step=3, age=1)
    make_run("name=a", step=NUM_STEPS, age=0)
    assert find_resumable(make_context("name=a", "train.resume=auto")) is None


def test_resume_auto_takes_the_newest_interrupted(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    make_run("name=a", step=5, age=2)
    newest = make_run("name=a", step=3, age=1)
    make_run("name=a", age=0, files=())
    assert find_resumable(make_context("name=a", "train.resume=auto")) == newest.dir / LAST


def test_resume_auto_in_the_same_folder(make_run: MakeRun) -> None:
    """`hydra.run.dir=` of an interrupted run."""
    run = make_run("name=a", "train.resume=auto", step=3)
    assert find_resumable(run) == run.dir / LAST


def test_resume_from_a_folder(make_run: MakeRun, make_context: Callable[..., RunContext]) -> None:
    chosen = make_run("name=b", step=3, age=4)
    make_run("name=a", step=5)
    assert find_resumable(make_context("name=a", f"train.resume={chosen.dir}")) == chosen.dir / LAST


def test_resume_from_a_folder_of_another_configuration(
    make_run: MakeRun, make_context: Callable[..., RunContext]
) -> None:
    chosen = make_run("name=a", "optim.lr=0.1", step=3)
    with pytest.raises(CheckpointError, match=r"optim\.lr=0\.2: the run to go on with has 0\.1"):
        find_resumable(make_context("name=a", "optim.lr=0.2", f"train.resume={chosen.dir}"))


def test_resume_from_a_folder_without_checkpoint(make_context: Callable[..., RunContext], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        find_resumable(make_context("name=a", f"train.resume={tmp_path}/nowhere"))


def test_lineage_is_json_that_tells_the_run(make_context: Callable[..., RunContext]) -> None:
    context = make_context("name=a", "optim.lr=0.1", folder="sweep/t/0_float", in_sweep=True)
    facts = json.loads((context.dir / RUN_FILE).read_text())
    assert facts == {
        "name": "a",
        "task": "train",
        "stage": "float",
        "overrides": ["name=a", "optim.lr=0.1"],
    }
