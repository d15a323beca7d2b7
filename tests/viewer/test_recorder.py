"""The recording for Rerun holds cameras, views, maps, points and time; without the package one line says what to do."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stereo_exp.base.errors import UserError, tell_missing_extras
from stereo_exp.geometry.drawing import Scale
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.recorder import Recorder
from stereo_exp.geometry.results import Result

CAMERA = Calibration(100.0, 0.2, 4.0, (9.5, 5.5))


class Stream:
    """Takes notes of what is logged."""

    def __init__(self, *_: object, **__: object) -> None:
        self.logged: list[tuple[int, str, Any]] = []
        self.frame, self.closed = -1, False

    def save(self, path: Path) -> None:
        self.path = path

    def set_time(self, timeline: str, *, sequence: int) -> None:
        assert timeline == "frame"
        self.frame = sequence

    def log(self, entity: str, value: Any, static: bool = False) -> None:
        self.logged.append((self.frame, entity, value))

    def disconnect(self) -> None:
        self.closed = True


def note(kind: str) -> Any:
    return lambda *values, **named: SimpleNamespace(kind=kind, values=values, **named)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    made = Stream()
    kinds = ("Image", "DepthImage", "Points3D", "Pinhole", "Transform3D")
    double = SimpleNamespace(RecordingStream=lambda *_, **__: made, ViewCoordinates=SimpleNamespace(RDF="RDF"))
    for kind in kinds:
        setattr(double, kind, note(kind))
    monkeypatch.setitem(sys.modules, "rerun", double)  # type: ignore[arg-type]
    return made


def result(depth: bool = True) -> Result:
    rng = np.random.default_rng(0)
    left, right = (rng.integers(0, 256, (12, 20, 3), np.uint8) for _ in range(2))
    disparity = np.full((12, 20), 6, np.float32)
    disparity[0] = np.inf
    metres = np.where(np.isfinite(disparity), np.float32(2), np.float32(np.inf)) if depth else None
    if metres is not None:
        metres[-1] = 9
    camera = CAMERA if depth else None
    return Result(StereoSample("p", left, right), disparity, metres, np.ones((12, 20), np.float32), camera)


def test_everything_is_there_at_its_time(stream: Stream, tmp_path: Path) -> None:
    with Recorder(tmp_path / "new" / "r.rrd", Scale(0, 10), max_depth=5) as recorder:
        for _ in range(2):
            recorder.add(result())
        assert not stream.closed
    assert stream.closed and stream.path == tmp_path / "new" / "r.rrd"
    first = {entity: value for frame, entity, value in stream.logged if frame == 0}
    assert {entity for frame, entity, _ in stream.logged if frame == 1} == set(first)
    assert set(first) == {
        "world", "world/left", "world/right", "world/left/view", "world/right/view", "world/left/depth", "world/points",
        "maps/disparity", "maps/confidence",
    }  # fmt: skip
    # All but the unknown row and the one beyond 5 m.
    points, colours = first["world/points"].values[0], first["world/points"].colors
    assert points.shape == colours.shape == (10 * 20, 3) and (points[:, 2] == 2).all()
    assert first["world/left"].principal_point == [9.5, 5.5] and first["world/left"].focal_length == 100.0
    assert first["world/right"].principal_point == [13.5, 5.5]
    moved = next(value for _, entity, value in stream.logged if entity == "world/right" and value.kind == "Transform3D")
    assert moved.translation == [0.2, 0, 0]
    assert not first["world/left/depth"].values[0][0].any()


def test_without_cameras_there_are_no_lengths(stream: Stream, tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.rrd", Scale(0, 10)) as recorder:
        recorder.add(result(depth=False))
    assert {entity for _, entity, _ in stream.logged} == {
        "world/left/view", "world/right/view", "maps/disparity", "maps/confidence",
    }  # fmt: skip


def test_a_folder_that_cannot_be_written(stream: Stream, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Recorder(tmp_path / "file" / "r.rrd", Scale())


def test_without_the_package_one_line_says_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"rerun: is not installed.*stereo_exp\[viewers\]"), tell_missing_extras():
        Recorder(tmp_path / "r.rrd", Scale())
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("rerun") is None, reason="rerun-sdk is not installed")
def test_rerun_itself_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "r.rrd"
    with Recorder(path, Scale(0, 10)) as recorder:
        for _ in range(2):
            recorder.add(result())
    data = path.read_bytes()
    assert data.startswith(b"RRF") and len(data) > 4000
    for entity in (b"world/points", b"world/left/depth", b"maps/confidence"):
        assert entity in data
