"""What differs as columns, seeds as one row, failures with their last line, and the fronts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from job_folders import write_job

from stereo_exp.base import UserError
from stereo_exp.suite.compare.charts import place_curves, place_front
from stereo_exp.suite.compare.records import DONE, FAILED, UNFINISHED, read_name, read_sweep
from stereo_exp.suite.compare.table import find_front, list_chains, tabulate
from stereo_exp.suite.runs.context import RunContext, leave_line


def test_columns_are_what_differs_and_seeds_are_one_row(tmp_path: Path) -> None:
    for number, (backbone, seed, epe) in enumerate(
        [("tiny", 0, 3.0), ("tiny", 1, 4.0), ("mobilenetv2", 0, 2.0), ("mobilenetv2", 1, 2.5)]
    ):
        report = {"epe": epe, "d1": 0.1}
        write_job(tmp_path, number, "optim.lr=0.1", f"model/backbone={backbone}", f"seed={seed}", report=report)
    table = tabulate(read_sweep(tmp_path))
    assert table.columns == ["model/backbone"]
    assert table.common == [("optim.lr", "0.1")]
    assert [(row.cells, len(row.records)) for row in table.rows] == [(["mobilenetv2"], 2), (["tiny"], 2)]
    assert table.rows[1].score("epe") == (3.5, pytest.approx(0.5**0.5))
    assert table.rows[1].score("bad2") is None
    assert table.scores == ["epe", "d1"]


def test_what_was_not_typed_is_told_from_the_config(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "optim.lr=0.1", report={"epe": 1.0})
    write_job(tmp_path, 1, "model/backbone=tiny", report={"epe": 2.0})
    table = tabulate(read_sweep(tmp_path))
    cells = {row.epe: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}
    assert cells[1.0] == {"optim.lr": "0.1", "model/backbone": "mixvargenet"}
    assert cells[2.0] == {"optim.lr": "0.002", "model/backbone": "tiny"}


def test_the_same_run_twice_is_two_rows(tmp_path: Path) -> None:
    for number in range(3):
        write_job(tmp_path, number, "seed=1", report={"epe": 1.0 + number})
    assert [len(row.records) for row in tabulate(read_sweep(tmp_path)).rows] == [1, 1, 1]


def test_failed_and_unfinished_jobs_have_their_last_line(tmp_path: Path) -> None:
    write_job(tmp_path, 0, report={"epe": 1.0})
    broken = write_job(tmp_path, 1, "optim.lr=0.3", log="2026-01-01 INFO a: step 3\n")
    leave_line(broken, "error: optim.lr=0.3: training diverged")
    with (broken / "stereo_exp.log").open("a") as file:
        file.write("2026-01-01 00:00:00,000 INFO submitit: Exiting after successful completion\n")
    write_job(tmp_path, 2, "optim.lr=0.4", log="2026-01-01 INFO a: step 4\n")
    write_job(tmp_path, 3, "optim.lr=0.5", report={"failed": "nothing was learned"})
    found = {record.folder.name: (record.status, record.last) for record in read_sweep(tmp_path)}
    assert found["0_float"] == (DONE, "")
    assert found["1_float"] == (FAILED, "error: optim.lr=0.3: training diverged")
    assert found["2_float"] == (UNFINISHED, "2026-01-01 INFO a: step 4")
    assert found["3_float"] == (FAILED, "nothing was learned")


def test_a_command_repeats_its_run(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "loader.crop=[96,192]", "hydra.job.chdir=false", report={"epe": 1.0})
    (record,) = read_sweep(tmp_path)
    assert record.command == "python -m stereo_exp name=swept 'loader.crop=[96,192]'"


def test_a_damaged_job_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_job(tmp_path, 0, report={"epe": 1.0})
    (write_job(tmp_path, 1, "seed=1", report={"epe": 1.0}) / "run.json").write_text("{")
    assert len(read_sweep(tmp_path)) == 1
    assert "left out" in caplog.text


def test_a_folder_without_jobs_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"report\.sweep=.*holds no job"):
        read_sweep(tmp_path)
    with pytest.raises(UserError, match="name=other: has no run"):
        read_name(tmp_path, "other", tmp_path)


def test_the_front_is_what_nothing_beats(tmp_path: Path) -> None:
    costs = {3.0: 5.0, 2.0: 7.0, 2.5: 9.0, 1.0: 20.0, 4.0: 5.0}
    for number, epe in enumerate(costs):
        write_job(tmp_path, number, f"optim.lr=0.{number + 1}", report={"epe": epe})
    table = tabulate(read_sweep(tmp_path))
    for row in table.rows:
        row.latency_ms = costs[row.epe or 0]
    assert [row.epe for row in find_front(table.rows, lambda row: row.latency_ms)] == [3.0, 2.0, 1.0]
    chart = place_front(table, "ms", lambda row: row.latency_ms)
    assert chart is not None
    assert sum(mark.front for mark in chart.marks) == 3
    assert place_front(table, "GMAC", lambda row: row.gmac) is None


def test_curves_keep_their_ends_and_lie_within_the_drawing(tmp_path: Path) -> None:
    write_job(tmp_path, 0, report={"epe": 1.0}, curve=(90.0, *(5 - 0.01 * i for i in range(400))))
    chart = place_curves(tabulate(read_sweep(tmp_path)))
    assert chart is not None
    ((points,),) = ([mark.points for mark in chart.marks],)
    assert len(points) <= 122
    assert all(0 <= x <= 960 and 0 <= y <= 340 for x, y in points)
    assert points[-1][0] == max(x for x, _ in points)


def test_chains_name_their_data_set(tmp_path: Path) -> None:
    links = [
        {"stage": "float", "epe": 2.0, "dataset": "shapes", "against_float": 1.0},
        {"stage": "int_infer", "epe": 2.2, "dataset": "shapes", "against_float": 1.1},
    ]
    write_job(tmp_path, 0, "stage=int_infer", report={"epe": 2.2, "chain": links})
    (chain,) = list_chains(tabulate(read_sweep(tmp_path)))
    assert (chain.dataset, chain.epe["float"], chain.epe["int_infer"], chain.against_float) == ("shapes", 2.0, 2.2, 1.1)


def test_a_job_of_a_sweep_is_named_by_what_differs(tmp_path: Path, make_context: Callable[..., RunContext]) -> None:
    job = make_context("optim.lr=0.1", "seed=1", "model/backbone=tiny", folder="sweep/1/0_float", in_sweep=True)
    assert job.sweep_dir is not None
    assert job.list_differing() == ["optim.lr=0.1", "seed=1", "model/backbone=tiny"]
    task = ["optim.lr=0.1", "seed=1,2", "model/backbone=tiny,mixvargenet"]
    (job.sweep_dir / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": {"task": task}}}))
    assert job.list_differing() == ["seed=1", "model/backbone=tiny"]
    assert make_context("optim.lr=0.1", "name=a").list_differing() == ["optim.lr=0.1"]
