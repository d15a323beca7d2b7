"""A damaged checkpoint is told in a line, and the generation before it is used: a name is never blocked by one file."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stereo_exp.base import CheckpointError, UserError
from stereo_exp.base.files import copy_file, previous_generation, write_generation
from stereo_exp.model.checkpoint import BEST, LAST, load_checkpoint, load_newest, read_meta, save_checkpoint
from stereo_exp.suite.networks import find_named
from stereo_exp.suite.runs.context import REPORT_FILE, RUN_FILE, RunContext
from stereo_exp.suite.runs.find import find_checkpoint, find_resumable, find_start

MakeContext = Callable[..., RunContext]


def flip(path: Path, at: float) -> None:
    """Turn one bit over, `at` of the way into the file."""
    data = bytearray(path.read_bytes())
    data[min(len(data) - 1, int(at * len(data)))] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign(path: Path) -> None:
    save_file({"weight": torch.ones(2)}, path)


def borrowed(path: Path) -> None:
    """Our format, and a step that is a word."""
    save_checkpoint(path, {"stage": "float", "step": "three", "num_steps": 9, "config": {}, "run_id": None}, {})


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": cut,
    "a bit of the tensors": lambda path: flip(path, 0.999),
    "foreign": foreign,
    "borrowed": borrowed,
    "a pickle": lambda path: path.write_bytes(b"\x80\x04K\x01."),
}


@pytest.fixture
def make_run(make_context: MakeContext) -> Callable[..., RunContext]:
    """A run with two generations of each checkpoint, at steps 3 and 4."""

    def make(*overrides: str, age: int = 0) -> RunContext:
        context = make_context(*overrides)
        for step in (3, 4):
            meta = {"stage": context.config.stage, "step": step, "num_steps": 9, "config": context.config_dict()}
            weights = {"model": {"w": torch.full((64,), float(step))}}
            for file in (BEST, LAST):
                save_checkpoint(context.dir / file, {**meta, "run_id": None}, weights, keep_previous=True)
        os.utime(context.dir / RUN_FILE, (1_700_000_000 - 60 * age,) * 2)
        return context

    return make


@pytest.fixture(params=list(DAMAGE))
def damage(request: pytest.FixtureRequest) -> Callable[[Path], object]:
    return DAMAGE[request.param]


def told(caplog: pytest.LogCaptureFixture, path: Path) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and str(path) in r.getMessage()]


def test_every_command_takes_the_generation_before(
    make_run: Callable[..., RunContext],
    make_context: MakeContext,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = make_run("name=a")
    best, last = run.dir / BEST, run.dir / LAST
    damage(best)
    damage(last)
    before = previous_generation(best)
    assert find_resumable(make_context("name=a", "train.resume=auto")) == previous_generation(last)
    assert find_resumable(make_context("name=a", f"train.resume={run.dir}")) == previous_generation(last)
    assert find_checkpoint(make_context("name=a", "task=eval")).path == before
    assert find_checkpoint(make_context("name=a", "task=eval", f"checkpoint={run.dir}")).path == before
    assert find_named(run.dir).checkpoint == before
    assert find_start(make_context("name=a", "stage=calib")) == before
    assert load_checkpoint(before).part("model")["w"][0] == 3
    for path in (best, last):
        lines = [line for line in told(caplog, path) if line.startswith("left out:")]
        assert lines and all("\n" not in line for line in lines)


def test_with_both_generations_damaged_the_run_before_is_used(
    make_run: Callable[..., RunContext], make_context: MakeContext, damage: Callable[[Path], object]
) -> None:
    older, newer = make_run("name=a", age=1), make_run("name=a")
    for path in (newer.dir / BEST, newer.dir / LAST):
        damage(path)
        damage(previous_generation(path))
    assert find_resumable(make_context("name=a", "train.resume=auto")) == older.dir / LAST
    assert find_checkpoint(make_context("name=a", "task=eval")).path == older.dir / BEST
    assert find_start(make_context("name=a", "stage=calib")) == older.dir / BEST


def test_a_damaged_file_that_is_named_is_refused_and_the_one_before_it_named(
    make_run: Callable[..., RunContext], make_context: MakeContext, damage: Callable[[Path], object]
) -> None:
    path = make_run("name=a").dir / BEST
    damage(path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0])
def test_no_flipped_bit_stays_unseen(tmp_path: Path, at: float) -> None:
    """Of JSON and tensors; those of the length, of names and shapes make another file of it, which is told as well."""
    path = tmp_path / "c.safetensors"
    meta = {"stage": "float", "step": 3, "num_steps": 9, "run_id": None, "config": {"text": "x" * 500}}
    save_checkpoint(path, meta, {"model": {"w": torch.zeros(500), "half": torch.zeros(7).bfloat16()}})
    flip(path, at)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_a_checkpoint_without_checksum_is_read(tmp_path: Path) -> None:
    """Those of 0.1.0 carry none."""
    new, old = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    meta = {"stage": "float", "step": 3, "num_steps": 9, "run_id": None, "config": {}}
    save_checkpoint(new, meta, {"model": {"w": torch.ones(3)}})
    from safetensors import safe_open

    with safe_open(str(new), framework="pt") as file:
        header = dict(file.metadata())
    assert header.pop("sha256")
    save_file(load_file(new), old, metadata=header)
    assert load_checkpoint(old).part("model")["w"].sum() == 3


def test_two_generations_and_no_third(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "last.safetensors"
    for step in range(4):
        meta = {"stage": "float", "step": step, "num_steps": 9, "run_id": None, "config": {}}
        save_checkpoint(path, meta, {}, keep_previous=True)
        assert load_newest(path).meta["step"] == step
    assert sorted(p.name for p in path.parent.iterdir()) == ["last.previous.safetensors", "last.safetensors"]
    assert read_meta(previous_generation(path))["step"] == 2
    path.unlink()
    assert load_newest(path).meta["step"] == 2


def test_generations_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    for text in (b"one", b"two", b"three"):
        write_generation(tmp_path / "a.bin", text)
    assert (tmp_path / "a.bin").read_bytes() == b"three"
    assert (tmp_path / "a.previous.bin").read_bytes() == b"two"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_copy_that_breaks_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    path.write_bytes(b"old")

    def breaks(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"n")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(shutil, "copyfile", breaks)
        copy_file(source, path)
    assert path.read_bytes() == b"old"
    copy_file(source, path)
    assert path.read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_temporary_name_is_new_every_time_and_no_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into the folder cannot make us empty a file elsewhere."""
    import stereo_exp.base.files as files

    victim, path = tmp_path / "victim", tmp_path / "a"
    victim.write_bytes(b"precious")
    monkeypatch.setattr(files.secrets, "token_hex", lambda n: "guessed")
    (tmp_path / ".a.guessed.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_bytes(path, b"new")
    assert victim.read_bytes() == b"precious"
    monkeypatch.undo()
    names = []
    for _ in range(2):
        with files.replacing(path) as temporary:
            names.append(temporary.name)
            temporary.write_bytes(b"x")
    assert names[0] != names[1]


def test_a_damaged_run_file_or_manifest_blocks_no_name(
    make_run: Callable[..., RunContext], make_context: MakeContext
) -> None:
    """What a power cut leaves of an older version's files: nothing in them."""
    older, newer = make_run("name=a", age=1), make_run("name=a")
    (newer.dir / RUN_FILE).write_bytes(b"")
    (newer.dir / "compiled").mkdir()
    (newer.dir / "compiled" / "manifest.json").write_bytes(b"")
    for context in (make_context("name=a", "task=eval"), make_context("name=a", "task=eval", folder="sweep/t/0_eval")):
        assert find_checkpoint(context).path in (older.dir / BEST, newer.dir / BEST)
    from stereo_exp.suite.runs.folders import find_compiled

    with pytest.raises(UserError, match="has a compiled model"):
        find_compiled(make_context("name=a", "task=bench"), "bench.model", None)


def test_a_run_with_a_report_is_finished_and_one_without_is_not(
    make_run: Callable[..., RunContext], make_context: MakeContext
) -> None:
    run = make_run("name=a")
    meta = {"stage": "float", "step": 9, "num_steps": 9, "config": run.config_dict(), "run_id": None}
    save_checkpoint(run.dir / LAST, meta, {}, keep_previous=True)
    context = make_context("name=a", "train.resume=auto")
    assert find_resumable(context) == run.dir / LAST, "killed between its last save and its report"
    (run.dir / REPORT_FILE).write_text("{}\n")
    assert find_resumable(context) is None
