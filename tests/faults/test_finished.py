"""A run is finished when its report is there: what was killed before that is completed, and nothing else costs it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from in_process import run_in_process

from stereo_exp.base import UserError, exit_on_user_error
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.suite.evaluate import Seen
from stereo_exp.suite.pictures import draw_test_pictures
from stereo_exp.suite.runs import report as reports
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import JsonLines

MakeContext = Callable[..., RunContext]


def test_a_run_that_was_killed_before_its_report_is_completed_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stereo_exp.suite.train import loop

    words = ("experiment=smoke", "tracker=none", "eval.pictures=1", "machine.threads=1", f"root={tmp_path}", "name=a",
             "optim.steps=4", "train.log_every=1", "dataset.num_test=2")  # fmt: skip
    whole = run_in_process(*words).report
    (Path(whole["run_dir"]) / "report.json").unlink()
    steps = []
    monkeypatch.setattr(loop, "train_step", lambda *arguments: steps.append(arguments))
    completed = run_in_process(*words, "train.resume=auto").report
    assert not steps
    assert completed["resumed_from"] == str(Path(whole["run_dir"]) / "checkpoints" / "last.safetensors")
    for key in ("epe", "d1", "best_step", "num_steps", "num_bad_steps", "n_images"):
        assert completed[key] == whole[key], key
    assert len(completed["pictures"]) == 1
    lines = [(Path(r["run_dir"]) / "metrics.jsonl").read_text().splitlines() for r in (whole, completed)]
    assert [json.loads(line)["step"] for line in lines[0]] == [json.loads(line)["step"] for line in lines[1]]
    assert json.loads((Path(completed["run_dir"]) / "report.json").read_text()) == completed


def seen(key: str) -> Seen:
    image = np.zeros((40, 60, 3), np.uint8)
    truth = np.full((40, 60), 5, np.float32)
    return Seen(0, StereoSample(key, image, image, truth), truth)


@pytest.mark.parametrize("key", ["price_$5_to_$7", "a" * 300, "../up", r"x_{\frac", "日本", "", "a\nb", "[bold]"])
def test_a_picture_takes_any_name(make_context: MakeContext, key: str) -> None:
    context = make_context()
    (file,) = draw_test_pictures(context, [seen(key)], 32)
    assert file.is_file() and file.parent == context.dir / "pictures"


def test_a_picture_that_cannot_be_drawn_costs_a_warning(
    make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    context = make_context()

    def pairs():  # type: ignore[no-untyped-def]
        yield seen("first")
        raise RuntimeError("a file that was there a minute ago\nis not any more")

    assert len(draw_test_pictures(context, pairs(), 32)) == 1
    assert "picture 1 could not be drawn (RuntimeError: a file that was there a minute ago is not" in caplog.text


def test_a_report_that_cannot_be_written_is_printed_all_the_same(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports, "write_text", full)
    with pytest.raises(UserError, match="No space left"):
        reports.finish(make_context(), {"epe": 1.5}, reports.start_clock())
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["epe"] == 1.5


def test_a_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, exit_on_user_error():
        raise OSError(28, "No space left on device", "outputs/a/last.safetensors")
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: outputs/a/last.safetensors: cannot be written (No space left on device)")
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="writes to /dev/full")
def test_records_that_find_no_room_do_not_end_training(
    make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    with JsonLines(make_context()) as tracker:
        tracker._file.close()
        tracker._file = io.open("/dev/full", "w", buffering=1)  # noqa: SIM115, UP020
        for step in range(3):
            tracker.log(step, {"a": 1.0})
    assert caplog.text.count("training goes on") == 1
