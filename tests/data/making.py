"""A maker of small random pairs, for the renderer's process to import."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.geometry.pair import StereoSample

MAKER = "making:make_noise"


def make_noise(parameters: Mapping[str, Any], seed: int, count: int) -> Iterator[StereoSample]:
    """Pairs of `height` × `width`; every shard begun is noted in `diary`. `pause` seconds a pair; `broken` fails at
    that seed, `short` makes too few there."""
    if "diary" in parameters:
        with Path(parameters["diary"]).open("a") as diary:
            diary.write(f"{seed}\n")
    if parameters.get("broken") == seed:
        raise RuntimeError("the lamp is broken")
    size = parameters["height"], parameters["width"]
    for number in range(count - (parameters.get("short") == seed)):
        time.sleep(parameters.get("pause", 0))
        rng = np.random.default_rng((parameters["seed"], seed, number))
        left, right = rng.integers(0, 256, (2, *size, 3), np.uint8)
        yield StereoSample("unnamed", left, right, rng.random(size, np.float32) * 20 + 1)
