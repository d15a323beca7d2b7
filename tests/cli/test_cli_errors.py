"""The user's mistakes: exit code 2, one line that names the key, the value and the fix, no traceback."""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from stereo_exp.config.schema import TASKS
from stereo_exp.suite.tasks import TASKS as BUILT_TASKS

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("model.foo=1", ["model.foo=1", "not a key", "--cfg job"]),
        ("model.maxdispp=64", ["model.maxdispp=64", "did you mean model.maxdisp?"]),
        ("model.maxdisp=abc", ["model.maxdisp=abc", "Integer"]),
        ("loader.crop=256", ["loader.crop"]),
        ("optim.lr=null", ["optim.lr=null", "not Optional"]),
        ("model.maxdisp=100", ["model.maxdisp=100", "multiple of 32", "try model.maxdisp=96"]),
        ("experiment=smoke model.maxdisp=100", ["model.maxdisp=100", "try model.maxdisp=96"]),
        ("stage=calibration", ["stage=calibration", "calib, float, int_infer, qat", "try stage=calib"]),
        ("model/backbone=mixvarget", ["model/backbone=mixvarget", "try model/backbone=mixvargenet"]),
        ("model.backbone.name=vit", ["model/backbone=vit", "mobilenetv2"]),
        ("experiment=nope", ["experiment=nope", "smoke"]),
        ("stage=null", ["stage=null", "calib, float, int_infer, qat", "try stage="]),
        ("experiment=smoke stage=null seed=1", ["error: stage=null", "try stage="]),
        ("model/backbone=null", ["model/backbone=null", "try model/backbone=mixvargenet"]),
        ("foo", ["foo", "EQUAL"]),
        ("~model", ["model"]),
        ("root=${nowhere}", ["nowhere"]),
        ("seed=${oc.env:STEREO_EXP_NOT_SET}", ["seed", "STEREO_EXP_NOT_SET"]),
        ("stage=float,calib", ["stage=float,calib", "--multirun"]),
        ("quant/stage=calib", ["quant/stage=calib", "stage=float", "stage=calib"]),
        ("name=a/b", ["name=a/b", "try name="]),
        ("dataset=sceneflow", ["dataset.root", "STEREO_EXP_SCENEFLOW"]),
        ("tracker=none tracker.uri=x", ["tracker.uri=x"]),
        ("task=infer infer.left=l.png", ["infer.right", "add infer.right=FILE"]),
        ("--config-name=nope", ["nope"]),
        ("--config-dir=/not/there", ["/not/there"]),
        ("model.head.hidden=8", ["model.head.hidden=8", "has a new name", "type model.upsampling.hidden=8"]),
        ("model.head.num_modules=2 seed=1", ["model.head.num_modules=2", "type model.aggregation.num_modules=2"]),
        ("model.head=aanet_spx", ["model.head=aanet_spx", "is gone", "model.upsampling.hidden for model.head.hidden"]),
        ("+model.head.num_modules=2", ["model.head", "model.aggregation.num_modules for model.head.num_modules"]),
        ("model/head=aanet", ["model/head=aanet", "try model/head=aanet_spx"]),
        ("model/volume=single", ["model/upsampling=deconvolution", "cells of 8 px", "try model/upsampling=convex"]),
    ],
)
def test_mistake_in_the_configuration(cli: Cli, arguments: str, told: list[str], tmp_path: Path) -> None:
    outcome = cli(*arguments.split())
    assert outcome.err == outcome.error_line + "\n", "nothing but the one line"
    for fragment in told:
        assert fragment in outcome.error_line


def test_every_task_that_may_be_named_is_there() -> None:
    assert set(TASKS) == set(BUILT_TASKS)


