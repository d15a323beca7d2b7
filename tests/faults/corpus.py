"""What corpora are made with: files of this process, pictures, their bytes."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np


@cache
def scratch() -> Path:
    """A folder of this process for parsers that take paths."""
    return Path(tempfile.mkdtemp(prefix="stereo_exp-fuzz-"))


def written(data: bytes, name: str) -> Path:
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def picture(height: int = 24, width: int = 32, kind: type = np.uint8, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return rng.integers(0, np.iinfo(kind).max, shape).astype(kind)


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return data.tobytes()
