"""The comparison of scenes: arms differ in what they are to differ in, and the verdict follows from the scores."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import equal_budget
import numpy as np
import pytest
import scenes_comparison as comparison
import scenes_cost
import yaml
from composing import composed
from real.budget import BATCH, METRICS, NETWORKS, budget_words, find_finished, render_scores
from real.certain import ROOMS, SEQUENCE, find_certain, open_certain
from real.markdown import check_block

from stereo_exp.config import bind
from stereo_exp.shapes import MESH_WEIGHTS, WEIGHTS

OPTIONS = argparse.Namespace(root=Path("runs"), pairs=40000, words=["machine.threads=1"])


def config_of(name: str) -> dict[str, Any]:
    """An arm's whole config, without its name."""
    plain = asdict(bind(composed(*comparison.arm_words(name, OPTIONS))))
    del plain["name"]
    return plain


def differing(one: Any, other: Any, path: str = "") -> set[str]:
    """Keys whose values differ."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        return set().union(*(differing(one[key], other[key], f"{path}.{key}") for key in one))
    return set() if one == other else {path.lstrip(".")}


@pytest.fixture(scope="module")
def configs() -> dict[str, dict[str, Any]]:
    return {name: config_of(name) for name in comparison.ARMS}


def test_a_training_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    words = ["name=arm", f"root={tmp_path}", "optim.steps=4", "loader.crop=[64,128]"]
    assert find_finished(words) is None
    for place, typed in (("1", words), ("2", [*words, "seed=2"]), ("3", words)):
        folder = tmp_path / "arm" / "float" / place
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(typed))
    assert find_finished(words) is None, "none came to its end"
    for place in ("1", "2"):
        (tmp_path / "arm" / "float" / place / "report.json").write_text("{}")
    assert find_finished(words[::-1]) == tmp_path / "arm" / "float" / "1"


def test_switched_arms_differ_by_their_switch_alone(configs) -> None:
    scenes = configs[comparison.SCENES]
    assert differing(scenes, configs["flat"]) == {"dataset.lit"}
    assert differing(scenes, configs["no floaters"]) == {"dataset.floaters"}
    assert configs["flat"]["dataset"]["lit"] is configs["no floaters"]["dataset"]["floaters"] is False
    assert differing(configs[comparison.BASE], configs[comparison.AGAIN]) == {"seed"}


def test_all_arms_train_alike(configs) -> None:
    for name, config in configs.items():
        found = differing(config, configs[comparison.BASE])
        assert {path.split(".")[0] for path in found} <= {"dataset", "seed", "train"}, name
        assert config["optim"]["steps"] == 40000 // BATCH
    assert configs["halves"]["train"]["eval_every"] == pytest.approx(
        configs["flat"]["train"]["eval_every"] / 2, abs=1e-5
    )


def test_halves_are_the_sets_of_the_other_arms(configs) -> None:
    halves = configs["halves"]["dataset"]
    assert set(halves["parts"]) == {"shapes", "scenes"}
    assert halves["weights"] == {"shapes": 1.0, "scenes": 1.0}
    for part, name in (("shapes", comparison.BASE), ("scenes", comparison.SCENES)):
        assert not differing(halves["parts"][part], configs[name]["dataset"])


def test_arms_of_meshes_hold_nothing_else(configs) -> None:
    shares = {name: share for name, share in configs[comparison.SCENES]["dataset"]["scenes"].items() if share}
    assert shares == MESH_WEIGHTS
    assert set(comparison.CLOSED) == set(WEIGHTS)
    assert configs[comparison.SCENES]["dataset"]["num_train"] >= 2000


def scores(**bad2: float) -> dict[str, Any]:
    """Middlebury's and another set's bad-2 of some arms: two numbers each."""
    names = (comparison.GOAL_SET, "KITTI 2012")
    return {
        name.replace("_", " "): {each: {"bad2": value, "bad1": 2 * value, "epe": 10 * value} for each, value in
                                 zip(names, values, strict=True)}
        for name, values in bad2.items()
    }  # fmt: skip


def test_the_verdict_follows_from_bad_2() -> None:
    found = scores(shapes=(0.2, 0.1), scenes=(0.15, 0.1), halves=(0.16, 0.05), flat=(0.3, 0.1))
    found[comparison.AGAIN] = scores(x=(0.21, 0.11))["x"]
    shares = comparison.find_shares(found)
    assert shares["scenes"] == pytest.approx({comparison.GOAL_SET: 0.75, "KITTI 2012": 1.0})
    assert comparison.judge(shares) == {"best": "scenes", "share": pytest.approx(0.75), "reached": True, "worse": []}
    # Worse elsewhere than the two seeds of the base are apart: the goal is missed.
    worse = shares | {"scenes": {comparison.GOAL_SET: 0.75, "KITTI 2012": 1.12}}
    assert comparison.judge(worse)["worse"] == ["KITTI 2012"]
    assert not comparison.judge(worse)["reached"]
    assert comparison.judge(shares | {"scenes": {comparison.GOAL_SET: 0.75, "KITTI 2012": 1.09}})["reached"]
    # Never the second seed, however good.
    lucky = shares | {comparison.AGAIN: {comparison.GOAL_SET: 0.5, "KITTI 2012": 1.0}}
    assert comparison.judge(lucky)["best"] == "scenes"


def test_the_table_has_a_row_for_each_set() -> None:
    text = render_scores(scores(shapes=(0.2, 0.1), scenes=(0.15, 0.1)))
    head, _, middlebury, kitti = text.splitlines()
    assert head.count("|") == 2 + 2 * len(METRICS)
    assert middlebury == "| Middlebury 2005/2006 | 2.00 | 1.50 | 40.0 | 30.0 | 20.0 | 15.0 |"
    assert kitti.startswith("| KITTI 2012 | 1.00 |")


def test_equal_budget_still_composes() -> None:
    for name, words in NETWORKS.items():
        line = [*equal_budget.DATA.split(), *words.split(), *budget_words(name, OPTIONS, equal_budget.NUM_TRAIN)]
        config = bind(composed(*line))
        assert (config.optim.steps, config.dataset.num_train, config.seed) == (10000, 2400, 1)
        assert (config.loader.crop, config.optim.ema_decay) == ([192, 384], 0.998)


def textured(shift: int) -> tuple[np.ndarray, np.ndarray]:
    """A pair `shift` px apart: noise above, and below one grey that tells nothing."""
    wide = np.random.default_rng(0).integers(0, 256, (60, 160, 3), np.uint8)
    wide = cv2.GaussianBlur(wide, (0, 0), 1.0)
    wide[30:] = 128
    return wide[:, :140].copy(), wide[:, shift : 140 + shift].copy()


def test_sgbm_is_certain_where_there_is_texture() -> None:
    certain = find_certain(*textured(7))
    assert certain.dtype == np.float32
    known = certain > 0
    assert known[5:25, 20:].mean() > 0.8
    assert known[40:].mean() < 0.05
    assert np.abs(certain[5:25][known[5:25]] - 7).max() < 0.75


def test_pairs_without_truth_are_found_below_the_data_folder(tmp_path: Path) -> None:
    sets, absent = open_certain(tmp_path)
    assert not sets
    assert set(absent) == {ROOMS, SEQUENCE}
    left, right = textured(5)
    for folder in ("oakd/b", "oakd/a", "kitti_sequence/left", "kitti_sequence/right"):
        (tmp_path / folder).mkdir(parents=True)
    for name in "ab":
        cv2.imwrite(str(tmp_path / "oakd" / name / "left.png"), left)
        cv2.imwrite(str(tmp_path / "oakd" / name / "right.png"), right)
    for number in range(13):
        for side, view in (("left", left), ("right", right)):
            cv2.imwrite(str(tmp_path / "kitti_sequence" / side / f"{number:06d}.png"), view)
    sets, absent = open_certain(tmp_path)
    assert not absent
    assert [each.name for each in sets] == [ROOMS, SEQUENCE]
    assert [sets[0].sources[0].key(index) for index in range(2)] == ["a", "b"]
    assert [sets[1].sources[0].key(index) for index in range(7)] == [f"{2 * number:06d}" for number in range(7)]
    sample = next(iter(sets[0]))
    assert sample.disparity is not None
    assert np.median(sample.disparity[sample.disparity > 0]) == pytest.approx(5, abs=0.2)
    assert replace(sample, disparity=None).left.shape == (60, 140, 3)


def test_the_cost_table_has_a_row_for_each_kind(repository: Path) -> None:
    row = {"pairs_a_second": 1.5, "cpu_s": 1.25, "bytes": 437_400.0}
    kinds = {name: row | {"first_s": 4.0} for name in MESH_WEIGHTS} | {scenes_cost.ALL: row}
    report = {"kinds": kinds, "workers": 2, "pairs": 48, "size": [320, 640], "first_ever_s": 21.6}
    text = scenes_cost.render(report)
    assert "| `garden` | 1.50 | 1.25 | 4.0 | 437 |" in text
    assert "| `dataset.scenes` | 1.50 | 1.25 | – | 437 |" in text
    assert "320×640, 48 pairs of each." in text and "after 22 s" in text
    for block in (scenes_cost.BLOCK, comparison.BLOCK):
        check_block(repository / "docs" / "data.md", block)


def test_the_cost_is_that_of_how_the_set_is_stored() -> None:
    from stereo_exp.suite import datasets

    assert scenes_cost.PACKED["codec"] == datasets._PACKED
