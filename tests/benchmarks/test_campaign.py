"""The log of a campaign: the rule weighs pairs alike, a line of the same weights takes the place of the one before."""

import json
import math
import subprocess
import sys
from pathlib import Path

import campaign
import pytest

from stereo_exp.base import UserError

SGBM = {"many": {"epe": 1.0, "bad2": 0.1}, "single": {"epe": 2.0, "bad2": 0.2}}
ROOT = Path(__file__).resolve().parents[2]


def scored(n_images: int, epe: float, bad2: float) -> dict:
    place = {"error_share": 0.2, "epe": epe}
    return {"n_images": n_images, "epe": epe, "bad2": bad2, "places": dict.fromkeys(campaign.PLACES, place)}


def line(**changes) -> dict:
    sets = {campaign.PLACED: scored(26, 1.5, 0.1), "ETH3D": scored(1, 0.5, 0.03)}
    facts = {"date": "2026-11-30", "name": "full", "stage": "float", "pairs_seen": 100000, "score": 1.0, "note": ""}
    return {**facts, "sha256": "0" * 64, "sets": sets, **changes}


def test_a_set_of_one_pair_weighs_its_pair() -> None:
    assert campaign.score({"many": scored(9, 1, 0.1), "single": scored(1, 2, 0.2)}, SGBM) == pytest.approx(1)
    found = campaign.score({"many": scored(9, 1, 0.1), "single": scored(1, 4, 0.4)}, SGBM)
    assert found == pytest.approx(2 ** (1 / 10))
    # EPE and bad-2 weigh alike, as ratios; a set that SGBM was not measured on has no say.
    halves = campaign.score({"many": scored(9, 0.5, 0.1), "unknown": scored(9, 9, 1)}, SGBM)
    assert halves == pytest.approx(math.sqrt(0.5))
    with pytest.raises(UserError, match="no set that SGBM"):
        campaign.score({"unknown": scored(9, 9, 1)}, SGBM)


def test_tables_have_every_candidate_and_every_set() -> None:
    other = line(name="light", sets={"ETH3D": scored(1, 0.6, 0.04)}, note="kept: ahead on rooms")
    text = campaign.render([line(), other])
    assert "| 2026-11-30 | full, float | 100,000 | 1.000 | 1.50 / 10.0 | 0.50 / 3.0 |" in text
    assert "| light, float | 100,000 | 1.000 | – | 0.60 / 4.0 |" in text
    assert "- light, float: kept: ahead on rooms" in text
    assert text.count("20 %, 1.5 px") == len(campaign.PLACES)


@pytest.mark.parametrize("content", ["{", '{"a": 1}', '[{"name": "x"}]'])
def test_a_log_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.json"
    path.write_text(content)
    with pytest.raises(UserError, match="give the file that this command wrote"):
        campaign.read_log(path)
    assert campaign.read_log(tmp_path / "none.json") == []


@pytest.mark.long
def test_the_command_adds_a_line_and_replaces_it(tmp_path: Path) -> None:
    log, page = tmp_path / "log.json", tmp_path / "log.md"
    page.write_text(f"<!-- {campaign.BLOCK} -->\n<!-- /{campaign.BLOCK} -->\n")
    command = [sys.executable, "benchmarks/campaign.py", "release", "--pairs", "97000", f"--data={tmp_path}"]
    for name in ("first", "second"):
        words = [f"--name={name}", f"--log={log}", f"--write={page}"]
        done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (found,) = json.loads(log.read_text())
    assert found["name"] == "second" and found["sets"]["Motorcycle"]["n_images"] == 1
    assert json.loads(done.stdout.splitlines()[-1])["score"] == found["score"]
    assert "second, int_infer" in page.read_text()
