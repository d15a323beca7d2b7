"""`infer.view=true` leaves a page beside the maps, of a pair and of a sequence, on the scale that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.config.schema import Root
from stereo_exp.geometry.prediction import Prediction
from stereo_exp.geometry.results import Result
from stereo_exp.suite.runs.context import OwnFiles, compose_run
from stereo_exp.suite.tasks.infer import Pairs, _write_pair, _write_sequence


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        for i in range(3):
            cv2.imwrite(str(tmp_path / view / f"{i}.png"), rng.integers(0, 256, (48, 64, 3), np.uint8))
    return tmp_path


def compose(*words: str) -> Root:
    return compose_run(["task=infer", "infer.view=true", "infer.check=false", *words]).config


def foretold(pairs: Pairs) -> Iterator[Result]:
    """Every pair with a disparity of 8 px, surer to the right, unknown in the first row."""
    for sample in pairs:
        disparity = np.full(sample.size, 8, np.float32)
        confidence = np.linspace(0, 1, sample.size[1], dtype=np.float32)[None].repeat(sample.size[0], 0)
        trusted = np.ones(sample.size, bool)
        trusted[0] = False
        found = Prediction(disparity, confidence, trusted)
        yield Result.of(sample, found, pairs.calibration, pairs.was_rectified)


def read(page: Path, name: str) -> dict:
    found = re.search(rf'id="{name}">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_pair_leaves_a_page(folders: Path) -> None:
    words = (f"infer.{view}={folders / view / '0.png'}" for view in ("left", "right"))
    pairs = Pairs(compose(*words, "infer.focal=100", "infer.baseline=0.2").infer)
    part = _write_pair(OwnFiles(folders / "out", "infer.out", False), foretold(pairs), pairs)
    about = read(Path(part["files"]["view"]), "about")
    assert Path(part["files"]["view"]) == Path(part["view"]) == folders / "out" / "view.html"
    assert about["title"] == "0" and about["camera"]["focal"] == 100 and "depth" in about["layers"]


def test_a_sequence_leaves_one_page_with_every_frame(folders: Path) -> None:
    words = (f"infer.{view}={folders / view}" for view in ("left", "right"))
    config = compose(*words, "infer.limits=[0,32]")
    pairs = Pairs(config.infer)
    part = _write_sequence(OwnFiles(folders / "out", "infer.out", False), foretold(pairs), pairs, config)
    about = read(Path(part["view"]), "about")
    assert (part["num_pairs"], about["frames"]) == (3, 3)
    assert [read(Path(part["view"]), f"frame-{i}")["key"] for i in range(3)] == ["0", "1", "2"]
    assert (about["layers"]["disparity"]["low"], about["layers"]["disparity"]["high"]) == (0, 32)
    assert "depth" not in about["layers"]


def test_nothing_is_written_that_was_not_asked_for(folders: Path) -> None:
    words = (f"infer.{view}={folders / view / '0.png'}" for view in ("left", "right"))
    pairs = Pairs(compose(*words, "infer.view=false").infer)
    part = _write_pair(OwnFiles(folders / "out", "infer.out", False), foretold(pairs), pairs)
    assert "view" not in part["files"] and not (folders / "out" / "view.html").exists()
