"""What a training step costs: forward, loss, backward, clipping and update, float and quantisation-aware.

    python benchmarks/train_step.py [--stages float,qat] [--batches 4,16] [--size 256x512] [--compile both] [--steps 10]

Every case takes the same rendered pairs, which lie on the device already, through `train_step` as training does
(`experiment=release`: bf16 where the device has it). The table shows medians; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from itertools import product
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.table import Table
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from stereo_exp.config import Root, bind, conf_dir, register  # noqa: E402
from stereo_exp.data import StereoBatch, collate  # noqa: E402
from stereo_exp.geometry import StereoSample  # noqa: E402
from stereo_exp.shapes import render_scene, sample_scene  # noqa: E402
from stereo_exp.suite import (  # noqa: E402
    Compute,
    Process,
    build_loss,
    build_network,
    build_optimizer,
    choose,
    quantize_network,
    train_step,
)

NUM_PAIRS = 8
MODES = {"no": (False,), "yes": (True,), "both": (False, True)}


def main() -> None:
    """Measure every case, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stages", default="float,qat")
    parser.add_argument("--batches", default="4", metavar="N,..", help="pairs a step (%(default)s)")
    parser.add_argument("--size", default="256x512", metavar="HxW")
    parser.add_argument("--compile", default="no", choices=MODES, help="with train.compile (%(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="timed steps, after three that are not")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    height, width = (int(part) for part in options.size.split("x"))
    samples = []
    for index in range(NUM_PAIRS):
        pair = render_scene(sample_scene(0, "TRAIN", index, height, width))
        samples.append(StereoSample(str(index), pair.left, pair.right, pair.disparity_left))

    register()
    cases = []
    table = Table(title=f"a training step, {options.size}")
    for column in ("stage", "compiled", "pairs", "first step, s", "ms", "pairs/s", "GB"):
        table.add_column(column, justify="right")
    config = configure("float")
    compute, multiple = choose(config.machine), config.model.multiple
    for stage, count, compiled in product(
        options.stages.split(","), map(int, options.batches.split(",")), MODES[options.compile]
    ):
        chosen = [samples[i % NUM_PAIRS] for i in range(count)]
        batch = collate(chosen, range(count), multiple=multiple).to(compute.device)
        case = measure(stage, batch, compiled, compute, options.steps)
        cases.append({"stage": stage, "compiled": compiled, "pairs": count, **case})
        table.add_row(
            stage, "yes" if compiled else "no", str(count), f"{case['first_s']:.1f}", f"{case['ms']:.1f}",
            f"{case['pairs_per_s']:.1f}", f"{case['gb']:.1f}" if case["gb"] else "",
        )  # fmt: skip
        print(json.dumps(cases[-1]), file=sys.stderr, flush=True)
    Console().print(table)
    print(json.dumps({"benchmark": "train_step", "size": options.size, "device": device_name(compute), "cases": cases}))


def configure(stage: str) -> Root:
    """The release's config of a stage."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return bind(compose("config", ["experiment=release", f"stage={stage}", "tracker=none", "loss.volumes=0"]))


def network_of(config: Root) -> nn.Module:
    """Random weights, and scales of 1 where it is fake-quantised: neither changes what a step costs."""
    if config.stage == "float":
        return build_network(config.model)

    network = quantize_network(build_network(config.model), config.quant)
    network.quantize(True)
    return network


def measure(stage: str, batch: StereoBatch, compiled: bool, compute: Compute, steps: int) -> dict[str, float]:
    """Seconds of the first step, ms of the median one, pairs a second, and the GPU's peak memory."""
    config = configure(stage)
    if compute.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    model = network_of(config).to(compute.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = build_optimizer(config.optim, model)
    for group in optimiser.param_groups:
        group["lr"] = 1e-4
    loss = build_loss(config.loss)
    called = torch.compile(model) if compiled else model
    seconds = []
    for _ in range(steps + 3):
        begin = time.perf_counter()
        # Returns the loss as a number, so the device is done.
        train_step(called, loss, optimiser, batch, config.model.maxdisp, compute, Process(), config.optim.grad_clip)
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds[3:])
    peak = torch.cuda.max_memory_allocated() / 1e9 if compute.device.type == "cuda" else 0.0
    return {
        "first_s": round(seconds[0], 2),
        "ms": round(1e3 * median, 2),
        "pairs_per_s": round(len(batch) / median, 2),
        "gb": round(peak, 2),
    }


def device_name(compute: Compute) -> str:
    """What the figures are of."""
    if compute.device.type == "cuda":
        return torch.cuda.get_device_name(compute.device)
    return f"CPU, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
