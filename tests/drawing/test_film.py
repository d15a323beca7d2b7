"""A film has a frame for each pair, left view above disparity, and is whole or absent."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.drawing import Film, Scale, color_map

SCALE = Scale(0.0, 64.0)


def frame(level: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((48, 64, 3), level, np.uint8), np.full((48, 64), level / 4, np.float32)


def test_frames_come_back_in_their_colours(tmp_path: Path) -> None:
    path, levels = tmp_path / "new" / "disparity.mp4", (20, 120, 220)
    with Film(path, SCALE) as film:
        for level in levels:
            film.add(*frame(level))
        assert not path.exists()
    capture = cv2.VideoCapture(str(path))
    for level in levels:
        found, picture = capture.read()
        assert found and picture.shape == (96, 64, 3)
        assert abs(picture[:44].mean() - level) < 8
        expected = color_map(frame(level)[1][:1, :1], SCALE)[0, 0]
        assert np.abs(picture[56:, :, ::-1].mean(axis=(0, 1)) - expected).max() < 20
    assert not capture.read()[0]
    assert [p.name for p in path.parent.iterdir()] == ["disparity.mp4"]


def test_no_frames_no_film(tmp_path: Path) -> None:
    with Film(tmp_path / "disparity.mp4", SCALE):
        pass
    assert not list(tmp_path.iterdir())


def test_a_frame_of_another_size(tmp_path: Path) -> None:
    with Film(tmp_path / "disparity.mp4", SCALE) as film:
        film.add(*frame(20))
        with pytest.raises(ValueError, match="32x24"):
            film.add(np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32), np.float32))


def test_a_frame_with_room_shows_what_the_colours_mean(tmp_path: Path) -> None:
    values = np.full((200, 400), 32, np.float32)
    with Film(tmp_path / "disparity.mp4", SCALE) as film:
        film.add(np.zeros((200, 400, 3), np.uint8), values)
    found, picture = cv2.VideoCapture(str(tmp_path / "disparity.mp4")).read()
    assert found
    corner = picture[330:, :180].reshape(-1, 3)
    # Both ends of the scale and its numbers, where the map itself has one colour.
    for level in (4.0, 60.0):
        end = color_map(np.array([[level]]), SCALE)[0, 0, ::-1].astype(int)
        assert (np.abs(corner.astype(int) - end).max(axis=1) < 50).sum() > 8
    assert (corner.min(axis=1) > 180).sum() > 10
    plain = color_map(values[:1, :1], SCALE)[0, 0, ::-1].astype(int)
    assert np.abs(picture[205:300].astype(int) - plain).mean() < 6
