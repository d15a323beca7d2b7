"""`task=report`: page, CSV, LaTeX and PNG of a sweep and of a name; the end of a sweep."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import cv2
import pytest
from in_process import run_in_process
from job_folders import write_job

FILES = ("report.html", "runs.csv", "runs.tex", "report.png")


class Links(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {key}" for key, _ in attrs if key in ("src", "href") or tag in ("link", "img")]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "swept" / "sweep" / "1"
    write_job(folder, 0, "model/backbone=tiny", "seed=0", report={"epe": 2.0, "num_parameters": 7}, curve=(9.0, 2.0))
    write_job(folder, 1, "model/backbone=tiny", "seed=1", report={"epe": 3.0, "num_parameters": 7}, curve=(8.0, 3.0))
    write_job(folder, 2, "optim.lr=1", log="2026-01-01 ERROR stereo_exp: error: <script>alert(1)</script>\n")
    return folder


def test_a_sweep_becomes_a_page_and_three_files(sweep: Path, tmp_path: Path) -> None:
    words = ("task=report", "tracker=none", f"root={tmp_path}", "report.measure=false", f"report.sweep={sweep}")
    report = run_in_process(*words).report
    run = Path(report["run_dir"])
    assert (report["runs"], report["rows"], report["runs_done"]) == (3, 2, 2)
    assert report["best_epe"] == 2.5
    page = (run / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.found == []
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "2.500 ± 0.707" in page
    assert "prefers-color-scheme: dark" in page
    with (run / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done", "failed"]
    assert float(rows[0]["epe"]) == 2.5
    assert float(rows[0]["epe_std"]) == pytest.approx(0.5**0.5)
    assert rows[1]["last"].startswith("error: <script>")
    latex = (run / "runs.tex").read_text()
    assert r"2.500 $\pm$ 0.707" in latex
    assert latex.count(r" \\") == 2
    picture = cv2.imread(str(run / "report.png"))
    assert picture is not None
    assert (picture < 128).any()


def test_a_name_is_all_its_runs_without_earlier_reports(sweep: Path, tmp_path: Path) -> None:
    words = ("task=report", "tracker=none", f"root={tmp_path}", "report.measure=false", "name=swept")
    assert run_in_process(*words).report["runs"] == 3
    assert run_in_process(*words).report["runs"] == 3


def test_what_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    words = ("task=report", "tracker=none", f"root={tmp_path}")
    assert "name=stereonetplus: has no run" in run_in_process(*words).error_line
    assert "report.sweep=" in run_in_process(*words, f"report.sweep={tmp_path}").error_line
    both = run_in_process(*words, "report.sweep=a", "report.experiment=b")
    assert "report.experiment=b: stands beside report.sweep" in both.error_line
    assert "is looked for in MLflow" in run_in_process(*words, "report.experiment=b").error_line


def test_a_sweep_ends_with_its_table_and_its_page(tmp_path: Path) -> None:
    """A job that is refused ends it, and stands in the table with its reason."""
    words = ("experiment=smoke", "tracker=none", "eval.pictures=0", "machine.threads=1", f"root={tmp_path}", "name=a",
             "optim.steps=1", "dataset.num_train=4", "dataset.num_test=1", "model.maxdisp=64,100,32", "-m")  # fmt: skip
    outcome = run_in_process(*words)
    assert outcome.code == 2
    (folder,) = (tmp_path / "a" / "sweep").iterdir()
    assert all((folder / name).is_file() for name in FILES)
    assert outcome.err.splitlines()[-1] == f"sweep: {folder / 'report.html'}"
    assert "model.maxdisp" in outcome.err
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("{")]
    assert json.loads(line)["task"] == "train"
    with (folder / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model.maxdisp"], row["status"]) for row in rows] == [("64", "done"), ("100", "failed")]
    assert "must be a positive multiple of 32" in rows[1]["last"]
