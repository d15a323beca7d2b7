"""`bench.mode=perf`: one frame after the other, and what each operator took."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stereo_exp.atomic import write_text
from stereo_exp.runtime.bench.load import Load, Progress, clock
from stereo_exp.runtime.engines import OperatorTime

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


def measure(load: Load, progress: Progress) -> Perf:
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
