"""How fast compiled models run beside torch and OpenCV: one frame at a time, one run, side by side.

    python -m stereo_exp task=compile stage=float
    python -m stereo_exp task=compile stage=int_infer
    python benchmarks/engines.py --float RUN_DIR --int8 RUN_DIR

Every engine runs in turn, round after round, so that whatever else the machine does meets all of them; medians count.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Frame = Callable[[], Any]
SGBM_DISPARITIES = 192
# What is to be reached: (what, faster than what, by which factor at least).
GOALS = (
    ("openvino int8", "OpenCV StereoSGBM, MODE_SGBM", 5.0),
    ("openvino int8", "torch eager float32", 7.0),
    ("openvino int8", "openvino float32", 3.0),
    ("onnxruntime int8", "onnxruntime float32", 1.0),
)
POST_SHARE_GOAL = 0.10


def main() -> None:
    """Measure and print."""
    options = _options()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    # torch's threads must not spin while another engine is being measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    frames = dict(_frames(options))
    times: dict[str, list[float]] = {name: [] for name in frames}
    for name, frame in frames.items():
        for _ in range(options.warm_up):
            frame()
        print(f"{name}: ready", flush=True)
    for _ in range(options.rounds):
        for name, frame in frames.items():
            begin = time.perf_counter()
            frame()
            times[name].append((time.perf_counter() - begin) * 1e3)
    _print(options, times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float", type=Path, required=True, help="run of task=compile stage=float")
    parser.add_argument("--int8", type=Path, required=True, help="run of task=compile stage=int_infer")
    parser.add_argument("--size", type=int, nargs=2, default=(544, 960), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--warm-up", type=int, default=2)
    return parser.parse_args()


def _frames(options: argparse.Namespace) -> Iterator[tuple[str, Frame]]:
    left, right = _pair(*options.size)
    yield from _torch_frames(options, left, right)
    yield from _engine_frames(options, left, right)
    yield from _sgbm_frames(options, left, right)


def _pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Motorcycle at the size: OpenCV's time, unlike a network's, depends on what there is to match."""
    from stereo_exp.data.sources.motorcycle import MotorcycleSource
    from stereo_exp.runtime.images import resized

    sample = MotorcycleSource().read(0)
    return resized(sample.left, (height, width)), resized(sample.right, (height, width))


def _torch_frames(options: argparse.Namespace, left: np.ndarray, right: np.ndarray) -> Iterator[tuple[str, Frame]]:
    import torch

    from stereo_exp.data.colour import normalise
    from stereo_exp.model.postprocess import full_disparity
    from stereo_exp.run.restore import restore_model
    from stereo_exp.runtime.manifest import read_manifest

    torch.set_num_threads(options.threads)
    manifest = read_manifest(options.float, check_files=False)
    model, _ = restore_model(Path(manifest.model.checkpoint), torch.device("cpu"))
    views = [torch.from_numpy(v[None]).permute(0, 3, 1, 2) for v in (left, right)]

    def frame(bf16: bool) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return full_disparity(model(*(normalise(v) for v in views)), manifest.model.maxdisp)

    yield "torch eager float32", lambda: frame(False)
    yield "torch eager bfloat16", lambda: frame(True)


def _engine_frames(options: argparse.Namespace, left: np.ndarray, right: np.ndarray) -> Iterator[tuple[str, Frame]]:
    from stereo_exp.runtime.engines import ENGINES, load_engine
    from stereo_exp.runtime.manifest import FULL, TRUNK, read_manifest

    views = left[None], right[None]
    for engine in ENGINES:
        for kind, folder in (("float32", options.float), ("int8", options.int8)):
            manifest = read_manifest(folder)
            for form in (FULL, TRUNK):
                loaded = load_engine(manifest, form, engine, options.threads)
                name = f"{engine} {kind}" + ("" if form == FULL else ", trunk")
                yield name, lambda loaded=loaded: loaded.run(*views)


def _sgbm_frames(options: argparse.Namespace, left: np.ndarray, right: np.ndarray) -> Iterator[tuple[str, Frame]]:
    import cv2

    from stereo_exp.classical.sgbm import opencv_matcher

    cv2.setNumThreads(options.threads)
    modes = {
        "MODE_SGBM": cv2.STEREO_SGBM_MODE_SGBM,
        "MODE_SGBM_3WAY": cv2.STEREO_SGBM_MODE_SGBM_3WAY,
        "MODE_HH": cv2.STEREO_SGBM_MODE_HH,
    }
    for name, mode in modes.items():
        matcher = opencv_matcher(SGBM_DISPARITIES, mode)
        yield f"OpenCV StereoSGBM, {name}", lambda matcher=matcher: matcher.compute(left, right)


def _print(options: argparse.Namespace, times: dict[str, list[float]]) -> None:
    from stereo_exp.runtime.bench.host import describe

    host, middle = describe(), {name: median(values) for name, values in times.items()}
    height, width = options.size
    print(
        f"\n{height}×{width}, {options.threads} threads, {options.rounds} rounds; {host['device']}, "
        f"{host['cores']} cores; load average {os.getloadavg()[0]:.2f}\n"
    )
    slowest = middle["torch eager float32"]
    print("| one frame, uint8 images to disparity | median ms | min-max | × torch eager float32 |")
    print("| --- | ---: | ---: | ---: |")
    for name, values in times.items():
        spread = f"{min(values):.0f}-{max(values):.0f}"
        print(f"| {name} | {middle[name]:.1f} | {spread} | {slowest / middle[name]:.2f} |")
    print("\n| goal | wanted | found | met |\n| --- | ---: | ---: | --- |")
    for fast, slow, wanted in GOALS:
        found = middle[slow] / middle[fast]
        print(f"| {fast} against {slow} | ≥ {wanted:g} × | {found:.2f} × | {'yes' if found >= wanted else 'no'} |")
    for engine in ("openvino", "onnxruntime"):
        name = f"{engine} int8"
        # Pairs of neighbours in time: their differences see the same disturbance.
        post = median(f - t for f, t in zip(times[name], times[f"{name}, trunk"], strict=True))
        share = post / middle[name]
        met = "yes" if share <= POST_SHARE_GOAL else "no"
        print(f"| {name}: after the trunk | ≤ {POST_SHARE_GOAL:.0%} | {share:.1%} ({post:.1f} ms) | {met} |")
    print(json.dumps({"ms": middle, "size": [height, width], "threads": options.threads, **host}))


if __name__ == "__main__":
    main()
