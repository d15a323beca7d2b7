"""What a run leaves: the resolved config that binds to itself, and one report, in a file and printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from stereo_exp.config import bind
from stereo_exp.suite.runs.context import CONFIG_FILE, RunContext, chain_of
from stereo_exp.suite.runs.report import REPORT_FILE, finish, start_clock


def test_last_line_is_the_report(
    make_context: Callable[..., RunContext], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    context = make_context("name=a")
    result = {
        "epe": 1.25,
        "d1": math.nan,
        "bad1": math.inf,
        "checkpoint": tmp_path / "best.safetensors",
        "n_images": 3,
        "per_image": [0.5, math.nan],
        "nested": {"x": math.nan, "y": (1, 2)},
        "absent": None,
    }
    report = finish(context, result, start_clock())
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == json.dumps(report, separators=(",", ":")), "compact, on one line"
    assert json.loads(lines[-1]) == report == json.loads((context.dir / REPORT_FILE).read_text())
    assert (report["task"], report["stage"], report["name"]) == ("train", "float", "a")
    assert report["run_dir"] == str(context.dir)
    assert 0 <= report["seconds"] < 60
    assert (report["epe"], report["n_images"]) == (1.25, 3)
    assert report["checkpoint"] == str(tmp_path / "best.safetensors")
    assert report["d1"] is report["bad1"] is report["absent"] is None
    assert report["per_image"] == [0.5, None]
    assert report["nested"] == {"x": None, "y": [1, 2]}


def test_table_for_people_stands_above(
    make_context: Callable[..., RunContext], capsys: pytest.CaptureFixture[str]
) -> None:
    finish(make_context("name=a"), {"epe": 1.25, "d1": 0.5, "bad1": math.nan, "num_steps": 7}, start_clock())
    table = "\n".join(capsys.readouterr().out.splitlines()[:-1])
    for shown in ("train · float · a", "1.2500 px", "50.00 %", "–", "7"):
        assert shown in table


@pytest.mark.parametrize("folder", ["[bold]", "a[/b", "with space", "ü"])
def test_paths_are_shown_as_they_are(
    make_context: Callable[..., RunContext], capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """Square brackets mean something to the library that draws the table."""
    context = make_context("name=a")
    finish(context, {"checkpoint": f"x/{folder}/best"}, start_clock())
    assert f"x/{folder}/best" in "\n".join(capsys.readouterr().out.splitlines()[:-1])


@pytest.mark.parametrize("override", ["experiment=smoke", "optim=adamw", "augment=flip", "stage=qat"])
def test_written_config_is_resolved_and_binds_to_itself(make_context: Callable[..., RunContext], override: str) -> None:
    context = make_context(override)
    text = (context.dir / CONFIG_FILE).read_text()
    assert "${" not in text
    assert bind(OmegaConf.create(text)) == context.config
    assert bind(json.loads(json.dumps(context.config_dict()))) == context.config


def test_chain_is_what_all_stages_share() -> None:
    float_job = ["stage=float", "model.maxdisp=64", "optim.lr=0.1"]
    calib_job = ["optim.lr=0.1", "stage=calib", "task=eval", "model.maxdisp=64"]
    assert chain_of(float_job) == chain_of(calib_job) == ["model.maxdisp=64", "optim.lr=0.1"]
    assert chain_of(["stage=float", "model.maxdisp=96", "optim.lr=0.1"]) != chain_of(float_job)
