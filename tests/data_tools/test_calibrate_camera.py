"""Boards rendered with known cameras: focal length and baseline come back within half a percent."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from boards import poses, rays, take

from data_tools.calibrate_camera import main
from stereo_exp.geometry.boards import Board, calibrate_rig, measure_coverage
from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.formats.image import encode_png, read_rgb
from stereo_exp.geometry.rectify import Rig

SIZE = (640, 480)
LEFT = np.array([[520.0, 0, 325], [0, 521, 236], [0, 0, 1]])
RIGHT = np.array([[515.0, 0, 318], [0, 516, 243], [0, 0, 1]])
TURN = cv2.Rodrigues(np.array([0.01, -0.02, 0.008]))[0]
SHIFT = np.array([[-0.12], [0.001], [-0.002]])
PINHOLE = Rig(
    (LEFT, RIGHT),
    (np.array([-0.25, 0.08, 0.001, -0.0005, 0]), np.array([-0.24, 0.07, -0.0008, 0.0004, 0])),
    TURN,
    SHIFT,
    SIZE,
)
FISHEYE = Rig(
    (LEFT * [[0.55], [0.55], [1]] + [[0, 0, 325 * 0.45], [0, 0, 236 * 0.45], [0, 0, 0]],) * 2,
    (np.array([0.05, -0.01, 0.002, -0.001]), np.array([0.045, -0.008, 0.001, -0.0005])),
    TURN,
    SHIFT,
    SIZE,
    True,
)
CHESS = Board((9, 7), 0.03)
CHARUCO = Board((9, 7), 0.03, 0.022, "5X5_100")
LARGE = Board((7, 5), 0.05, 0.037, "4X4_50")
"""What fisheyes see as large as the others see theirs."""


def write_pictures(folder: Path, board: Board, rig: Rig, count: int, distance: float, spread: float) -> None:
    looked = rays(rig, 0), rays(rig, 1)
    for view in ("left", "right"):
        (folder / view).mkdir()
    for i, (spin, shift) in enumerate(poses(board, distance, count, spread)):
        pictures = take(board, rig, looked, spin, shift, i)
        for view, picture in zip(("left", "right"), pictures, strict=True):
            (folder / view / f"{i:02d}.png").write_bytes(encode_png(picture))


@pytest.mark.parametrize(
    ("board", "rig", "words"),
    [
        (CHESS, PINHOLE, []),
        (CHARUCO, PINHOLE, ["--charuco", "22mm"]),
        (LARGE, FISHEYE, ["--charuco", "3.7cm", "--dictionary", "4X4_50", "--fisheye"]),
    ],
    ids=["chessboard", "charuco", "charuco by fisheyes"],
)
def test_known_cameras_come_back(
    board: Board, rig: Rig, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    distance, spread = (0.4, 0.4) if rig.fisheye else (0.55, 0.28)
    write_pictures(tmp_path, board, rig, 12, distance, spread)
    out = tmp_path / "made" / "camera.json"
    main(
        [
            str(tmp_path / "left"),
            str(tmp_path / "right"),
            "--board",
            "x".join(map(str, board.squares)),
            "--square",
            f"{1e3 * board.square:g}mm",
            "--out",
            str(out),
            *words,
        ]
    )
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = read_calibration(out)
    assert isinstance(found, Rig) and found.fisheye == rig.fisheye and found.size == SIZE
    for matrix, expected in zip(found.matrices, rig.matrices, strict=True):
        assert matrix[0, 0] == pytest.approx(expected[0, 0], rel=0.005)
        assert matrix[1, 1] == pytest.approx(expected[1, 1], rel=0.005)
        assert np.abs(matrix[:2, 2] - expected[:2, 2]).max() < 2.5
    assert np.linalg.norm(found.translation) == pytest.approx(np.linalg.norm(rig.translation), rel=0.005)
    np.testing.assert_allclose(found.rotation, rig.rotation, atol=2e-3)
    assert facts["reprojection_px"] < 0.3 and facts["pairs"] >= 7
    assert facts["baseline_m"] == pytest.approx(0.12, rel=0.005)
    assert 0.3 < facts["coverage_left"] <= 1
    picture = read_rgb(Path(facts["coverage_picture"]))
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_what_was_not_seen_or_does_not_fit_is_left_out(tmp_path: Path) -> None:
    """A chessboard of several pictures, one of them from another moment, one with nothing on it."""
    looked = rays(PINHOLE, 0), rays(PINHOLE, 1)
    found = [
        CHESS.find_pair(*take(CHESS, PINHOLE, looked, *pose, i)) for i, pose in enumerate(poses(CHESS, 0.6, 9, 0.2))
    ]
    found = [pair for pair in found if pair[0] and pair[1]]
    assert len(found) >= 7
    moved = {number: at + np.array([25.0, 9.0]) for number, at in found[2][1].items()}
    blank = CHESS.find_pair(*np.full((2, 480, 640), 90, np.uint8))
    assert blank == ({}, {})
    calibrated = calibrate_rig(CHESS, [*found, (found[2][0], moved), blank], SIZE)
    assert calibrated.used == tuple(range(len(found)))
    assert calibrated.rig.matrices[0][0, 0] == pytest.approx(520, rel=0.01)


def test_a_chessboard_is_counted_from_the_same_end(tmp_path: Path) -> None:
    looked = rays(PINHOLE, 0), rays(PINHOLE, 1)
    left, right = take(CHESS, PINHOLE, looked, *poses(CHESS, 0.6, 1, 0.05)[0], 0)
    first, second = CHESS.find_pair(left, right)
    apart = np.array([first[number] - second[number] for number in first])
    assert len(first) == 48
    # Corners of one number lie on nearly one row, a disparity apart.
    assert np.abs(apart[:, 1]).max() < 30 and (apart[:, 0] > 20).all()


def test_coverage() -> None:
    assert measure_coverage([{0: np.array([1.0, 1.0]), 1: np.array([639.9, 479.9])}], SIZE) == pytest.approx(2 / 48)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--board", "9", "--square", "30mm"], "--board=9: must be COLUMNSxROWS"),
        (["--board", "9x7", "--square", "30"], "--square=30: must be a length with its unit"),
        (["--board", "2x7", "--square", "30mm"], "--board=2x7"),
        (["--board", "9x7", "--square", "30mm", "--charuco", "40mm"], "--charuco=0.04: must be shorter"),
        (["--board", "9x7", "--square", "3mm", "--charuco", "2mm", "--dictionary", "9X9"], "--dictionary=9X9: is none"),
        (["--board", "9x7", "--square", "30mm"], "in 0 of 3 pairs both cameras see the whole board"),
    ],
)
def test_mistakes(tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        for i in range(3):
            grey = np.full((60, 80), 60 + i + 10 * (view == "left"), np.uint8)
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(grey))
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "left"), str(tmp_path / "right"), "--out", str(tmp_path / "c.json"), *words])
    assert stop.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
