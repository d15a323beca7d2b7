"""Runs of stages in this process, so that what one exported serves the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from in_process import Outcome, run_in_process

SMOKE = ("experiment=smoke", "eval.pictures=1", "machine.threads=1")


@dataclass
class Chain:
    """What `-m stage=float,calib,qat,int_infer` left."""

    root: Path
    out: str
    reports: dict[str, dict[str, Any]]


def stage(root: Path, name: str, *overrides: str) -> Outcome:
    """One run of a stage with experiment=smoke, untracked."""
    return run_in_process(*SMOKE, f"root={root}", f"stage={name}", "tracker=none", *overrides)
