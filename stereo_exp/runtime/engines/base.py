"""What every engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from stereo_exp.errors import UserError


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


def refused(path: Path, engine: str, error: Exception) -> UserError:
    """The engine cannot load a file whose checksum is right."""
    return UserError(
        path,
        None,
        f"{engine} refuses it ({error})",
        "compile again with task=compile on this machine, or install the engine's version that the manifest names",
    )


def mean_times(per_run: Sequence[dict[tuple[str, str, str], float]]) -> list[OperatorTime]:
    """From (name, kind, kernel) -> ms of every run to means, longest first."""
    totals: dict[tuple[str, str, str], float] = {}
    for times in per_run:
        for key, milliseconds in times.items():
            totals[key] = totals.get(key, 0.0) + milliseconds
    found = [OperatorTime(*key, total / len(per_run)) for key, total in totals.items()]
    return sorted(found, key=lambda operator: -operator.milliseconds)
