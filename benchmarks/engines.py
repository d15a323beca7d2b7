"""How fast compiled models run beside torch and OpenCV: one frame at a time, one run, side by side.

    python -m stereo_exp task=compile stage=float checkpoint=release 'compile.size=[544,960]'
    python -m stereo_exp task=compile stage=int_infer checkpoint=release 'compile.size=[544,960]'
    python benchmarks/engines.py --float RUN_DIR --int8 RUN_DIR

and the same two with model/backbone=mixvargenet_slim for --slim-float and --slim-int8. What the docs show was left by
`--write docs/results/speed.md --json docs/results/speed.json`.

Every engine runs in turn, round after round, so that whatever else the machine does meets all of them; medians count.
A turn is a frame that is not measured and some that are: a camera's frames follow each other too, and the engine before
has left the caches full of its own. Each lives in a process of its own: idle threads of one spin while another runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from real.markdown import table
from real.output import add_output_options, check_output_options, page_text, today, write_report

from stereo_exp.base import UserError, exit_on_user_error
from stereo_exp.weights import PUBLISHED, SLIM, resolve_checkpoint

BLOCK = "speed"
BASE = "torch eager float32"
"""What the others are compared with."""
Frame = Callable[[], Any]
Builder = Callable[[], Frame]
SGBM_DISPARITIES = 192
SGBM_MODES = ("MODE_SGBM", "MODE_SGBM_3WAY", "MODE_HH")
# What benchmarks/accuracy.py compares the networks with.
CHECKED = "OpenCV StereoSGBM, MODE_HH, both views, filled"
REFINED = ", refined on the host"
# Rows of the slim network are called as those of the published one, and this.
OF_SLIM = ", slim"
# Options, and what the folders that they name must hold.
COMPILED = (
    ("float", "float", PUBLISHED),
    ("int8", "int_infer", PUBLISHED),
    ("slim_float", "float", SLIM),
    ("slim_int8", "int_infer", SLIM),
)
# What is to be reached: (what, faster than what, by which factor at least).
GOALS = (
    ("openvino int8", "OpenCV StereoSGBM, MODE_SGBM", 5.0),
    (f"openvino int8{OF_SLIM}", "OpenCV StereoSGBM, MODE_SGBM", 5.0),
    ("openvino int8", "OpenCV StereoSGBM, MODE_HH", 5.0),
    ("openvino int8", "torch eager float32", 7.0),
    (f"openvino int8{OF_SLIM}", "torch eager float32", 7.0),
    (f"openvino int8{OF_SLIM}", f"torch eager float32{OF_SLIM}", 7.0),
    ("openvino int8", "openvino float32", 3.0),
    (f"openvino int8{OF_SLIM}", "openvino float32", 3.0),
    (f"openvino int8{OF_SLIM}", f"openvino float32{OF_SLIM}", 3.0),
    ("onnxruntime int8", "onnxruntime float32", 1.0),
    (f"onnxruntime int8{OF_SLIM}", f"onnxruntime float32{OF_SLIM}", 1.0),
    (f"openvino int8{REFINED}", CHECKED, 5.0),
)
POST_SHARE_GOAL = 0.10


def main() -> None:
    """Measure and print."""
    with exit_on_user_error():
        options = _options()
        check_output_options(options, BLOCK)
        _print(options, _time(options))


def _time(options: argparse.Namespace) -> dict[str, list[float]]:
    """Ms of every frame, by what was timed.

    Raises:
        UserError: a process ended.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    # torch's threads must not spin while another engine is being measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    context = multiprocessing.get_context("spawn")
    times: dict[str, list[float]] = {}
    workers: dict[str, Connection] = {}
    for name in _builders(options):
        here, there = context.Pipe()
        context.Process(target=_serve, args=(there, name, options), daemon=True).start()
        # Held by the worker alone, the pipe breaks if it dies: waiting for it then ends in EOFError.
        there.close()
        workers[name], times[name] = here, []
        _receive(here, name)
        print(f"{name}: ready", flush=True)
    for _ in range(options.rounds):
        for name, worker in workers.items():
            worker.send(options.burst)
            times[name] += _receive(worker, name)
    for worker in workers.values():
        worker.send(0)
    return times


