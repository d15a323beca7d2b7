"""`python -m stereo_exp.runtime` on films and folders, without torch: maps, rectified views, cameras, a film."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import numpy as np
import pytest
from matcher import shifted_pair
from test_runtime_alone import CLI, HEAVY, run_guarded

from stereo_exp.geometry.calibration import encode_rig, read_calibration
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig

HEIGHT, WIDTH = 64, 96


def run(compiled: Path, *words: object) -> CompletedProcess[str]:
    return run_guarded(CLI, HEAVY, compiled, "--threads", 1, "--scale", 1, *words)


def facts_of(done: CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def film(path: Path, count: int, layout: str = "side") -> Path:
    stack, size = (np.hstack, (2 * WIDTH, HEIGHT)) if layout == "side" else (np.vstack, (WIDTH, 2 * HEIGHT))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for i in range(count):
        # Smooth enough for the codec, with the contrast that the matcher wants.
        smooth = (cv2.GaussianBlur(view, (0, 0), 1.2).astype(float) for view in shifted_pair(HEIGHT, WIDTH, 6, seed=i))
        views = [np.clip((view - 128) * 4 + 128, 0, 255).astype(np.uint8) for view in smooth]
        writer.write(stack(views))
    writer.release()
    return path


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    matrix = np.array([[80.0, 0, 47.5], [0, 80, 31.5], [0, 0, 1]])
    bend = np.array([0.02, 0, 0, 0, 0])
    made = Rig((matrix, matrix), (bend, bend), np.eye(3), np.array([[-0.1], [0], [0]]), (WIDTH, HEIGHT))
    (tmp_path / "rig.json").write_bytes(encode_rig(made))
    return tmp_path / "rig.json"


@pytest.mark.parametrize("layout", ["side", "top"])
def test_a_film_with_both_views_and_a_calibration(compiled: Path, tmp_path: Path, rig: Path, layout: str) -> None:
    out = tmp_path / "res"
    words = [
        film(tmp_path / "f.avi", 5, layout),
        "-o",
        out,
        "--calib",
        rig,
        "--points",
        "--temporal",
        "--expected-error",
    ]
    done = run(compiled, *words, "--layout", layout, "--min-confidence", 0.01)
    facts = facts_of(done)
    assert (facts["num_pairs"], facts["dropped"], facts["unpaired"]) == (5, 0, 0)
    assert "rectified to focal length" in done.stderr and "frames/s" in done.stderr
    camera = read_calibration(out / "camera.json")
    assert isinstance(camera, Calibration) and camera.baseline == pytest.approx(0.1)
    shown = cv2.VideoCapture(str(out / "disparity.mp4"))
    assert (shown.get(cv2.CAP_PROP_FPS), shown.get(cv2.CAP_PROP_FRAME_COUNT)) == (25, 5)
    names = {path.name for path in out.iterdir()}
    assert (facts["range_px"], facts["n_beyond_range"]) == (32, 0)
    files = ("disparity.png", "depth_mm.png", "points.ply", "expected_error.png", "left_rectified.png")
    for what in (*files, "right_rectified.png"):
        assert {f"{i:06d}_{what}" for i in range(5)} <= names
    disparity = cv2.imread(str(out / "000003_disparity.png"), cv2.IMREAD_UNCHANGED)[8:-8, 40:-8] / 256
    depth = cv2.imread(str(out / "000003_depth_mm.png"), cv2.IMREAD_UNCHANGED)[8:-8, 40:-8]
    scale = camera.focal / 80
    assert np.median(disparity) == pytest.approx(6 * scale, abs=0.3)
    assert np.median(depth) == pytest.approx(1e3 * 80 * 0.1 / 6, rel=0.06)


def about(page: Path) -> dict:
    found = re.search(r'id="about">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_film_leaves_one_page_on_the_scale_that_was_asked_for(compiled: Path, tmp_path: Path, rig: Path) -> None:
    out = tmp_path / "res"
    done = run(compiled, film(tmp_path / "f.avi", 3), "-o", out, "--calib", rig, "--view", "--limits", 0, 24)
    assert facts_of(done)["view"] == str(out / "view.html")
    page = about(out / "view.html")
    assert page["frames"] == 3 and page["camera"]["baseline"] == pytest.approx(0.1)
    assert (page["layers"]["disparity"]["low"], page["layers"]["disparity"]["high"]) == (0, 24)
    assert not (out / "first" / "view.html").exists()


def test_page_and_film_hold_the_pairs_of_the_first_ones_size(compiled: Path, tmp_path: Path) -> None:
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
    for i, (height, width) in enumerate([(HEIGHT, WIDTH), (HEIGHT + 16, WIDTH), (HEIGHT, WIDTH)]):
        for view, image in zip(("left", "right"), shifted_pair(height, width, 6, seed=i), strict=True):
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(image))
    out = tmp_path / "res"
    done = run(compiled, tmp_path / "left", tmp_path / "right", "-o", out, "--view")
    assert (facts_of(done)["num_pairs"], facts_of(done)["not_in_film"]) == (3, 1)
    assert "1 of 3 pairs" in done.stderr and "nor in the page" in done.stderr
    assert about(out / "view.html")["frames"] == 2


@pytest.mark.parametrize("option", ["view", "rerun"])
def test_pages_and_recordings_need_a_folder(compiled: Path, tmp_path: Path, option: str) -> None:
    done = run(compiled, film(tmp_path / "f.avi", 1), "-o", tmp_path / "d.png", f"--{option}")
    assert done.returncode == 2 and f"--{option}: lies in a folder of results" in done.stderr


@pytest.mark.skipif(find_spec("rerun") is not None, reason="rerun-sdk is installed")
def test_a_missing_viewer_is_told_before_anything_is_computed(compiled: Path, tmp_path: Path) -> None:
    done = run(compiled, film(tmp_path / "f.avi", 1), "-o", tmp_path / "res", "--rerun")
    assert done.returncode == 2 and "stereo_exp[viewers]" in done.stderr
    assert not (tmp_path / "res").exists()


def test_two_films_and_the_film_alone(compiled: Path, tmp_path: Path) -> None:
    for name, at in (("l", 0), ("r", 1)):
        writer = cv2.VideoWriter(str(tmp_path / f"{name}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
        for i in range(4 + at):
            writer.write(shifted_pair(HEIGHT, WIDTH, 6, seed=i)[at])
        writer.release()
    out = tmp_path / "res"
    facts = facts_of(run(compiled, tmp_path / "l.avi", tmp_path / "r.avi", "-o", out, "--no-files", "--max-frames", 3))
    assert (facts["num_pairs"], facts["pairs"]) == (3, 3)
    assert sorted(path.name for path in out.iterdir()) == ["disparity.mp4", "first"]
    facts = facts_of(run(compiled, tmp_path / "l.avi", tmp_path / "r.avi", "-o", out, "--no-files"))
    assert (facts["num_pairs"], facts["unpaired"]) == (4, 1)


def test_folders_by_name(compiled: Path, tmp_path: Path) -> None:
    for i in (1, 2, 10):
        for name, view in zip("lr", shifted_pair(HEIGHT, WIDTH, 6, seed=i), strict=True):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{i}.png").write_bytes(encode_png(view))
    (tmp_path / "l" / "2.png").unlink()
    done = run(compiled, tmp_path / "l", tmp_path / "r", "-o", tmp_path / "res", "--focal", 100, "--baseline", 0.1)
    facts = facts_of(done)
    assert (facts["num_pairs"], facts["unpaired"]) == (2, 1)
    assert "1 view without a partner left out" in done.stderr and "2.png" in done.stderr
    assert {"1_depth_mm.png", "10_depth_mm.png"} <= {path.name for path in (tmp_path / "res").iterdir()}


def test_a_film_played_live_tells_ages(compiled: Path, tmp_path: Path) -> None:
    done = run(compiled, film(tmp_path / "f.avi", 12), "-o", tmp_path / "res", "--live", "--no-files")
    facts = facts_of(done)
    assert facts["pairs"] + facts["dropped"] == 12
    assert 0 < facts["age_ms"] <= facts["age_p95_ms"]
    assert "age " in done.stderr and " dropped, " in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--depth", "d.png", "--focal", "500", "--baseline", "-0.1"], "--baseline=-0.1: must be above 0"),
        (["--depth", "d.png", "--focal", "nan", "--baseline", "0.1"], "--focal=nan: must be above 0"),
        (["--picture", "p.jpg"], "p.jpg: must end in .png"),
        (["--picture", "/proc/x/p.png"], "/proc/x: cannot be written"),
        (["--calib", "none.yml"], "none.yml: cannot be read"),
        (
            ["--calib-unit", "mm", "--calib", "mm.json", "--focal", "3", "--baseline", "1"],
            "--focal=3.0: --calib says it",
        ),
        (["--calib", "mm.json"], "say --calib-unit=cm (1.93 m) or --calib-unit=mm (0.193 m)"),
        (["--rectify", "maybe"], "--rectify=maybe: must be one of calib, auto, none"),
        (["--layout", "below"], "--layout=below: must be one of auto, side, top"),
        (["--tile", "8x8"], "--tile"),
        (["--scale", "9"], "--scale=9.0: must be above 0 and at most 8"),
        (["--device", "NPU9"], "--device=NPU9"),
    ],
)
def test_mistakes_are_told_in_one_line(compiled: Path, tmp_path: Path, words: list[str], told: str) -> None:
    files = []
    for name, view in zip("lr", shifted_pair(HEIGHT, 400, 6), strict=True):
        files.append(tmp_path / f"{name}.png")
        files[-1].write_bytes(encode_png(view))
    (tmp_path / "mm.json").write_text('{"fx": 80, "baseline": 193}')
    words = [str(tmp_path / word) if word == "mm.json" else word for word in words]
    done = run(compiled, *files, "-o", tmp_path / "o.png", *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "o.png"], "is for one pair; a sequence needs a folder"),
        (["-o", "o", "--depth", "d.npy"], "leave it out"),
    ],
)
def test_a_sequence_needs_a_folder(compiled: Path, tmp_path: Path, words: list[str], told: str) -> None:
    done = run(compiled, film(tmp_path / "f.avi", 3), *words, "--focal", 80, "--baseline", 0.1)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]


def test_a_model_takes_calibrations_as_files_and_scales_them(compiled: Path, tmp_path: Path) -> None:
    """Two files of ROS; and one for twice the size, whose depth stays what it was."""
    from stereo_exp.runtime import StereoModel

    matrix = [80.0, 0, 47.5, 0, 80, 31.5, 0, 0, 1]
    files = []
    for name, shift in (("left", 0.0), ("right", -8.0)):
        project = [80.0, 0, 47.5, shift, 0, 80, 31.5, 0, 0, 0, 1, 0]
        content = {"width": WIDTH, "height": HEIGHT, "distortion_model": "plumb_bob", "k": matrix, "d": [0.0] * 5}
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps({**content, "r": [1, 0, 0, 0, 1, 0, 0, 0, 1], "p": project}))
    double = tmp_path / "double.json"
    double.write_text(json.dumps({"fx": 160, "baseline_m": 0.1, "width": 2 * WIDTH, "height": 2 * HEIGHT}))
    left, right = shifted_pair(HEIGHT, WIDTH, 5)
    with StereoModel(compiled, threads=1) as model:
        depths = [np.median(model(left, right, scale=1, calib=each).depth()) for each in (files, double, str(double))]
        small = [np.ascontiguousarray(view[::2, ::2]) for view in (left, right)]
        assert model(*small, scale=1, calib=double).calibration == Calibration(40.0, pytest.approx(0.1))
    np.testing.assert_allclose(depths, 80 * 0.1 / 5, rtol=0.02)
