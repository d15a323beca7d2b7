"""`task=infer` on films and folders: rectified views and their cameras beside every depth, at the film's own rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from in_process import run_in_process

from stereo_exp.geometry.calibration import encode_camera, encode_rig, read_calibration
from stereo_exp.geometry.formats.image import encode_png, read_rgb
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.prediction import write_map
from stereo_exp.geometry.rectify import Rectifier, Rig

HEIGHT, WIDTH = 64, 128
MATRIX = np.array([[100.0, 0, 63], [0, 100, 31], [0, 0, 1]])
RIG = Rig(
    (MATRIX, MATRIX), (np.array([-0.1, 0, 0, 0, 0]),) * 2, np.eye(3), np.array([[-0.12], [0], [0]]), (WIDTH, HEIGHT)
)


def texture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH + 8, 3), np.uint8)


@pytest.fixture
def infer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> dict:
        return run_in_process("task=infer", "infer.scale=1", "infer.out=res", "engine.threads=1", *words).report

    return call


def test_a_film_with_a_calibration(infer: Callable[..., dict], tmp_path: Path) -> None:
    writer = cv2.VideoWriter("both.avi", cv2.VideoWriter.fourcc(*"MJPG"), 24, (2 * WIDTH, HEIGHT))
    for i in range(3):
        view = cv2.GaussianBlur(texture(i), (0, 0), 2)
        writer.write(np.hstack([view[:, :WIDTH], view[:, 8:]]))
    writer.release()
    (tmp_path / "rig.json").write_bytes(encode_rig(RIG))
    report = infer("infer.left=both.avi", "infer.calib=rig.json")
    film = cv2.VideoCapture(str(tmp_path / "res" / "disparity.mp4"))
    assert (film.get(cv2.CAP_PROP_FPS), film.get(cv2.CAP_PROP_FRAME_COUNT)) == (24, 3)
    assert (report["num_pairs"], report["rate"], report["unpaired"]) == (3, 24, 0)
    rectify = Rectifier(RIG)
    rectify(*np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    for name in ("camera.json", "first/camera.json"):
        camera = read_calibration(tmp_path / "res" / name)
        assert camera == rectify.calibration
        assert isinstance(camera, Calibration) and camera.size == (WIDTH, HEIGHT)
    assert report["camera"] == json.loads((tmp_path / "res" / "camera.json").read_text())
    for key in ("000000", "000001", "000002"):
        assert read_rgb(tmp_path / "res" / f"{key}_left_rectified.png").shape == (HEIGHT, WIDTH, 3)
        # Depth, disparity and cameras of a frame agree, to what 16 bits round.
        depth, disparity = (
            cv2.imread(str(tmp_path / "res" / f"{key}_{what}.png"), cv2.IMREAD_UNCHANGED).astype(float)
            for what in ("depth_mm", "disparity")
        )
        known = (depth > 0) & (disparity > 512)
        assert known.any()
        expected = 1000 * camera.focal * camera.baseline / (disparity / 256 + camera.doffs)
        np.testing.assert_allclose(depth[known], expected[known], rtol=2e-3)
    # The files of every frame can be left out.
    infer("infer.left=both.avi", "infer.calib=rig.json", "infer.out=film", "infer.every=false")
    assert sorted(p.name for p in (tmp_path / "film").iterdir()) == ["camera.json", "disparity.mp4", "first"]


def test_folders_with_a_view_lost_and_sizes_that_differ(infer: Callable[..., dict], tmp_path: Path) -> None:
    for view, start in (("l", 0), ("r", 8)):
        (tmp_path / view).mkdir()
        for i, height in enumerate((HEIGHT, HEIGHT, 96, HEIGHT)):
            image = np.tile(texture(i), (2, 1, 1))[:height, start : start + WIDTH]
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(np.ascontiguousarray(image)))
    (tmp_path / "r" / "1.png").unlink()
    report = infer("infer.left=l", "infer.right=r", "infer.focal=100", "infer.baseline=0.1", "infer.check=false")
    assert (report["num_pairs"], report["unpaired"], report["not_in_film"]) == (3, 1, 1)
    names = {path.name for path in (tmp_path / "res").iterdir()}
    assert {f"{i}_depth_mm.png" for i in (0, 2, 3)} <= names
    # The taller pair has a camera of its own: another size.
    assert {"camera.json", "2_camera.json"} == {name for name in names if "camera" in name}
    assert not any("rectified" in name for name in names)


def test_what_is_too_far_for_16_bits_is_unknown(tmp_path: Path) -> None:
    metres = np.array([[1.0, 65.534, 65.536, 1e6, np.inf, np.nan, 0.0]], np.float32)
    write_map(tmp_path / "d.png", metres, 1000)
    found = cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED)
    assert found.tolist() == [[1000, 65534, 0, 0, 0, 0, 0]]


def test_cameras_come_back_equal(tmp_path: Path) -> None:
    made = Calibration(497.51234567890123, 0.193, 15.54, (155.6, 127.0), (370, 250))
    (tmp_path / "camera.json").write_bytes(encode_camera(made))
    found = read_calibration(tmp_path / "camera.json")
    assert found == made
    assert isinstance(found, Calibration) and (found.centre, found.size) == (made.centre, made.size)
    (tmp_path / "rig.json").write_bytes(encode_rig(RIG, reprojection_px=0.2))
    rig = read_calibration(tmp_path / "rig.json")
    assert isinstance(rig, Rig) and rig.size == RIG.size
    np.testing.assert_array_equal(rig.translation, RIG.translation)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["infer.left=", "infer.right="], "infer.left='': is empty, as an unset variable"),
        (["infer.left=a.png", "infer.right=a.png"], "infer.right=a.png: is the left view, too"),
        ([f"infer.left={'x' * 300}", "infer.right=r.png"], "cannot be a file's name"),
        (["infer.rectify=auto", "infer.focal=1", "infer.baseline=1"], "infer.rectify=auto: turns the images"),
        (["infer.rectify=maybe"], "must be one of calib, auto, none"),
        (["infer.layout=below"], "must be one of auto, side, top"),
        (["infer.topics=[/left]"], "must be two topics"),
        (["infer.calib=[a,b,c]"], "must be a calibration file, or a list of two"),
        (["infer.calib=3"], "must be a calibration file, or a list of two"),
    ],
)
def test_mistakes(words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(encode_png(texture(0)))
    assert told in run_in_process("task=infer", *words).error_line


def test_the_range_is_told_and_the_expected_error_written(infer: Callable[..., dict], tmp_path: Path) -> None:
    for name, start in (("l", 0), ("r", 8)):
        view = np.ascontiguousarray(cv2.GaussianBlur(texture(3), (0, 0), 2)[:, start : start + WIDTH])
        (tmp_path / f"{name}.png").write_bytes(encode_png(view))
    pair = ("infer.left=l.png", "infer.right=r.png", "infer.focal=100", "infer.baseline=0.12")
    report = infer(*pair, "infer.expected_error=true")
    assert report["range_px"] == 192
    assert report["nearest_m"] == pytest.approx(100 * 0.12 / 192, abs=1e-4)
    assert report["n_beyond_range"] == 0
    written = cv2.imread(report["files"]["expected_error_png"], cv2.IMREAD_UNCHANGED)
    assert written.shape == (HEIGHT, WIDTH)
    assert written.dtype == np.uint16
    # Between a tenth of a px and the whole range.
    assert 25 < np.median(written) < 192 * 256
    small = infer(*pair, "infer.scale=2", "infer.out=enlarged")
    assert small["range_px"] == 96
    assert "expected_error_png" not in small["files"]
