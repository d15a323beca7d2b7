"""`metrics.jsonl`: one JSON object a line, `step` and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.suite.track.base import Tracker

if TYPE_CHECKING:
    from stereo_exp.suite.runs.context import RunContext


METRICS_FILE = "metrics.jsonl"


class JsonLines(Tracker):
    """Appends to the run's `metrics.jsonl`, flushed line by line, so that a killed run keeps what it had."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        context.dir.mkdir(parents=True, exist_ok=True)
        path = context.dir / METRICS_FILE
        # A kill may have cut the last line short: the next record begins its own.
        is_cut = path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n")
        self._file = path.open("a", buffering=1)
        if is_cut:
            self._file.write("\n")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        finite = {k: v if v is not None and math.isfinite(v) else None for k, v in values.items()}
        self._file.write(json.dumps({"step": step, **finite}, separators=(",", ":")) + "\n")

    def replay(self, records: Iterable[Mapping[str, Any]]) -> None:
        # A run that goes on in its own folder drops what it recorded behind the checkpoint; `records` may come from
        # the very file that is emptied here.
        kept = list(records)
        self._file.truncate(0)
        super().replay(kept)

    def finish(self, status: str) -> None:
        self._file.close()


def read_metrics(run_dir: Path) -> Iterator[dict[str, Any]]:
    """The records of a run, without a line that a kill cut short."""
    path = Path(run_dir) / METRICS_FILE
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
