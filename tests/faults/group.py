"""Processes of a group of their own: to be signalled, and to be looked at afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    """`python -m …` as the leader of its own process group."""
    kept = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def members(group: int) -> list[int]:
    """The processes of a group that live."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of = (place / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state not in "ZX":
            found.append(int(place.name))
    return found


def descendants(pid: int) -> set[int]:
    """The processes that live and come from one, whatever group they are of."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            children.setdefault(int(parent), []).append(int(place.name))
    found, ask = set[int](), [pid]
    while ask:
        born = children.get(ask.pop(), [])
        found.update(born)
        ask.extend(born)
    return found


def wait_until(holds: Callable[[], object], seconds: float, process: subprocess.Popen[str] | None = None) -> float:
    """Wait for something; returns for how long, s."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it never came"
        assert process is None or process.poll() is None, process.communicate()[1][-3000:]
        time.sleep(0.02)
    return time.monotonic() - began
