"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base.errors import ArgumentError

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
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }


@contextmanager
def pinned(cores: Sequence[int] | None) -> Iterator[None]:
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
