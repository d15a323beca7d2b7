"""The speed table: medians, ratios and goals of what was timed, page and JSON saying the same."""

import json
from pathlib import Path

import engines
import pytest
from real.markdown import block

HOST = {"date": "2026-11-30", "device": "A CPU", "cores": 2, "size": [544, 960], "threads": 2}


def times() -> dict[str, list[float]]:
    return {
        "torch eager float32": [90.0, 100.0, 140.0],
        "openvino float32": [30.0, 31.0, 40.0],
        "openvino int8": [10.0, 12.5, 30.0],
        "openvino int8, trunk": [9.0, 12.0, 29.0],
        "OpenCV StereoSGBM, MODE_SGBM": [50.0, 50.0, 60.0],
    }


def test_medians_ratios_and_what_comes_after_the_trunk() -> None:
    report = engines.summarize(times())
    assert report["ms"]["openvino int8"] == 12.5 and report["range"]["openvino int8"] == [10, 30]
    assert report["speedup"]["torch eager float32"] == 1 and report["speedup"]["openvino int8"] == 8
    found = {(goal["fast"], goal["slow"]): goal["found"] for goal in report["goals"]}
    assert found["openvino int8", "OpenCV StereoSGBM, MODE_SGBM"] == 4
    assert found["openvino int8", "openvino float32"] == pytest.approx(2.48)
    # The median of the differences, not the difference of the medians.
    assert report["after_trunk"] == {"openvino int8": {"ms": 1.0, "share": 0.08}}


def test_goals_of_what_was_not_timed_are_left_out() -> None:
    pairs = {(goal["fast"], goal["slow"]) for goal in engines.summarize(times())["goals"]}
    assert pairs == {
        ("openvino int8", "OpenCV StereoSGBM, MODE_SGBM"),
        ("openvino int8", "torch eager float32"),
        ("openvino int8", "openvino float32"),
    }


def test_the_page_says_what_is_met() -> None:
    text = engines.render(engines.summarize(times()) | HOST)
    assert "| openvino int8 | 12.5 | 10-30 | 8.00 |" in text
    assert "| openvino int8 against OpenCV StereoSGBM, MODE_SGBM | ≥ 5 × | 4.00 × | no |" in text
    assert "| openvino int8 against torch eager float32 | ≥ 7 × | 8.00 × | yes |" in text
    assert "| openvino int8: after the trunk | ≤ 10% | 8.0% (1.0 ms) | yes |" in text
    assert text.endswith("Measured 2026-11-30: A CPU, 2 cores.")


def test_page_and_json_say_the_same(repository: Path) -> None:
    measured, page = (repository / "docs" / "results" / name for name in ("speed.json", "speed.md"))
    assert block(page, engines.BLOCK) == engines.render(json.loads(measured.read_text()))