def _receive(worker: Connection, name: str) -> Any:
    try:
        return worker.recv()
    except EOFError:
        raise UserError(name, None, "its process ended", "see above why, and begin again") from None


def _serve(parent: Connection, name: str, options: argparse.Namespace) -> None:
    """Runs in a process of its own: as many frames as the parent asks for; sends their times in ms."""
    import cv2

    cv2.setNumThreads(options.threads)
    frame = _builders(options)[name]()
    for _ in range(options.warm_up):
        frame()
    parent.send("ready")
    while number := parent.recv():
        frame()
        ms = []
        for _ in range(number):
            begin = time.perf_counter()
            frame()
            ms.append((time.perf_counter() - begin) * 1e3)
        parent.send(ms)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float", type=Path, required=True, help="run of task=compile stage=float")
    parser.add_argument("--int8", type=Path, required=True, help="run of task=compile stage=int_infer")
    parser.add_argument("--slim-float", type=Path, help="as --float, of the slim network; with --slim-int8")
    parser.add_argument("--slim-int8", type=Path, help="as --int8, of the slim network; with --slim-float")
    parser.add_argument("--size", type=int, nargs=2, default=(544, 960), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--burst", type=int, default=2, help="measured frames of a turn")
    parser.add_argument("--warm-up", type=int, default=2)
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    if (options.slim_float is None) != (options.slim_int8 is None):
        parser.error("--slim-float and --slim-int8 go together")
    for key, stage, network in COMPILED:
        folder = getattr(options, key)
        if folder is not None and (found := _compiled(folder)) != (stage, network):
            parser.error(f"--{key.replace('_', '-')} {folder} is of stage={found[0]}, {found[1]} network")
    return options


def _compiled(folder: Path) -> tuple[str, str]:
    """Stage of a compiled folder, and which of the released networks it is nearest to."""
    from stereo_exp.model import read_meta
    from stereo_exp.runtime import read_manifest
    from stereo_exp.suite import nearest_release, network_of

    model = read_manifest(folder, check_files=False).model
    path = resolve_checkpoint(model.checkpoint, model.stage, "checkpoint")
    network = network_of(read_meta(path))
    return model.stage, nearest_release(network.model, network.quant)


def _builders(options: argparse.Namespace) -> dict[str, Builder]:
    found = _network_builders(options, options.float, options.int8)
    found["torch eager bfloat16"] = partial(_torch_frame, options, options.float, True)
    if options.slim_float is not None:
        slim = _network_builders(options, options.slim_float, options.slim_int8)
        found |= {name + OF_SLIM: builder for name, builder in slim.items()}
    return found | _sgbm_builders(options)


def _pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Motorcycle at the size: OpenCV's time, unlike a network's, depends on what there is to match."""
    from stereo_exp.data import MotorcycleSource
    from stereo_exp.geometry import resize

    sample = MotorcycleSource().read(0)
    return resize(sample.left, (height, width)), resize(sample.right, (height, width))


def _network_builders(options: argparse.Namespace, floating: Path, integer: Path) -> dict[str, Builder]:
    from stereo_exp.runtime import FULL, TRUNK, read_manifest

    found: dict[str, Builder] = {"torch eager float32": partial(_torch_frame, options, floating, False)}
    both = [read_manifest(folder, check_files=False).engines for folder in (floating, integer)]
    for engine in (name for name in both[0] if name in both[1]):
        for kind, folder in (("float32", floating), ("int8", integer)):
            for form, of_form in ((FULL, ""), (TRUNK, ", trunk")):
                found[f"{engine} {kind}{of_form}"] = partial(_engine_frame, options, folder, form, engine)
    return found | {f"openvino int8{REFINED}": partial(_refined_frame, options, integer)}


def _torch_frame(options: argparse.Namespace, folder: Path, bf16: bool) -> Frame:
    import torch

    from stereo_exp.model import full_disparity, normalize
    from stereo_exp.runtime import read_manifest
    from stereo_exp.suite import restore_model

    torch.set_num_threads(options.threads)
    manifest = read_manifest(folder, check_files=False)
    path = resolve_checkpoint(manifest.model.checkpoint, manifest.model.stage, "checkpoint")
    model, _ = restore_model(path, torch.device("cpu"))
    views = [torch.from_numpy(v[None]).permute(0, 3, 1, 2) for v in _pair(*options.size)]

    def frame() -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return full_disparity(model(*(normalize(v) for v in views)))

    return frame


def _engine_frame(options: argparse.Namespace, folder: Path, form: str, engine: str) -> Frame:
    from stereo_exp.runtime import load_engine, read_manifest

    left, right = _pair(*options.size)
    return partial(load_engine(read_manifest(folder), form, engine, options.threads).run, left[None], right[None])


def _refined_frame(options: argparse.Namespace, folder: Path) -> Frame:
    from stereo_exp.runtime import StereoModel

    return partial(StereoModel(folder, "openvino", options.threads), *_pair(*options.size), refine=True)


def _sgbm_builders(options: argparse.Namespace) -> dict[str, Builder]:
    def build(mode: str) -> Frame:
        import cv2

        from stereo_exp.geometry import opencv_matcher

        matcher = opencv_matcher(SGBM_DISPARITIES, getattr(cv2, f"STEREO_SGBM_{mode}"))
        return partial(matcher.compute, *_pair(*options.size))

    def build_checked() -> Frame:
        from stereo_exp.geometry import Sgbm

        return partial(Sgbm(SGBM_DISPARITIES), *_pair(*options.size))

    return {f"OpenCV StereoSGBM, {mode}": partial(build, mode) for mode in SGBM_MODES} | {CHECKED: build_checked}


def _print(options: argparse.Namespace, times: dict[str, list[float]]) -> None:
    report = summarize(times) | {"size": list(options.size), "threads": options.threads, **today()}
    height, width = options.size
    print(
        f"\n{height}×{width}, {options.threads} threads, {options.rounds} rounds of {options.burst} frames; "
        f"{report['device']}, {report['cores']} cores; load average {os.getloadavg()[0]:.2f}\n"
    )
    write_report(options, BLOCK, report, render(report))


def summarize(times: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """All figures: `ms` (median), `range` (least and most ms) and `speedup` (over `BASE`) by what was timed, `goals`,
    and what comes `after_trunk` of a full form, by its name.

    Args:
        times: ms of every frame, by what was timed.
    """
    ms = {name: median(values) for name, values in times.items()}
    after_trunk = {}
    for name in ms:
        trunk = name.replace(" int8", " int8, trunk")
        if trunk != name and trunk in ms:
            # Pairs of neighbours in time: their differences see the same disturbance.
            post = median(f - t for f, t in zip(times[name], times[trunk], strict=True))
            after_trunk[name] = {"ms": post, "share": post / ms[name]}
    return {
        "ms": ms,
        "range": {name: [min(values), max(values)] for name, values in times.items()},
        "speedup": {name: ms[BASE] / value for name, value in ms.items()},
        "goals": [
            {"fast": fast, "slow": slow, "wanted": wanted, "found": ms[slow] / ms[fast]}
            for fast, slow, wanted in GOALS
            if fast in ms and slow in ms
        ],
        "after_trunk": after_trunk,
    }


def render(report: Mapping[str, Any]) -> str:
    """Both tables in Markdown, and what they were measured on."""
    height, width = report["size"]
    rows = [
        (name, f"{ms:.1f}", "{:.0f}-{:.0f}".format(*report["range"][name]), f"{report['speedup'][name]:.2f}")
        for name, ms in report["ms"].items()
    ]
    head = f"one frame of {height}×{width}, {report['threads']} threads"
    return page_text(report, table((head, "median ms", "min-max", f"× {BASE}"), rows), _render_goals(report))


def _render_goals(report: Mapping[str, Any]) -> str:
    rows = []
    for goal in report["goals"]:
        met = "yes" if goal["found"] >= goal["wanted"] else "no"
        name = f"{goal['fast']} against {goal['slow']}"
        rows.append((name, f"≥ {goal['wanted']:g} ×", f"{goal['found']:.2f} ×", met))
    for name, post in report["after_trunk"].items():
        met = "yes" if post["share"] <= POST_SHARE_GOAL else "no"
        found = f"{post['share']:.1%} ({post['ms']:.1f} ms)"
        rows.append((f"{name}: after the trunk", f"≤ {POST_SHARE_GOAL:.0%}", found, met))
    return table(("goal", "wanted", "found", "met"), rows)


if __name__ == "__main__":
    main()
