"""What augmentation costs a training pair: milliseconds on one core, for each augmentation and each preset.

    python benchmarks/augment.py [--repeats 40] [--size 256x512] [--seed 0]

An augmentation is timed by itself, at probability 1, with the arguments that the preset `camera` gives it, else
`realworld`; a preset as the loader applies it, the crop included, and `camera` besides with all that it has at
probability 1. All on rendered pairs of the crop's own size; a larger pair costs more in what comes ahead of the crop.
Time is the process's own, so that others on the same cores do not count. Prints a table of means, then one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy comes in: one core is what is measured
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
from hydra import compose, initialize_config_dir  # noqa: E402

from stereo_exp.config import bind, conf_dir, register  # noqa: E402
from stereo_exp.data import Augment, sample_rng  # noqa: E402
from stereo_exp.geometry import StereoSample  # noqa: E402
from stereo_exp.shapes import render_scene, sample_scene  # noqa: E402

NUM_PAIRS = 8


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="times that each of the 8 pairs is augmented")
    parser.add_argument("--size", default="256x512", metavar="HxW")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    height, width = (int(part) for part in options.size.split("x"))
    cv2.setNumThreads(1)

    samples = []
    for index in range(NUM_PAIRS):
        pair = render_scene(sample_scene(options.seed, "TRAIN", index, height, width))
        samples.append(StereoSample(str(index), pair.left, pair.right, pair.disparity_left))

    presets = {path.stem: preset(path.stem) for path in sorted((ROOT / "conf" / "augment").glob("*.yaml"))}
    always = {name: replace(op, probability=1.0) for name, op in (presets["realworld"] | presets["camera"]).items()}
    ops = {name: Augment([op]) for name, op in always.items()}
    whole = {f"augment={name}": Augment(list(ops_of.values())) for name, ops_of in presets.items()}
    whole["augment=camera, all of it"] = Augment([always[name] for name in presets["camera"]])
    rows = {
        name: 1000 * seconds(augment, samples, options.repeats, (height, width))
        for name, augment in (ops | whole).items()
    }
    print(f"{'augmentation':<28}{'ms/pair':>9}")
    for name, cost in rows.items():
        print(f"{name:<28}{cost:>9.2f}")
    result = {
        "benchmark": "augment",
        "size": options.size,
        "repeats": options.repeats * NUM_PAIRS,
        "threads": 1,
        "ms_per_pair": {name: round(cost, 3) for name, cost in rows.items()},
    }
    print(json.dumps(result, separators=(",", ":")))


def preset(name: str) -> dict[str, dict[str, float]]:
    """The augmentations of one preset with their arguments, as a run would have them."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return bind(compose("config", [f"augment={name}"])).augment


def seconds(augment: Augment, samples: Sequence[StereoSample], repeats: int, crop: tuple[int, int]) -> float:
    """Mean processor time of one pair, s."""
    for sample in samples:  # tables are made on first use
        augment(sample, sample_rng(0, 0, 0), crop)
    start = time.process_time()
    for epoch in range(repeats):
        for index, sample in enumerate(samples):
            augment(sample, sample_rng(0, epoch, index), crop)
    return (time.process_time() - start) / (repeats * len(samples))


if __name__ == "__main__":
    main()
