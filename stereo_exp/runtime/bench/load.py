"""What is measured: an engine, the pairs that go through it, and how many before the clock counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stereo_exp.runtime.engines import Engine, load_engine
from stereo_exp.runtime.manifest import FULL, Manifest

Progress = Callable[[int], None]
"""Told how many frames were computed since the last call."""


@dataclass(frozen=True)
class Load:
    """A compiled folder and how to drive it.

    Attributes:
        threads: CPU threads of all frames in flight; None takes every core.
        size: height and width of the frames, multiples of 32. A folder compiled for one size takes only that.
        frames: that count.
        warm_up: frames before them that do not: caches fill, clocks rise, engines settle.
    """

    manifest: Manifest
    engine: str
    threads: int | None
    size: tuple[int, int]
    frames: int
    warm_up: int

    def open(self, form: str = FULL, in_flight: int = 1, profiling: bool = False) -> Engine:
        """One of the forms, loaded."""
        return load_engine(self.manifest, form, self.engine, self.threads, in_flight, profiling)

    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """A pair of frames B×H×W×3 with B as compiled. Noise: convolutions take as long whatever they see."""
        rng = np.random.default_rng(0)
        shape = (self.manifest.batch or 1, *self.size, 3)
        left, right = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
        return left, right


def clock(engine: Engine, left: np.ndarray, right: np.ndarray) -> float:
    """Milliseconds of one call."""
    begin = time.perf_counter()
    engine.run(left, right)
    return (time.perf_counter() - begin) * 1e3
