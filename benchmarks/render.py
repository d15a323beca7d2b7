"""How fast *shapes* renders: pairs a second of one process, PNG and PFM writing included.

    python benchmarks/render.py [--pairs 48] [--size 256x512] [--seed 0]

Prints where the time goes as a table, then one line of JSON.
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

from data_tools.render import render_dataset, render_scene, sample_scene  # noqa: E402


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

    sampling = drawing = 0.0
    for index in range(options.pairs):
        start = time.perf_counter()
        scene = sample_scene(options.seed, "TRAIN", index, height, width)
        sampled = time.perf_counter()
        render_scene(scene)
        sampling, drawing = sampling + sampled - start, drawing + time.perf_counter() - sampled
    with tempfile.TemporaryDirectory() as folder:
        report = render_dataset(
            folder, train=options.pairs, test=0, height=height, width=width, seed=options.seed, workers=1
        )

    whole = report.seconds / options.pairs
    rows = {
        "sample scene": sampling / options.pairs,
        "draw both views": drawing / options.pairs,
        "encode and write": whole - (sampling + drawing) / options.pairs,
        "whole": whole,
    }
    print(f"{'step':<18}{'ms/pair':>9}")
    for step, seconds in rows.items():
        print(f"{step:<18}{1000 * seconds:>9.1f}")
    result = {
        "benchmark": "render",
        "size": options.size,
        "pairs": options.pairs,
        "workers": 1,
        "pairs_per_second_per_core": round(report.pairs_per_second, 2),
        "ms_per_pair": {step: round(1000 * seconds, 2) for step, seconds in rows.items()},
    }
    print(json.dumps(result, separators=(",", ":")))


if __name__ == "__main__":
    main()
