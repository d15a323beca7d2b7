"""Streams of a network camera over RTSP: with both views, or one for each."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from rtsp_camera import rtsp_camera

from stereo_exp.geometry.frames import open_frames

HEIGHT, WIDTH = 96, 128


def view(path: str, i: int) -> np.ndarray:
    """Brightness tells the frame, colour the view; both are side by side on one path."""
    left, right = (np.full((HEIGHT, WIDTH, 3), 20 + min(i, 140), np.uint8) for _ in range(2))
    left[..., 2], right[..., 0] = 250, 250
    return {"/left": left, "/right": right}.get(path, np.hstack([left, right]))


@pytest.mark.parametrize("kind", ["both views in one", "one for each"])
def test_the_newest_pictures_come_as_pairs(kind: str) -> None:
    assert cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG)
    with rtsp_camera(view, rate=25, count=400) as address:
        views = (f"{address}/both", None) if kind.startswith("both") else (f"{address}/left", f"{address}/right")
        frames = open_frames(*views)
        found = []
        for sample in frames:
            found.append(sample)
            time.sleep(0.15)
            if len(found) == 6:
                break
    for sample in found:
        assert sample.size == (HEIGHT, WIDTH)
        assert sample.left[..., 0].mean() > 200 > sample.left[..., 2].mean()
        assert sample.right[..., 2].mean() > 200 > sample.right[..., 0].mean()
        assert sample.time is not None and time.monotonic() - sample.time < 10
    # A camera of 25 a second, looked at 6 times: the others are dropped.
    assert frames.left_out.dropped > 5
    levels = [float(sample.left[..., 1].mean()) for sample in found]
    assert levels == sorted(levels) and levels[-1] > levels[0] + 10
