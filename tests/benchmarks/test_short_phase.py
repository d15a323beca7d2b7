"""A phase within minutes: what it trains, for how long, and what it leaves."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import short_phase

import stereo_exp as se
from stereo_exp.base import UserError
from stereo_exp.config.dataset import MESH_SCENES
from stereo_exp.model.checkpoint import load_checkpoint

TINY = (
    "loader.crop=[64,128]", "loader.batch_size=2", "dataset.parts.shapes.num_test=2", "dataset.parts.shapes.height=96",
    "dataset.parts.shapes.width=192", "train.log_every=1", "machine.threads=1", "loader.workers=0",
    "model.aggregation.units=[1,1,1]",
)  # fmt: skip


def options(**changes) -> argparse.Namespace:
    given = {"work": Path("/w"), "init": None, "pairs": 160, "meshes": 16, "words": []}
    return argparse.Namespace(**given | changes)


@pytest.mark.parametrize("meshes", [0, 16])
def test_its_words_compose(meshes: int) -> None:
    config = se.compose(short_phase.list_words(options(meshes=meshes, words=["optim.lr=3e-4"]))).config
    parts = config.dataset.parts
    assert set(parts) == {"shapes", "scenes"} if meshes else {"shapes"}
    assert parts["shapes"].num_train == 160
    if meshes:
        assert {kind for kind, share in parts["scenes"].scenes.items() if share} == set(MESH_SCENES)
    assert config.optim.lr == 3e-4 and config.loader.crop == list(short_phase.CROP)


def test_how_many_steps_fit(tmp_path: Path) -> None:
    # Ten seconds until all is warm, then half a second a step, four pairs each.
    rows = [{"step": step, "train/pairs_per_s": 4 * step / (10 + step / 2)} for step in (1, 5, 10, 15, 20)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "config.yaml").write_text("loader: {batch_size: 4}\n")
    assert short_phase.count_steps(tmp_path, 100) == 200
    with pytest.raises(UserError, match=r"--seconds=-5 left: are over before training begins"):
        short_phase.count_steps(tmp_path, -5)


@pytest.mark.long
def test_five_steps(tmp_path: Path, repository: Path) -> None:
    sizes = ("--pairs", "8", "--meshes", "0", "--probe", "4", "--steps", "5")
    command = ["benchmarks/short_phase.py", "--out", tmp_path / "out", "--work", tmp_path / "work", *sizes, *TINY]
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=repository, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["steps"] == 5 and report == json.loads((tmp_path / "out" / "report.json").read_text())
    made = load_checkpoint(tmp_path / "out" / "weights.safetensors")
    assert made.meta["stage"] == "float" and "/" not in made.meta["config"]["root"]
    assert len((tmp_path / "out" / "metrics.jsonl").read_text().splitlines()) >= 5
