"""What is wrong about cameras and images, and would give a depth all the same: said, or refused, in one line."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import DataError
from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.formats.image import encode_png, read_rgb
from stereo_exp.geometry.pair import Calibration, StereoSample
from stereo_exp.geometry.points import is_likely_depth, tell_unlikely_depth
from stereo_exp.geometry.prediction import Prediction
from stereo_exp.geometry.reach import Reach
from stereo_exp.geometry.rectified import tell_unlikely
from stereo_exp.geometry.results import Result, Watch

RIG = {
    "K1": [[500, 0, 160], [0, 500, 120], [0, 0, 1]],
    "K2": [[500, 0, 160], [0, 500, 120], [0, 0, 1]],
    "D1": [0.2, -0.03, 0.0004, -0.0007],
    "D2": [0.2, -0.03, 0.0004, -0.0007],
    "R": np.eye(3).tolist(),
    "T": [-0.1, 0, 0],
}


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


@pytest.mark.parametrize(("baseline", "is_told"), [(50.0, True), (0.00005, True), (0.001, False), (0.54, False)])
def test_a_baseline_that_nobody_builds(caplog: pytest.LogCaptureFixture, baseline: float, is_told: bool) -> None:
    with caplog.at_level(logging.WARNING):
        tell_unlikely(Calibration(500.0, baseline))
    wanted = [f"a baseline of {baseline:g} m is unlikely: in what unit are the calibration's lengths?"]
    assert messages(caplog) == (wanted if is_told else [])


@pytest.mark.parametrize(
    ("metres", "is_likely"), [(0.03, False), (0.06, True), (20.0, True), (499.0, True), (4187.0, False), (np.inf, True)]
)
def test_a_median_depth_that_no_camera_looks_at(
    caplog: pytest.LogCaptureFixture, metres: float, is_likely: bool
) -> None:
    depth = np.full((40, 60), metres, np.float32)
    depth[:10] = np.inf
    assert is_likely_depth(depth) == is_likely
    assert tell_unlikely_depth(depth, "frame_7") != is_likely
    told = f"frame_7: a median depth of {metres:.3g} m is unlikely: are focal length (px) and baseline (m) those of "
    assert messages(caplog) == ([] if is_likely else [f"{told}these images?"])


def test_depth_asked_of_a_prediction_is_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    disparity = np.full((8, 8), 10.0, np.float32)
    found = Prediction(disparity, np.ones_like(disparity), np.ones(disparity.shape, bool))
    found.depth(focal=500, baseline=0.1)
    assert not messages(caplog)
    found.depth(focal=500, baseline=100)
    assert [message.partition(" is unlikely")[0] for message in messages(caplog)] == ["a median depth of 5e+03 m"]


def test_a_sequence_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Range, an unlikely depth, and what lies too near: at the first pair that shows it."""
    view = np.zeros((8, 10, 3), np.uint8)
    disparity, beyond = np.full((8, 10), 10.0, np.float32), np.zeros((8, 10), bool)
    beyond[:2] = True
    watch = Watch()
    with caplog.at_level(logging.INFO):
        for index in range(3):
            where = beyond if index else None
            found = Prediction(disparity, np.ones_like(disparity), ~beyond, reach=Reach(96.0), beyond=where)
            watch(Result.of(StereoSample(f"f{index}", view, view), found, Calibration(960.0, 100.0), False))
    assert messages(caplog) == [
        "f0: the network sees disparities up to 96 px, depth from 1e+03 m on",
        "f0: a median depth of 9.6e+03 m is unlikely: are focal length (px) and baseline (m) those of these images?",
        "f1: 20 pixels (25.0 %) may lie nearer than the network can see (disparities up to 96 px, depth from 1e+03 m "
        "on): their confidence is 0; scale=0.5 sees twice the disparity",
    ]


def test_figures_of_a_result_tell_the_range() -> None:
    view = np.zeros((8, 10, 3), np.uint8)
    disparity, beyond = np.full((8, 10), 10.0, np.float32), np.zeros((8, 10), bool)
    beyond[0, :3] = True
    found = Prediction(disparity, np.ones_like(disparity), np.ones((8, 10), bool), reach=Reach(96.0), beyond=beyond)
    summary = Result.of(StereoSample("f", view, view), found, Calibration(480.0, 0.1, doffs=4.0), False).summary()
    assert (summary["range_px"], summary["nearest_m"], summary["n_beyond_range"]) == (96.0, 0.48, 3)
    bare = Result.of(StereoSample("f", view, view), found, None, False).summary()
    assert bare["range_px"] == 96.0
    assert "nearest_m" not in bare
    unknown = Prediction(disparity, np.ones_like(disparity), ~beyond)
    assert "range_px" not in Result.of(StereoSample("f", view, view), unknown, None, False).summary()


@pytest.mark.parametrize(
    ("more", "is_told"),
    [({}, True), ({"camera_model": "pinhole"}, False), ({"D1": [0.2, 0, 0, 0, 0], "D2": [0.2, 0, 0, 0, 0]}, False)],
)
def test_four_coefficients_of_no_model_are_said_to_be_a_pinholes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[str, object], is_told: bool
) -> None:
    import json

    file = tmp_path / "rig.json"
    file.write_text(json.dumps(RIG | more))
    with caplog.at_level(logging.INFO):
        read_calibration(file)
    told = "four distortion coefficients and no camera_model: taken as a pinhole's k1 k2 p1 p2, not a fisheye's"
    assert messages(caplog) == ([f"{file}: {told}"] if is_told else [])


@pytest.mark.parametrize(("bits", "is_refused"), [(10, True), (12, True), (14, False), (16, False)])
def test_a_data_sets_images_of_few_bits_in_16(tmp_path: Path, bits: int, is_refused: bool) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "l.png"
    cv2.imwrite(str(file), rng.integers(0, 1 << bits, (20, 30), dtype=np.uint16))
    if is_refused:
        with pytest.raises(DataError, match=r"has samples of 16 bits up to \d+: a camera's 10 or 12 bits"):
            read_rgb(file)
    else:
        assert read_rgb(file).max() >= 16


def test_dark_images_of_8_bits_are_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "l.png"
    for level in (0, 1, 15):
        file.write_bytes(encode_png(np.full((20, 30, 3), level, np.uint8)))
        assert read_rgb(file).max() == level
    cv2.imwrite(str(file), np.zeros((20, 30), np.uint16))
    assert read_rgb(file).max() == 0
