"""What a compiled model costs on this machine: frames one by one, in flight, percentiles; and what machine that is."""

from __future__ import annotations

import csv
import io
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, count_cores, write_text
from stereo_exp.runtime.engines import Engine, OperatorTime, load_engine
from stereo_exp.runtime.manifest import FULL, TRUNK, Manifest

# What is measured: an engine, the pairs that go through it, and how many before the clock counts.


Progress = Callable[[int], None]
"""Told how many frames were computed since the last call."""


@dataclass(frozen=True)
class Load:
    """A compiled folder and how to drive it.

    Attributes:
        threads: CPU threads of all frames in flight; None takes every core.
        size: height and width of the frames, in multiples of `manifest.multiple`. A folder compiled for one size takes
            only that.
        frames: that count.
        warm_up: frames before them that do not: caches fill, clocks rise, engines settle.
        device: of the engine; None: the processor.
    """

    manifest: Manifest
    engine: str
    threads: int | None
    size: tuple[int, int]
    frames: int
    warm_up: int
    device: str | None = None

    def open(self, form: str = FULL, in_flight: int = 1, profiling: bool = False) -> Engine:
        """One of the forms, loaded."""
        return load_engine(self.manifest, form, self.engine, self.threads, in_flight, profiling, self.device)

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


_LONGEST = 25


@dataclass(frozen=True)
class Perf:
    """Times of single frames, and of the operators inside."""

    milliseconds: list[float]
    """Of every frame, without profiling."""
    operators: list[OperatorTime]
    """Means over as many profiled frames, longest first."""
    engine: str
    threads: int

    @property
    def median(self) -> float:
        """ms."""
        return median(self.milliseconds)


def measure_perf(load: Load, progress: Progress) -> Perf:
    """Time frames without profiling, which costs time itself, then profile as many."""
    left, right = load.pair()
    engine = load.open()
    times = []
    for frame in range(load.warm_up + load.frames):
        taken = clock(engine, left, right)
        if frame >= load.warm_up:
            times.append(taken)
        progress(1)
    operators = load.open(profiling=True).profile(left, right, load.warm_up, load.frames)
    progress(load.warm_up + load.frames)
    return Perf(times, operators, f"{engine.name} {engine.version}", engine.threads)


def by_type(operators: Iterable[OperatorTime]) -> list[dict[str, Any]]:
    """Sums over operators of one type and kernel, longest first: `kind`, `kernel`, `count`, `ms`, `share`."""
    groups: dict[tuple[str, str], list[float]] = {}
    for operator in operators:
        groups.setdefault((operator.kind, operator.kernel), []).append(operator.milliseconds)
    total = sum(map(sum, groups.values())) or 1.0
    rows = [
        {"kind": kind, "kernel": kernel, "count": len(times), "ms": sum(times), "share": sum(times) / total}
        for (kind, kernel), times in groups.items()
    ]
    return sorted(rows, key=lambda row: -row["ms"])


def write_profile(folder: Path, perf: Perf, heading: Sequence[str]) -> tuple[Path, Path]:
    """`profile.csv`, one operator a line, and `profile.log`, the same for people."""
    total = sum(o.milliseconds for o in perf.operators) or 1.0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("operator", "type", "kernel", "ms", "share"))
    for o in perf.operators:
        writer.writerow((o.name, o.kind, o.kernel, f"{o.milliseconds:.4f}", f"{o.milliseconds / total:.5f}"))
    table, log = folder / "profile.csv", folder / "profile.log"
    write_text(table, text.getvalue())
    lines = [*heading, f"engine {perf.engine}, {perf.threads} threads", ""]
    lines += [f"frame {i:4d}: {ms:9.3f} ms" for i, ms in enumerate(perf.milliseconds)]
    lines += [f"median    : {perf.median:9.3f} ms, {1e3 / perf.median:.2f} frames/s", "", "by type and kernel:"]
    lines += [f"{r['ms']:9.3f} ms {r['share']:6.1%}  {r['count']:4d} × {r['kind']} ({r['kernel']})" for r in by_type(perf.operators)]  # fmt: skip # noqa: E501
    lines += ["", f"the {min(_LONGEST, len(perf.operators))} longest of {len(perf.operators)} operators:"]
    lines += [
        f"{o.milliseconds:9.3f} ms {o.milliseconds / total:6.1%}  {o.name} ({o.kind}, {o.kernel})"
        for o in perf.operators[:_LONGEST]
    ]
    lines += [f"{total:9.3f} ms in all operators of a profiled frame"]
    write_text(log, "\n".join(lines) + "\n")
    return table, log


# `bench.mode=fps`: frames a second with several of them in flight.


_ROUNDS = 5


@dataclass(frozen=True)
class Fps:
    """Throughput of rounds of frames."""

    rounds: list[float]
    """Frames a second in each."""
    engine: str
    threads: int

    @property
    def median(self) -> float:
        """Frames a second."""
        return median(self.rounds)


def measure_fps(load: Load, in_flight: int, progress: Progress) -> Fps:
    """Keep `in_flight` calls going at once; `load.frames` frames, in rounds whose median counts."""
    left, right = load.pair()
    engine = load.open(in_flight=in_flight)
    calls = max(in_flight, -(-load.frames // (_ROUNDS * len(left))))
    rounds = []
    with ThreadPoolExecutor(in_flight) as pool:

        def drive(count: int) -> None:
            for _ in pool.map(lambda _: engine.run(left, right), range(count)):
                progress(1)

        drive(max(in_flight, load.warm_up))
        for _ in range(_ROUNDS):
            begin = time.perf_counter()
            drive(calls)
            rounds.append(calls * len(left) / (time.perf_counter() - begin))
    return Fps(rounds, f"{engine.name} {engine.version}", engine.threads)


# `bench.mode=latency`: one frame, the integer trunk and everything after it apart.


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


def measure_latency(load: Load, progress: Progress) -> Latency:
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


# What a measurement was made on.


_BOARD = Path("/proc/device-tree/model")
_CPU = Path("/proc/cpuinfo")


def device_name() -> str:
    """The board's or the processor's name as the system gives it."""
    if _BOARD.is_file():
        return _BOARD.read_text().strip("\0 \n")
    if _CPU.is_file():
        for line in _CPU.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model") and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """Device, cores that this process may use, system and library versions."""
    return {
        "device": device_name(),
        "cores": count_cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }


@contextmanager
def pin_cores(cores: Sequence[int] | None) -> Iterator[None]:
    """This process, and the threads that it starts inside, on some cores only; None pins nothing.

    Raises:
        UserError: a core that this process may not use, or a system without affinities.
    """
    if cores is None:
        yield
        return
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    unknown = sorted(set(cores) - allowed)
    if unknown or not cores:
        rule = f"this process may use the cores {', '.join(map(str, sorted(allowed)))}"
        raise ArgumentError("cores", list(cores), rule, f"try {{cores}}=[{min(allowed, default=0)}]")
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