def test_sweep_stops_at_the_first_mistake(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("-m", "model.maxdisp=100,200", "seed=1,2")
    assert "model.maxdisp=100" in outcome.error_line
    assert not list(tmp_path.glob("outputs/*/sweep/*/1_*")), "the second job was started"


@pytest.mark.parametrize("task", ["train", "eval"])
def test_data_root_that_is_absent(cli: Cli, tiny_checkpoint: Path, tmp_path: Path, task: str) -> None:
    absent = tmp_path / "absent"
    where = [f"task={task}", "dataset=sceneflow", f"dataset.root={absent}", "tracker=none"]
    if task == "eval":
        where.append(f"checkpoint={tiny_checkpoint}")
    outcome = cli("experiment=smoke", *where)
    assert f"dataset.root={absent}" in outcome.error_line


@pytest.mark.parametrize("task", ["eval", "infer"])
def test_no_checkpoint_yet(cli: Cli, task: str) -> None:
    outcome = cli(f"task={task}", "name=fresh", "tracker=none")
    assert "python -m stereo_exp stage=float name=fresh" in outcome.error_line


class Trap:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return open, (self.path, "w")


def _pickled(path: Path, trap: Trap, how: str) -> None:
    if how == "torch zip":
        torch.save({"model": trap}, path)
    elif how == "torch legacy":
        torch.save({"model": trap}, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps({"model": trap}, protocol=int(how[-1])))


@pytest.mark.parametrize(
    ("key", "how"),
    [
        *(("checkpoint", f"pickle {protocol}") for protocol in (0, 2, 4, 5)),
        *(("checkpoint", how) for how in ("torch zip", "torch legacy")),
        ("init_from", "torch zip"),
    ],
)
def test_pickled_checkpoint_is_refused_unread(cli: Cli, tmp_path: Path, how: str, key: str) -> None:
    path, sprung = tmp_path / "best.safetensors", tmp_path / "sprung"
    _pickled(path, Trap(sprung), how)
    task = "infer" if key == "checkpoint" else "train"
    outcome = cli("experiment=smoke", f"task={task}", f"{key}={path}", "tracker=none")
    assert str(path) in outcome.error_line
    assert not sprung.exists(), "code from the checkpoint ran"
    with contextlib.suppress(AttributeError, TypeError, OSError), path.open("rb") as file:
        pickle.load(file) if how.startswith("pickle") else torch.load(file, weights_only=False)
    assert sprung.exists(), "the test's trap does not spring, so it proves nothing"


def _damage(path: Path, how: str) -> Path:
    data = path.read_bytes()
    damaged = path.with_name(f"{how.replace(' ', '_')}.safetensors")
    if how == "truncated":
        damaged.write_bytes(data[: len(data) // 2])
    elif how == "cut in the header":
        damaged.write_bytes(data[:20])
    elif how == "empty":
        damaged.write_bytes(b"")
    elif how == "text":
        damaged.write_text("not a checkpoint")
    elif how == "huge header":
        damaged.write_bytes(struct.pack("<Q", 2**60) + data[8:])
    elif how == "folder":
        damaged.mkdir()
    return damaged


@pytest.mark.parametrize("how", ["truncated", "cut in the header", "empty", "text", "huge header", "folder", "absent"])
def test_unreadable_checkpoint(cli: Cli, tiny_checkpoint: Path, tmp_path: Path, how: str) -> None:
    copy = tmp_path / "whole.safetensors"
    copy.write_bytes(tiny_checkpoint.read_bytes())
    path = _damage(copy, how)
    outcome = cli("experiment=smoke", "task=infer", f"checkpoint={path}", "tracker=none")
    assert str(path) in outcome.error_line


@pytest.mark.parametrize(
    ("key", "override", "told"),
    [
        ("checkpoint", "model.maxdisp=96", "model.maxdisp=96"),
        ("checkpoint", "model/backbone=mobilenetv2", "model.backbone.name=mobilenetv2"),
        ("checkpoint", "model.backbone.width=0.5", "model.backbone.width=0.5"),
        ("init_from", "model.maxdisp=96", "model.maxdisp=96"),
    ],
)
def test_checkpoint_of_another_network(cli: Cli, tiny_checkpoint: Path, key: str, override: str, told: str) -> None:
    task = "infer" if key == "checkpoint" else "train"
    outcome = cli("experiment=smoke", f"task={task}", f"{key}={tiny_checkpoint}", "tracker=none", override)
    assert told in outcome.error_line


def _picture(path: Path, height: int = 64, width: int = 128) -> Path:
    rng = np.random.default_rng(0)
    assert cv2.imwrite(str(path), rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
    return path


@pytest.mark.parametrize("wrong", ["other size", "absent", "truncated", "text", "folder"])
@pytest.mark.parametrize("view", ["left", "right"])
def test_wrong_image(cli: Cli, tiny_checkpoint: Path, tmp_path: Path, wrong: str, view: str) -> None:
    files = {"left": _picture(tmp_path / "l.png"), "right": _picture(tmp_path / "r.png")}
    bad = files[view]
    if wrong == "other size":
        _picture(bad, width=96)
    elif wrong == "truncated":
        bad.write_bytes(bad.read_bytes()[:2000])
    elif wrong == "text":
        bad.write_text("not a picture")
    else:
        bad.unlink()
        if wrong == "folder":
            bad.mkdir()
    outcome = cli(
        *("experiment=smoke", "task=infer", "tracker=none", f"checkpoint={tiny_checkpoint}"),
        *(f"infer.{side}={path}" for side, path in files.items()),
    )
    if wrong == "other size":
        assert all(text in outcome.error_line for text in ("infer.right", "128x64", "96x64"))
    else:
        assert f"infer.{view}={bad}" in outcome.error_line


def test_right_pair_is_inferred(cli: Cli, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """What the cases above break does work when whole."""
    files = {"left": _picture(tmp_path / "l.png"), "right": _picture(tmp_path / "r.png")}
    outcome = cli(
        *("experiment=smoke", "task=infer", "tracker=none", f"checkpoint={tiny_checkpoint}"),
        *(f"infer.{side}={path}" for side, path in files.items()),
        *("infer.out=res", "infer.focal=500", "infer.baseline=0.1"),
    )
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out.splitlines()[-1])
    assert {"task", "stage", "name", "run_dir", "seconds", "checkpoint"} <= report.keys()
    assert (report["height"], report["width"]) == (64, 128)
    assert (tmp_path / "res" / "disparity.pfm").is_file()


def test_store_that_cannot_be_opened(cli: Cli, tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "not_a_store.db").write_text("text")
    uri = f"sqlite:///{tmp_path}/not_a_store.db"
    pair = [f"infer.{side}={_picture(tmp_path / f'{side}.png')}" for side in ("left", "right")]
    outcome = cli(
        "experiment=smoke", "task=infer", f"checkpoint={tiny_checkpoint}", "tracker=mlflow", f"tracker.uri={uri}", *pair
    )
    assert all(text in outcome.error_line for text in ("tracker.uri", "tracker=none"))


def test_run_folder_that_cannot_be_made(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = cli(f"root={tmp_path}/file")
    assert "root" in outcome.error_line
