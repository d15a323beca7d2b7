"""The way from a film to depth: what is typed, the film and its calibration, the table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import camera
import cv2
import numpy as np
import pytest
from real.markdown import block
from real.output import page_text

from stereo_exp.base import UserError
from stereo_exp.geometry import Calibration, Rectifier, Rig, encode_camera, example_pair, read_calibration

KNOWN = Calibration(camera.FOCAL, camera.BASELINE, 0.0, camera.CENTRE, camera.SIZE)


def found(rate: float, age: float | None = None, dropped: int = 0) -> dict[str, Any]:
    facts = {"frames_per_second": rate, "work_ms": 100.0, "work_p95_ms": 120.0, "dropped": dropped}
    return facts if age is None else facts | {"age_ms": age, "age_p95_ms": age + 10}


def report(rate: float = 25.0, age: float = 150.0, dropped: int = 7) -> dict[str, Any]:
    runs = {camera.PLAIN: found(rate), camera.USUAL: found(12.0), camera.SLOW: found(5.0, age, dropped)}
    return {"model": "release-slim", "threads": 2, "runs": runs}


def test_the_calibration_brings_back_the_pair_that_was_filmed(tmp_path: Path) -> None:
    camera.write_calibration(tmp_path)
    rig = read_calibration([tmp_path / "left.yaml", tmp_path / "right.yaml"])
    assert isinstance(rig, Rig)
    capture = cv2.VideoCapture(str(camera.write_film(tmp_path / "both.avi", 2)))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert [frame.shape for frame in frames] == [(480, 1280, 3)] * 2
    rectifier = Rectifier(rig)
    views = rectifier(*np.hsplit(cv2.cvtColor(frames[0], cv2.COLOR_BGR2RGB), 2))
    sample = example_pair()
    for view, given in zip(views, (sample.left, sample.right), strict=True):
        wanted = cv2.resize(given, camera.SIZE, interpolation=cv2.INTER_AREA)
        inner = (slice(60, -60), slice(60, -60))
        assert np.abs(view[inner].astype(int) - wanted[inner]).mean() < 4
        # It is the lens that is taken out: the raw view is another one.
    raw = frames[0][:, : camera.SIZE[0]][..., ::-1]
    assert np.abs(raw[60:-60, 60:-60].astype(int) - views[0][60:-60, 60:-60]).mean() > 6
    assert rectifier.calibration is not None
    (tmp_path / "camera.json").write_bytes(encode_camera(rectifier.calibration))
    camera.check_camera(tmp_path / "camera.json")


def test_another_camera_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_bytes(encode_camera(KNOWN))
    camera.check_camera(path)
    path.write_bytes(encode_camera(Calibration(camera.FOCAL, 2 * camera.BASELINE, 0.0, camera.CENTRE, camera.SIZE)))
    with pytest.raises(UserError, match=r"is of another camera .*baseline"):
        camera.check_camera(path)


def test_every_run_is_typed_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed: list[list[str]] = []

    def run(words: list[str], folder: Path) -> dict[str, Any]:
        typed.append(words)
        (folder / "res").mkdir(exist_ok=True)
        (folder / "res" / "camera.json").write_bytes(encode_camera(KNOWN))
        return found(30.0)

    monkeypatch.setattr(camera, "run", run)
    options = argparse.Namespace(model="m", threads=1, frames=99, limit=3, slow=2.0)
    made = camera.measure(tmp_path, options)
    assert [words[12:] for words in typed] == [["--scale", "1"], [], ["--live", "--scale", "2"]]
    assert all("--no-files" in words and words[words.index("--threads") + 1] == "1" for words in typed)
    assert made["film"] | {"bytes": 0} == {"frames": 3, "rate": 30, "width": 640, "height": 480, "bytes": 0}


@pytest.mark.parametrize(
    ("given", "met"),
    [
        ({}, ["yes", "yes"]),
        ({"rate": 19.9}, ["no", "yes"]),
        ({"age": 200.0}, ["yes", "no"]),
        ({"dropped": 0}, ["yes", "no"]),
    ],
)
def test_goals(given: dict[str, Any], met: list[str]) -> None:
    lines = camera.render(report(**given)).splitlines()
    assert [line.split("|")[-2].strip() for line in lines[-2:]] == met
    assert lines[0].startswith("| release-slim, 640×480, 2 threads | frames/s |")
    assert lines[4].startswith("| slow, at real time | 5.0 | 100 (120) | ")


def test_page_and_json_say_the_same(repository: Path) -> None:
    measured, page = (repository / "docs" / "results" / name for name in ("camera.json", "camera.md"))
    if not measured.is_file():
        assert not block(page, camera.BLOCK), "a table without the figures it was made of"
        pytest.skip("docs/results/camera.json has not been measured yet")
    told = json.loads(measured.read_text())
    assert block(page, camera.BLOCK) == page_text(told, camera.render(told))


@pytest.mark.long
def test_it_runs(tmp_path: Path) -> None:
    options = argparse.Namespace(model="release-slim", threads=1, frames=20, limit=None, slow=1.0)
    runs = camera.measure(tmp_path, options)["runs"]
    assert runs[camera.PLAIN]["pairs"] == runs[camera.USUAL]["pairs"] == 20
    slow = runs[camera.SLOW]
    assert slow["pairs"] + slow["dropped"] == 20 and "age_ms" in slow
