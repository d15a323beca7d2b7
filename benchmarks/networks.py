"""What each network costs and how fast its integers run, beside StereoNetPlus in the same run.

    python benchmarks/networks.py --write docs/network.md --json docs/results/networks.json

Weights are random, calibrated on a few rendered pairs, converted and compiled for both engines: time depends on shapes,
not on values. The compiled models take turns, round after round, on one pair of 544×960 px, so that whatever else the
machine does meets all of them; medians count, each also as a share of StereoNetPlus. Memory is the peak of a
process that predicts such a pair, less that of one that predicts a pair of 64×64.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from real.command import run_module
from real.markdown import table
from real.output import add_output_options, check_output_options, page_text, today, write_report
from real.peak import read_peak

from stereo_exp.base import exit_on_user_error
from stereo_exp.runtime import FULL, is_installed, load_engine, read_manifest

BLOCK = "networks"
BASE = "stereonetplus"
NETWORKS = (BASE, "quarternet", "quarternet_light", "quarternet_tiny")
SIZE = (544, 960)
SMALL = (64, 64)
# Enough to calibrate with; what the integers are worth does not matter here.
DATA = (
    "tracker=none dataset=shapes dataset.num_train=8 dataset.num_test=2 dataset.height=96 dataset.width=192 "
    "loader.batch_size=2 loader.crop=[64,128] loader.workers=0 eval.pictures=0"
)
STEPS = (
    "stage=float optim.steps=1",
    "stage=calib quant.stage.num_batches=2 quant.stage.batch_size=2",
    "stage=int_infer quant.stage.verify_pairs=0",
    "task=compile stage=int_infer",
)


def compile_network(name: str, root: Path) -> dict[str, Any]:
    """The report of `task=compile` of a network with random weights."""
    report: dict[str, Any] = {}
    for step in STEPS:
        words = [*step.split(), *DATA.split(), f"model={name}", f"name={name}", f"root={root}"]
        report = run_module([*words, f"dataset.root={root}/shapes"])
    return report


def measure_ms(folders: dict[str, Path], engine: str, threads: int, rounds: int) -> dict[str, float]:
    """Network -> median ms of one pair, all in turn."""
    left, right = np.random.default_rng(0).integers(0, 256, (2, 1, *SIZE, 3), np.uint8)
    loaded = {name: load_engine(read_manifest(folder), FULL, engine, threads) for name, folder in folders.items()}
    times: dict[str, list[float]] = {name: [] for name in folders}
    for turn in range(rounds + 1):
        for name, each in loaded.items():
            each.run(left, right)
            for _ in range(2):
                start = time.perf_counter()
                each.run(left, right)
                if turn:
                    times[name].append(1e3 * (time.perf_counter() - start))
    return {name: median(values) for name, values in times.items()}


def measure_memory(folder: Path, engine: str, threads: int) -> float:
    """MB that a pair takes at the peak, each of the two measurements a process of its own."""

    def peak(size: tuple[int, int]) -> float:
        words = ["--one", str(folder), engine, str(threads), *map(str, size)]
        command = [sys.executable, __file__, *words]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])

    return peak(SIZE) - peak(SMALL)


def _run_one(words: Sequence[str]) -> None:
    folder, engine, threads, height, width = words
    left, right = np.random.default_rng(0).integers(0, 256, (2, 1, int(height), int(width), 3), np.uint8)
    load_engine(read_manifest(Path(folder)), FULL, engine, int(threads)).run(left, right)
    print(read_peak() / 1e6)


def _table(rows: dict[str, dict[str, Any]], engines: Sequence[str]) -> str:
    head = ["network", "parameters, M", "GMAC"]
    for engine in engines:
        head += [f"{engine}, ms", "share", "MB"]
    lines = []
    for name, row in rows.items():
        cells = [f"`{name}`", f"{row['parameters'] / 1e6:.2f}", f"{row['gmac']:.1f}"]
        for engine in engines:
            ms = row["ms"][engine]
            cells += [f"{ms:.1f}", f"{ms / rows[BASE]['ms'][engine]:.2f}", f"{row['mb'][engine]:.0f}"]
        lines.append(cells)
    return table(head, lines)


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each network, of which two frames count")
    parser.add_argument("--root", type=Path, help="where runs are kept; default: a folder that goes afterwards")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    if options.one:
        _run_one(options.one)
        return
    with exit_on_user_error(), tempfile.TemporaryDirectory() as scratch:
        check_output_options(options, BLOCK)
        root = options.root or Path(scratch)
        reports = {name: compile_network(name, root) for name in NETWORKS}
        folders = {name: Path(report["compiled"]) for name, report in reports.items()}
        made = [read_manifest(folder, check_files=False).engines for folder in folders.values()]
        engines = [name for name in made[0] if is_installed(name) and all(name in each for each in made)]
        ms = {engine: measure_ms(folders, engine, options.threads, options.rounds) for engine in engines}
        rows = {
            name: {
                "parameters": report["parameters"],
                "gmac": report["gmac"],
                "ms": {engine: round(ms[engine][name], 2) for engine in engines},
                "mb": {engine: round(measure_memory(folders[name], engine, options.threads)) for engine in engines},
            }
            for name, report in reports.items()
        }
        report = {"networks": rows, "size": list(SIZE), "threads": options.threads, **today()}
        write_report(options, BLOCK, report, page_text(report, _table(rows, engines)))


if __name__ == "__main__":
    main()
