"""The accuracy table: real pairs by our readers, every figure where it belongs, page and JSON saying the same."""

import argparse
import json
import re
from pathlib import Path

import accuracy
import numpy as np
import pytest
from real.markdown import block, write_block
from real.methods import AS_GIVEN, FLOAT, INT8, REFINED, SGBM, Method, load_methods
from real.output import name_block, page_text
from real.sets import RealSet, default_root, open_sets

from stereo_exp.base.errors import UserError
from stereo_exp.data.source import StereoSource
from stereo_exp.geometry import example_pair
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.weights import PUBLISHED, SLIM


def score(epe: float, bad2: float, d1: float) -> dict[str, float]:
    return {"epe": epe, "bad2": bad2, "d1": d1}


REPORT = {
    "sets": {
        "SceneFlow": {
            "pairs": 4,
            FLOAT: score(2.0, 0.1, 0.05),
            INT8: score(2.02, 0.11, 0.06),
            REFINED: score(2.5, 0.08, 0.055),
            SGBM: score(3.5, 0.09, 0.08),
            "int8_over_float": 1.01,
        },
        "ETH3D": {
            "pairs": 1,
            FLOAT: score(0.6, 0.05, 0.04),
            INT8: score(0.55, 0.05, 0.04),
            REFINED: score(0.45, 0.06, 0.045),
            SGBM: score(0.5, 0.07, 0.05),
            "int8_over_float": 0.55 / 0.6,
        },
    }
}


class Flat(StereoSource):
    """Pairs whose truth is 10 px, in one of them unknown."""

    def __len__(self) -> int:
        return 3

    def key(self, index: int) -> str:
        return str(index)

    def read(self, index: int) -> StereoSample:
        image = np.zeros((8, 16, 3), np.uint8)
        return StereoSample(str(index), image, image, np.full((8, 16), 0 if index == 1 else 10, np.float32))


def off_by(px: float) -> Method:
    return lambda sample: np.full(sample.size, 10 + px, np.float32)


def test_each_method_is_measured_by_the_projects_metrics() -> None:
    methods = {FLOAT: off_by(2), INT8: off_by(2.5), SGBM: off_by(-4)}
    scores = accuracy._measure_set(RealSet("flat", (Flat(), Flat())), methods, 192, None)
    assert scores["pairs"] == 6 and scores[FLOAT]["n_images"] == 4 and scores[FLOAT]["n_skipped"] == 2
    assert [scores[m]["epe"] for m in (FLOAT, INT8, SGBM)] == [2, 2.5, 4]
    assert [scores[m]["bad2"] for m in (FLOAT, INT8, SGBM)] == [0, 1, 1]
    assert scores["int8_over_float"] == 1.25
    assert accuracy._measure_set(RealSet("flat", (Flat(),)), methods, 192, 1)["pairs"] == 1


def test_the_table_marks_the_best_and_what_a_single_pair_says() -> None:
    head, _, sceneflow, eth3d = accuracy.render(REPORT).splitlines()
    assert head.count("|") == sceneflow.count("|") == eth3d.count("|")
    assert sceneflow.startswith("| SceneFlow | 4 | **2.00** | 2.02 | 2.50 | 3.50 | 10.0 | 11.0 | **8.0** | 9.0 |")
    assert sceneflow.endswith("| 1.0100 |") and eth3d.endswith("| (0.9167) |")
    assert "| **5.0** | **5.0** | 6.0 | 7.0 |" in eth3d


def test_goals_are_met_or_not_by_what_was_found() -> None:
    met = {(goal, name): value <= bound for goal, name, bound, value in accuracy.goals(REPORT)}
    assert met == {
        ("EPE int8, px, below SGBM's", "SceneFlow"): True,
        ("bad-2 int8, share, below SGBM's", "SceneFlow"): False,
        ("EPE int8 / float", "SceneFlow"): False,
        ("EPE int8, refined, px, below SGBM's", "SceneFlow"): True,
        ("bad-2 int8, refined, share, below SGBM's", "SceneFlow"): True,
        ("EPE int8, px, below SGBM's", "ETH3D"): False,
        ("EPE int8, refined, px, below SGBM's", "ETH3D"): True,
    }
    rows = accuracy.render_goals(REPORT).splitlines()[2:]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == ["yes", "no", "yes", "yes", "no", "no", "yes"]


def test_a_page_gets_the_table_between_its_comments_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- accuracy -->\nold\n<!-- /accuracy -->\n\nafter\n")
    text = accuracy.render(REPORT)
    for _ in range(2):
        write_block(page, "accuracy", text)
    assert block(page, "accuracy") == text
    assert page.read_text() == f"before\n\n<!-- accuracy -->\n{text}\n<!-- /accuracy -->\n\nafter\n"
    assert block(page, "stability") is None
    for wrong in ("no place", "<!-- accuracy -->\n<!-- /accuracy -->\n" * 2):
        page.write_text(wrong)
        with pytest.raises(UserError, match="<!-- accuracy -->"):
            write_block(page, "accuracy", text)
        assert page.read_text() == wrong


def test_sets_that_are_not_there_are_left_out_with_the_reason(tmp_path: Path) -> None:
    found, absent = open_sets(tmp_path)
    assert [s.name for s in found] == ["Motorcycle"] and [len(s) for s in found] == [1]
    assert set(absent) == {"Middlebury 2005/2006", "SceneFlow", "KITTI 2012", "ETH3D"}
    assert all(str(tmp_path) in reason for reason in absent.values())


def test_the_real_pairs_are_all_found(real_data: Path) -> None:
    root = default_root()
    assert root.samefile(real_data)
    found, absent = open_sets(root)
    assert not absent
    assert [len(s) for s in found] == [26, 4, 1, 1, 1]
    keys = [sample.key for sample in found[1]]
    assert len(set(keys)) == 4


@pytest.mark.parametrize("network", [PUBLISHED, SLIM])
def test_page_and_json_say_the_same(repository: Path, network: str) -> None:
    name = name_block(accuracy.BLOCK, network)
    measured = repository / "docs" / "results" / f"{name}.json"
    report = json.loads(measured.read_text())
    assert block(repository / "docs" / "results" / "accuracy.md", name) == page_text(report, accuracy.render(report))
    assert not re.search(r"NaN|Infinity", measured.read_text())


def test_every_method_sees_a_pair() -> None:
    """The released networks and SGBM, as the tables of accuracy name them."""
    options = argparse.Namespace(float="release", int="release", device="cpu", network="slim", threads=None)
    methods, maxdisp, facts = load_methods(options, [FLOAT, INT8, REFINED, AS_GIVEN, SGBM])
    assert maxdisp == 192
    assert {facts[name]["stage"] for name in (FLOAT, INT8)} == {"float", "int_infer"}
    pair = example_pair()
    left, right = (np.ascontiguousarray(view[:96, :160]) for view in (pair.left, pair.right))
    for name, method in methods.items():
        found = method(StereoSample("pair", left, right))
        assert found.shape == (96, 160), name
        assert np.isfinite(found).all(), name
