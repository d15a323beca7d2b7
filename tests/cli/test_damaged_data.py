"""Damaged data through the entrypoint: one line that names the file, or skipped and counted where asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from in_process import Outcome

from data_tools.pack import pack
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import read_pfm, write_pfm
from stereo_exp.shapes.writer import pair_paths, render_dataset

Cli = Callable[..., Outcome]
Damage = Callable[[Path, Path, Path], Path]
"""(left, right, disparity) of the first test pair -> the file that errors must name."""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training and three test pairs in SceneFlow's layout."""
    root = tmp_path_factory.mktemp("pristine") / "SceneFlow"
    render_dataset(root, train=4, test=3, height=64, width=96, workers=1)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    shutil.copytree(pristine, tmp_path / "SceneFlow")
    return tmp_path / "SceneFlow"


def truncated_png(left: Path, right: Path, disparity: Path) -> Path:
    left.write_bytes(left.read_bytes()[:-200])
    return left


def missing_view(left: Path, right: Path, disparity: Path) -> Path:
    right.unlink()
    return right


def views_of_different_size(left: Path, right: Path, disparity: Path) -> Path:
    right.write_bytes(encode_png(np.zeros((64, 95, 3), np.uint8)))
    return right


def wrong_pfm_header(left: Path, right: Path, disparity: Path) -> Path:
    disparity.write_bytes(b"P6" + disparity.read_bytes()[2:])
    return disparity


def short_pfm(left: Path, right: Path, disparity: Path) -> Path:
    disparity.write_bytes(disparity.read_bytes()[:-1])
    return disparity


def nan_disparity(left: Path, right: Path, disparity: Path) -> Path:
    values = read_pfm(disparity)
    values[5, 7] = np.nan
    write_pfm(disparity, values)
    return disparity


def truth_of_another_size(left: Path, right: Path, disparity: Path) -> Path:
    write_pfm(disparity, np.ones((64, 90), np.float32))
    return disparity


DAMAGES = [
    truncated_png,
    missing_view,
    views_of_different_size,
    wrong_pfm_header,
    short_pfm,
    nan_disparity,
    truth_of_another_size,
]


def damage(root: Path, how: Damage, split: str = "TEST") -> Path:
    paths = pair_paths(split, 0)
    return how(root / paths.left, root / paths.right, root / paths.disparity_left)


def arguments(root: Path, *more: str) -> tuple[str, ...]:
    return (
        "experiment=smoke", "dataset=sceneflow", f"dataset.root={root}", "tracker=none", "eval.pictures=0",
        "loader.crop=[64,96]", *more,
    )  # fmt: skip


@pytest.mark.parametrize("how", DAMAGES)
def test_evaluation_stops_at_the_file_or_skips_it(cli: Cli, tiny_checkpoint: Path, root: Path, how: Damage) -> None:
    named = damage(root, how)
    common = arguments(root, "task=eval", f"checkpoint={tiny_checkpoint}")
    stopped = cli(*common)
    assert str(named) in stopped.error_line
    assert "line 1" in stopped.error_line
    skipped = cli(*common, "dataset.on_error=skip")
    assert skipped.code == 0, skipped.err
    report = json.loads(skipped.out.splitlines()[-1])
    assert (report["n_images"], report["n_skipped"]) == (2, 1)
    assert report["epe"] > 0
    assert named.name in skipped.err


@pytest.mark.parametrize("workers", [0, 1])
def test_training_stops_at_the_file_or_skips_it(cli: Cli, root: Path, workers: int) -> None:
    named = damage(root, truncated_png, "TRAIN")
    common = arguments(root, "optim.steps=2", f"loader.workers={workers}", "train.eval_every=0")
    assert str(named) in cli(*common).error_line
    report = json.loads(cli(*common, "dataset.on_error=skip").out.splitlines()[-1])
    # Two steps of four pairs are two epochs here, each without the damaged one.
    assert report["num_skipped_pairs"] == 2
    assert report["num_steps"] == 2


def test_a_shard_cut_short(cli: Cli, tiny_checkpoint: Path, pristine: Path, tmp_path: Path) -> None:
    pack(pristine, tmp_path / "shards", "test", num_workers=1, samples_per_shard=2)
    shard = tmp_path / "shards" / "test" / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    common = arguments(tmp_path / "shards", "task=eval", f"checkpoint={tiny_checkpoint}")
    assert str(shard) in cli(*common).error_line
    report = json.loads(cli(*common, "dataset.on_error=skip").out.splitlines()[-1])
    assert (report["n_images"], report["n_skipped"]) == (1, 2)


def test_nothing_but_damage_is_no_result(cli: Cli, tiny_checkpoint: Path, root: Path) -> None:
    for index in range(3):
        (root / pair_paths("TEST", index).left).write_bytes(b"")
    outcome = cli(*arguments(root, "task=eval", f"checkpoint={tiny_checkpoint}", "dataset.on_error=skip"))
    report = json.loads(outcome.out.splitlines()[-1])
    assert (report["n_images"], report["n_skipped"], report["epe"]) == (0, 3, None)


def test_a_list_file_that_is_absent(cli: Cli, tiny_checkpoint: Path, root: Path) -> None:
    (root / "SceneFlow_finalpass_test.txt").unlink()
    outcome = cli(*arguments(root, "task=eval", f"checkpoint={tiny_checkpoint}"))
    assert "SceneFlow_finalpass_test.txt" in outcome.error_line
