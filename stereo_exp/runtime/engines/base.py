"""What every engine answers."""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from stereo_exp.base import ArgumentError, UserError


@dataclass(frozen=True)
class OperatorTime:
    """What one operator of the graph took, in the mean over several runs."""

    name: str
    kind: str
    """Operator type."""
    kernel: str
    """What the engine says about how it ran: provider or kernel, with the type it computed in."""
    milliseconds: float


class Engine(Protocol):
    """A loaded model. May be called from several threads at once.

    Args of the constructors:
        path: the model file; its checksum has been compared.
        inputs: names of the left and the right image.
        threads: CPU threads of all calls together.
        in_flight: calls that may run at once.
        profiling: measure every operator.
        device: where it runs, as the engine calls it; given only where it was asked for.
    """

    name: str
    version: str
    threads: int
    outputs: tuple[str, ...]
    """Names, in the order in which `run` returns them."""

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        """uint8 B×H×W×3 RGB, twice, to every output. What is returned belongs to the caller.

        B is the manifest's `batch`, or 1 where that is open: not every engine takes more then.
        """
        ...

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        """Times of every operator that ran, longest first; only with `profiling`."""
        ...


OUTPUTS = {"full": ("disparity", "confidence"), "trunk": ("disparity_logits", "superpixel_logits")}
"""By the form that a file is called after, for engines whose files do not name their outputs."""


def list_processors() -> list[str]:
    """What `device` may be of an engine that computes on the processor alone."""
    return ["cpu"]


class ProcessorEngine:
    """What engines share that compute on the processor, one call at a time, and time no operators; see `Engine`.

    Raises:
        ArgumentError: another device.
    """

    def __init__(self, threads: int, device: str, rule: str) -> None:
        if device.lower() not in list_processors():
            raise ArgumentError("device", device, rule, "try {device}=cpu")
        self.threads = threads
        self._lock = Lock()

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        """Nothing: its Python binding has no profiler; the whole is timed all the same."""
        return []


def explain_refusal(path: Path, engine: str, error: Exception) -> UserError:
    """The engine cannot load a file whose checksum is right."""
    return UserError(
        path,
        None,
        f"{engine} refuses it ({error})",
        "compile again on this machine, or install the engine's version that the manifest names",
    )


def mean_times(per_run: Sequence[dict[tuple[str, str, str], float]]) -> list[OperatorTime]:
    """From (name, kind, kernel) -> ms of every run to means, longest first."""
    totals: dict[tuple[str, str, str], float] = {}
    for times in per_run:
        for key, milliseconds in times.items():
            totals[key] = totals.get(key, 0.0) + milliseconds
    found = [OperatorTime(*key, total / len(per_run)) for key, total in totals.items()]
    return sorted(found, key=lambda operator: -operator.milliseconds)


# What this machine's processor can do exactly with 8-bit integers.


log = logging.getLogger(__name__)
_CPUINFO = Path("/proc/cpuinfo")
# Any of these sums four products of bytes into 32 bits. Older x86 instructions sum two into 16 bits, and saturate:
# 2 · 255 · 127 does not fit.
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8"}
_X86 = {"x86_64", "amd64", "i386", "i686"}


@cache
def sums_bytes_exactly() -> bool:
    """Whether engines' fast integer kernels are exact here; where it cannot be known, they are taken not to be."""
    if platform.machine().lower() not in _X86:
        return True
    try:
        flags = next(line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags")).split()
    except (OSError, StopIteration):
        flags = []
    exact = bool(_DOT_PRODUCTS & set(flags))
    if not exact:
        log.info("no VNNI on this processor: 16-bit sums would saturate, engines compute another, slower way")
    return exact
