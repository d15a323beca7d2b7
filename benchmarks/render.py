"""How fast *shapes* renders: pairs a second of one process, PNG and PFM writing included.

    python benchmarks/render.py [--pairs 48] [--size 256x512] [--seed 0]

Prints where the time goes and what each kind of scene takes as tables, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy comes in: one core is what is measured
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402

from stereo_exp.shapes import KINDS, render_dataset, render_scene, sample_scene  # noqa: E402


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--size", default="256x512", metavar="HxW")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    height, width = (int(part) for part in options.size.split("x"))
    cv2.setNumThreads(1)

    # The first pairs read the photographs and wake the caches; they belong to no pair in particular.
    for index in range(4):
        render_scene(sample_scene(options.seed, "TEST", index, height, width))

    sampling, drawing = _time(options.seed, options.pairs, height, width)
    kinds = {kind: _time(options.seed, max(options.pairs // 4, 1), height, width, {kind: 1.0}) for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        report = render_dataset(
            folder, train=options.pairs, test=0, height=height, width=width, seed=options.seed, workers=1
        )

    whole = report.seconds / options.pairs
    rows = {
        "sample scene": sampling,
        "draw both views": drawing,
        "encode and write": whole - sampling - drawing,
        "whole": whole,
    }
    print(f"{'step':<18}{'ms/pair':>9}")
    for step, seconds in rows.items():
        print(f"{step:<18}{1000 * seconds:>9.1f}")
    print(f"{'kind':<12}{'sample':>9}{'draw':>9}   ms/pair")
    for kind, (sampled, drawn) in kinds.items():
        print(f"{kind:<12}{1000 * sampled:>9.1f}{1000 * drawn:>9.1f}")
    result = {
        "benchmark": "render",
        "size": options.size,
        "pairs": options.pairs,
        "workers": 1,
        "pairs_per_second_per_core": round(report.pairs_per_second, 2),
        "ms_per_pair": {step: round(1000 * seconds, 2) for step, seconds in rows.items()},
        "ms_per_pair_of_kind": {kind: round(1000 * sum(seconds), 2) for kind, seconds in kinds.items()},
    }
    print(json.dumps(result, separators=(",", ":")))


def _time(
    seed: int, count: int, height: int, width: int, scenes: dict[str, float] | None = None
) -> tuple[float, float]:
    """Seconds a pair for sampling and for drawing."""
    sampling = drawing = 0.0
    for index in range(count):
        start = time.perf_counter()
        scene = sample_scene(seed, "TRAIN", index, height, width, scenes)
        sampled = time.perf_counter()
        render_scene(scene)
        sampling, drawing = sampling + sampled - start, drawing + time.perf_counter() - sampled
    return sampling / count, drawing / count


if __name__ == "__main__":
    main()
