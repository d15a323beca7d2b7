"""Calibration files of every kind, told apart by what is in them."""

import contextlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.base.errors import DataError
from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig

MATRIX = [[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]
RIG = {
    "K1": MATRIX,
    "K2": MATRIX,
    "D1": [0.1, -0.05, 0, 0, 0],
    "D2": [0.0] * 5,
    "R": np.eye(3).tolist(),
    "T": [-60.0, 0, 0],
}


def opencv_file(path: Path, fields: dict[str, object]) -> None:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in fields.items():
        storage.write(name, value if isinstance(value, int) else np.array(value, np.float64))
    storage.release()


def test_middlebury(tmp_path: Path) -> None:
    path = tmp_path / "calib.txt"
    path.write_text("cam0=[700 0 300; 0 700 200; 0 0 1]\ncam1=[700 0 310; 0 700 200; 0 0 1]\ndoffs=10\nbaseline=60\n")
    assert read_calibration(path) == Calibration(700, pytest.approx(0.06), 10, (300, 200))


@pytest.mark.parametrize("names", [("P0: ", "P1: "), ("P2: ", "P3: "), ("P_rect_02: ", "P_rect_03: "), ("", "")])
def test_kitti(tmp_path: Path, names: tuple[str, str]) -> None:
    path = tmp_path / "calib.txt"
    rows = ("700 0 600 0 0 700 180 0 0 0 1 0", "700 0 600 -378 0 700 180 0 0 0 1 0")
    path.write_text("".join(f"{name}{row}\n" for name, row in zip(names, rows, strict=True)))
    assert read_calibration(path) == Calibration(700, pytest.approx(0.54), 0, (600, 180))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"fx": 450, "baseline_meters": 0.075, "cx0": 300, "cx1": 304, "cy": 250}, (450, 0.075, 4, (300, 250))),
        ({"focal": 450, "baseline_mm": 75}, (450, 0.075, 0, None)),
        ({"focal": 450, "baseline": 7.5, "doffs": 2}, (450, 0.075, 2, None)),
    ],
)
def test_json_of_rectified_cameras(tmp_path: Path, content: dict, expected: tuple) -> None:
    (tmp_path / "c.json").write_text(json.dumps(content))
    focal, baseline, doffs, centre = expected
    found = read_calibration(tmp_path / "c.json", "cm")
    assert found == Calibration(focal, pytest.approx(baseline), doffs, centre)


@pytest.mark.parametrize("suffix", [".yml", ".xml", ".json"])
def test_a_rig(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rig{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps({**RIG, "image_width": 640, "image_height": 480}))
    else:
        opencv_file(path, {**RIG, "image_width": 640, "image_height": 480} if suffix == ".yml" else RIG)
    rig = read_calibration(path, "mm")
    assert isinstance(rig, Rig)
    np.testing.assert_allclose(rig.translation.ravel(), [-0.06, 0, 0])
    np.testing.assert_allclose(rig.matrices[0], MATRIX)
    assert rig.distortions[0].tolist() == RIG["D1"]


def test_opencvs_two_files_find_each_other(tmp_path: Path) -> None:
    opencv_file(tmp_path / "intrinsics.yml", {"M1": MATRIX, "M2": MATRIX, "D1": [0.0] * 5, "D2": [0.0] * 5})
    opencv_file(tmp_path / "extrinsics.yml", {"R": np.eye(3), "T": [-1.0, 0, 0]})
    for name in ("intrinsics.yml", "extrinsics.yml"):
        assert isinstance(read_calibration(tmp_path / name), Rig)


@pytest.mark.parametrize("field", sorted(RIG))
def test_a_rig_without_a_part_is_refused(tmp_path: Path, field: str) -> None:
    opencv_file(tmp_path / "rig.yml", {k: v for k, v in RIG.items() if k != field})
    with pytest.raises(DataError, match=r"rig\.yml"):
        read_calibration(tmp_path / "rig.yml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{",
        "{}",
        '{"fx": "a", "baseline": 1}',
        '{"fx": 1, "baseline": -1}',
        "%YAML:1.0\n---\nK1: [",
        '{"K1": [[1]], "K2": 3, "D1": [], "D2": [], "R": [], "T": []}',
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(DataError):
        read_calibration(tmp_path / "c")


@given(st.binary(max_size=200), st.sampled_from([b"", b"{", b"%YAML:1.0\n---\n", b"<?xml version='1.0'?>", b"cam0="]))
def test_arbitrary_bytes_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(head + data)
    with contextlib.suppress(DataError):
        read_calibration(path)


def test_the_real_ones(real_data: Path) -> None:
    kitti = real_data / "kitti_sequence" / "calib.txt"
    assert read_calibration(real_data / "oakd" / "toy" / "calib.json") == Calibration(
        pytest.approx(451.034, abs=1e-3), 0.075, 0, (pytest.approx(299.038, abs=1e-3), pytest.approx(255.165, abs=1e-3))
    )
    found = read_calibration(kitti)
    assert isinstance(found, Calibration)
    assert (found.focal, found.baseline) == (pytest.approx(707.0912), pytest.approx(0.5372, abs=1e-4))
