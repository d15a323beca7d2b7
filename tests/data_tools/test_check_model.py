"""Pairs that a network fails on: found, listed, drawn, and left out of training by the list."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_networks import small_config

from data_tools.check.check import main
from data_tools.check.hard import MOST_DRAWN, draw_sheet, find_hard, judge_pairs, list_text, open_set
from stereo_exp.config import SceneFlow
from stereo_exp.data import ShardSource, pack, read_keys
from stereo_exp.geometry import Prediction, StereoSample
from stereo_exp.model.checkpoint import save_checkpoint
from stereo_exp.shapes import render_dataset
from stereo_exp.suite import build_network, open_split


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hard") / "shapes"
    render_dataset(root, train=5, test=1, height=64, width=96, seed=2, workers=1)
    return root


def predict(sample: StereoSample) -> Prediction:
    """The truth, off by 3 px in the pair 0003 everywhere, in the pair 0001 in the upper half."""
    assert sample.disparity is not None
    found = sample.disparity.copy()
    rows = {"0003": 64, "0001": 32}.get(sample.key.split("/")[-3], 0)
    found[:rows] += 3
    return Prediction(found, np.ones_like(found), np.ones(found.shape, bool))


def test_what_exceeds_the_limit_is_found_worst_first(rendered: Path) -> None:
    source, counted = open_set(rendered, "train"), []
    verdicts = judge_pairs(source, predict, 192, range(5), lambda: counted.append(1))
    assert len(verdicts) == len(counted) == 5
    assert [each.bad2 for each in verdicts] == pytest.approx([0, 0.5, 0, 1, 0])
    assert verdicts[3].epe == pytest.approx(3)
    assert [each.index for each in find_hard(verdicts, 0.4)] == [3, 1]
    assert [each.index for each in find_hard(verdicts, 0.6)] == [3]
    assert not find_hard(verdicts, 1.0)


def test_the_list_is_what_the_loader_leaves_out(rendered: Path, tmp_path: Path) -> None:
    source = open_set(rendered, "train")
    hard = find_hard(judge_pairs(source, predict, 192, range(5), lambda: None), 0.4)
    path = tmp_path / "hard.txt"
    path.write_text(list_text(hard, "two pairs"))
    assert read_keys(path) == {source.key(1), source.key(3)}
    kept = open_split(SceneFlow(root=str(rendered), leave_out=str(path)), "train")
    assert [kept.key(index) for index in range(len(kept))] == [source.key(index) for index in (0, 2, 4)]


def test_the_sheet_has_a_row_of_four_for_each_pair(rendered: Path) -> None:
    source = open_set(rendered, "train")
    hard = find_hard(judge_pairs(source, predict, 192, range(5), lambda: None), 0.4)
    one, two = (draw_sheet(source, predict, hard[:count]) for count in (1, 2))
    assert one.shape[1] == two.shape[1] > 4 * 300
    assert 1.8 * one.shape[0] < two.shape[0] <= 2 * one.shape[0]
    many = draw_sheet(source, predict, hard[:1] * (MOST_DRAWN + 5))
    assert many.shape[0] < (MOST_DRAWN + 1) * one.shape[0]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with random weights."""
    config = small_config()
    path = tmp_path_factory.mktemp("tiny") / "best.safetensors"
    meta = {"stage": "float", "step": 1, "num_steps": 1, "config": asdict(config), "run_id": None}
    save_checkpoint(path, meta, {"model": build_network(config.model).state_dict()})
    return path


def test_one_command_lists_and_draws(rendered: Path, checkpoint: Path, tmp_path: Path, capsys) -> None:
    pack(rendered, tmp_path / "shards", "train", num_workers=1, samples_per_shard=2, truth="deflated", codec="webp")
    for root, place in ((rendered, "FlyingThings3D/"), (tmp_path / "shards", "shard-00000")):
        out = tmp_path / f"out_{root.name}"
        out.mkdir()
        main([str(root), "--model", str(checkpoint), "--bad2", "0", "--out", str(out)])
        told = capsys.readouterr().out
        report = json.loads(told.splitlines()[-1])
        assert (report["pairs"], report["hard"], report["split"]) == (5, 5, "train"), "random weights find nothing"
        assert told.count(place) >= 5
        assert len(read_keys(out / "hard_train.txt")) == 5
        assert cv2.imread(report["sheet"]).shape[1] > 1000
    assert ShardSource(tmp_path / "shards" / "train").key(0) in read_keys(out / "hard_train.txt")


def test_a_sample_and_a_limit_that_nothing_exceeds(rendered: Path, checkpoint: Path, tmp_path: Path, capsys) -> None:
    main([str(rendered), "--model", str(checkpoint), "--bad2", "100", "--out", str(tmp_path), "--sample", "2"])
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["pairs"], report["hard"], report["sheet"]) == (2, 0, None)
    assert not read_keys(tmp_path / "hard_train.txt")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--bad2", "160"], "--bad2=160"),
        (["--device", "abacus"], "--device=abacus"),
        (["--split", "test", "--model", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_mistakes_are_told_in_one_line(rendered: Path, checkpoint: Path, capsys, words: list[str], told: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(rendered), "--model", str(checkpoint), *words])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert told in error
    assert error.count("\n") == 1
