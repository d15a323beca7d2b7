"""`bench.mode=latency`: one frame, the integer trunk and everything after it apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stereo_exp.runtime.bench.load import Load, Progress, clock
from stereo_exp.runtime.manifest import FULL, TRUNK

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Latency:
    """Milliseconds of single frames, by form."""

    full: np.ndarray
    """uint8 images to disparity and confidence."""
    trunk: np.ndarray
    """uint8 images to the two maps of logits: what is integer arithmetic in a quantised model."""
    engine: str
    threads: int

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Form -> `p50`, `p90`, `p99`, ms."""
        return {
            form: {f"p{p}": float(np.percentile(times, p)) for p in PERCENTILES}
            for form, times in (("full", self.full), ("trunk", self.trunk))
        }

    @property
    def post_ms(self) -> float:
        """Everything after the trunk: the median of what a full frame took more than the trunk beside it."""
        return float(np.median(self.full - self.trunk))

    @property
    def post_share(self) -> float:
        """Of the full form's median."""
        return self.post_ms / float(np.median(self.full))


def measure(load: Load, progress: Progress) -> Latency:
    """The two forms in turns, so that whatever else the machine does meets both."""
    left, right = load.pair()
    engines = [load.open(form) for form in (FULL, TRUNK)]
    times: list[list[float]] = []
    for frame in range(load.warm_up + load.frames):
        # Each of them first in every other round: whoever comes second finds warmer caches.
        order = (0, 1) if frame % 2 else (1, 0)
        taken = [0.0, 0.0]
        for i in order:
            taken[i] = clock(engines[i], left, right)
        if frame >= load.warm_up:
            times.append(taken)
        progress(1)
    full, trunk = np.asarray(times).T
    return Latency(full, trunk, f"{engines[0].name} {engines[0].version}", engines[0].threads)
