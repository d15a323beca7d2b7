"""Films: how one holds both views, at what rate they run, and two of different rates or lengths."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.drawing import Film, Scale
from stereo_exp.geometry.frames import FilmFrames, open_frames
from stereo_exp.geometry.frames.films import find_layout


def film(path: Path, count: int, rate: float, brightness: int = 0, size: tuple[int, int] = (32, 64)) -> Path:
    """Frame i is `8 i + brightness` bright all over."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, size[::-1])
    for i in range(count):
        writer.write(np.full((*size, 3), 8 * i + brightness, np.uint8))
    writer.release()
    return path


def numbers(frames: FilmFrames) -> list[tuple[int, int]]:
    return [(round(s.left.mean() / 8), round(s.right.mean() / 8)) for s in frames]


def test_films_of_one_rate_go_frame_by_frame(tmp_path: Path) -> None:
    left, right = film(tmp_path / "l.avi", 8, 30), film(tmp_path / "r.avi", 5, 30)
    frames = open_frames(str(left), str(right))
    assert (frames.rate, len(frames)) == (30, 5)
    assert numbers(frames) == [(i, i) for i in range(5)]
    assert frames.left_out.unpaired == 3
    assert str(frames.left_out).startswith("3 views without a partner left out: left at 0.167 s")


def test_films_of_two_rates_go_by_time(tmp_path: Path) -> None:
    frames = open_frames(str(film(tmp_path / "l.avi", 13, 30)), str(film(tmp_path / "r.avi", 11, 25)))
    found = numbers(frames)
    # Within a quarter of the shorter period, 8.3 ms: 33 and 40 ms, 167 and 160, 200 and 200, …
    assert found == [(0, 0), (1, 1), (5, 4), (6, 5), (7, 6), (11, 9), (12, 10)]
    assert frames.left_out.unpaired == 13 + 11 - 2 * len(found)
    assert max(abs(a / 30 - b / 25) for a, b in found) <= 0.25 / 30


def textured(seed: int, size: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "layout"),
    [(120, 160, "side"), (120, 160, "top"), (90, 320, "side"), (160, 90, "top"), (180, 160, "side"), (90, 80, "side")],
)
def test_how_one_picture_holds_both_views(height: int, width: int, layout: str) -> None:
    """Also where its shape does not tell: 320×180 may be two of 160×180, or two of 320×90."""
    left, right = textured(1, (height, width)), np.roll(textured(1, (height, width)), -5, axis=1)
    both = np.hstack([left, right]) if layout == "side" else np.vstack([left, right])
    assert find_layout(both) == layout


@pytest.mark.parametrize("layout", ["side", "top"])
def test_the_layout_that_is_asked_for_counts(tmp_path: Path, layout: str) -> None:
    path = film(tmp_path / "f.avi", 2, 10, size=(64, 128))
    (sample, _) = open_frames(str(path), None, layout)
    assert sample.left.shape == ((64, 64, 3) if layout == "side" else (32, 128, 3))
    with pytest.raises(UserError, match="layout=beside: must be one of auto, side, top"):
        open_frames(str(path), None, "beside")


def test_the_reported_films(reported_cases: Path) -> None:
    folder = reported_cases / "film-rate"
    for name, right in (("sbs", None), ("tb", None), ("l30", "r30.mp4"), ("l30", "r_short.mp4"), ("l30", "r25.mp4")):
        frames = open_frames(str(folder / f"{name}.mp4"), right and str(folder / right))
        samples = list(frames)
        assert frames.rate == 30 and samples[0].size == (240, 352), name
        assert {"r_short.mp4": 3, "r25.mp4": 6}.get(str(right), 0) == frames.left_out.unpaired


def played(path: Path) -> tuple[float, list[int]]:
    capture = cv2.VideoCapture(str(path))
    levels = []
    while (read := capture.read())[0]:
        levels.append(round(read[1][: read[1].shape[0] // 2].mean() / 8))
    return capture.get(cv2.CAP_PROP_FPS), levels


def test_a_film_of_results_runs_at_the_speed_of_its_source(tmp_path: Path) -> None:
    """Frames that were left out are seen as long as they took."""
    maps = np.zeros((64, 96), np.float32)
    with Film(tmp_path / "f.mp4", Scale(0, 1), rate=30) as out:
        for i in (0, 1, 4, 5):
            out.add(np.full((64, 96, 3), 8 * i, np.uint8), maps, i / 30)
    assert played(tmp_path / "f.mp4") == (30, [0, 1, 1, 1, 4, 5])


def test_a_pause_is_cut(tmp_path: Path) -> None:
    maps = np.zeros((64, 96), np.float32)
    with Film(tmp_path / "f.mp4", Scale(0, 1), rate=10) as out:
        for i, time in ((0, 5.0), (1, 5.1), (2, 1000.0), (3, 1000.1)):
            out.add(np.full((64, 96, 3), 8 * i, np.uint8), maps, time)
    rate, levels = played(tmp_path / "f.mp4")
    assert rate == 10
    assert levels == [0, *[1] * 51, 2, 3]
