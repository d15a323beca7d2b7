"""Data in parts: which pairs are whose, and that the parts together are the whole, byte for byte."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from data_tools import pack, render
from stereo_exp.base.errors import UserError
from stereo_exp.base.part import WHOLE, Part
from stereo_exp.data.shards import packing
from stereo_exp.shapes.writer import LISTS, PARAMETERS, render_dataset

SMALL: dict[str, Any] = {"train": 9, "test": 5, "height": 32, "width": 64, "workers": 1, "scenes": {"layers": 1.0}}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    assert render_dataset(folder, **SMALL).waiting == 0
    return files(folder)


@given(total=st.integers(1, 50), units=st.integers(0, 200))
def test_every_unit_is_of_one_part(total: int, units: int) -> None:
    parts = [Part(number, total).select(range(units)) for number in range(1, total + 1)]
    assert sorted(unit for part in parts for unit in part) == list(range(units))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_part_is_typed_as_it_is_told() -> None:
    assert str(Part.parse("2/8")) == "2/8" and Part.parse("1/1") == WHOLE and WHOLE.is_whole
    for text in ("0/8", "9/8", "2", "2/", "a/b", "-1/2", "1/0", "1/9999999", ""):
        with pytest.raises(UserError, match=r"^part="):
            Part.parse(text)


def test_parts_in_one_folder_are_the_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """The lists come with the last pair, whoever draws it; a part that was done finds all of its own."""
    reports = [render_dataset(tmp_path, **SMALL, part=Part(number, 3)) for number in (3, 1)]
    assert [report.waiting > 0 for report in reports] == [True, True]
    assert not any((tmp_path / name).exists() for name in LISTS.values())
    again = render_dataset(tmp_path, **SMALL, part=Part(3, 3))
    assert (again.rendered, again.reused) == (0, reports[0].rendered)
    last = render_dataset(tmp_path, **SMALL, part=Part(2, 3))
    assert last.waiting == 0
    assert sum(report.rendered for report in (*reports, last)) == SMALL["train"] + SMALL["test"]
    assert files(tmp_path) == whole


def test_parts_at_the_same_time(whole: dict[str, bytes], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(render_dataset, tmp_path, **SMALL, part=Part(number, 2)) for number in (1, 2)]
        waiting = [each.result().waiting for each in work]
    assert 0 in waiting
    assert files(tmp_path) == whole


def test_folders_that_are_copied_together_are_the_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Of machines without a common disk."""
    for number in (1, 2):
        render_dataset(tmp_path / str(number), **SMALL, part=Part(number, 2))
        shutil.copytree(tmp_path / str(number), tmp_path / "both", dirs_exist_ok=True)
    report = render_dataset(tmp_path / "both", **SMALL)
    assert report.rendered == 0
    assert files(tmp_path / "both") == whole


def test_another_set_takes_no_part(tmp_path: Path) -> None:
    render_dataset(tmp_path, **SMALL, part=Part(1, 2))
    with pytest.raises(UserError, match=r"seed=7: .*was rendered with seed=0"):
        render_dataset(tmp_path, **SMALL, seed=7, part=Part(2, 2))
    (tmp_path / PARAMETERS).unlink()
    with pytest.raises(UserError, match="will not be overwritten"):
        render_dataset(tmp_path, **SMALL, part=Part(2, 2))


def test_the_whole_waits_for_a_part_that_begins_while_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else it would delete what that part is writing as what somebody left."""
    monkeypatch.setattr(packing, "_QUIET_SECONDS", 0.02)
    monkeypatch.setattr(packing, "_LOCK_POLL_SECONDS", 0.02)
    is_alone = threading.Event()

    def pack_all() -> None:
        with packing._alone(tmp_path / "train", WHOLE):
            is_alone.set()

    part = FileLock(tmp_path / ".train.part-1-of-2.lock")
    with FileLock(tmp_path / ".train.lock"):
        thread = threading.Thread(target=pack_all)
        thread.start()
        while "waiting" not in capsys.readouterr().err:
            time.sleep(0.01)
        part.acquire()
    assert not is_alone.wait(0.5)
    part.release()
    assert is_alone.wait(30)
    thread.join()


def test_both_tools_take_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are typed, one after the other: rendered in parts, packed in parts."""
    scenes, shards = tmp_path / "scenes", tmp_path / "shards"
    size = ["--train", "5", "--test", "0", "--size", "32x64", "--workers", "1", "--scenes", "layers=1"]
    told = []
    for part in ("1/2", "2/2"):
        render.main(["--out", str(scenes), *size, "--part", part])
        told.append(json.loads(capsys.readouterr().out))
    assert [(each["part"], each["rendered"], each["waiting"]) for each in told] == [("1/2", 4, 1), ("2/2", 1, 0)]
    where = ["--src-data-dir", str(scenes), "--target-data-dir", str(shards), "--split-name", "train"]
    for part, missing in (("2/3", 2), ("1/3", 1), ("3/3", 0)):
        pack.main([*where, "--samples-per-shard", "2", "--part", part])
        out = capsys.readouterr().out
        assert json.loads(out.splitlines()[-1])["missing"] == missing
        assert ("of other parts" in out) == (missing > 0)
    for tool, words in ((render, ["--out", str(scenes), *size]), (pack, where)):
        with pytest.raises(SystemExit) as stop:
            tool.main([*words, "--part", "3/2"])
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("error: --part=3/2: counts from 1/N to N/N")


@pytest.mark.long
def test_the_engine_of_sweeps_draws_the_parts(whole: dict[str, bytes], tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    parts = [Part(number, 3) for number in (1, 2, 3)]
    joblib.Parallel(n_jobs=2)(joblib.delayed(render_dataset)(tmp_path, **SMALL, part=part) for part in parts)
    assert files(tmp_path) == whole
