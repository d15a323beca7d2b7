"""The tracker's interface, which is also the tracker that does nothing."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stereo_exp.base import group, parse_json

if TYPE_CHECKING:
    from stereo_exp.suite.runs.context import RunContext


log = logging.getLogger(__name__)


class Tracker:
    """Takes what a run reports. Every method may be called at any time and does nothing here."""

    run_id: str | None = None
    """What later runs name this one by, where the tracker has such a thing."""

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers of one step. Names look like `train/loss` and `test/epe`."""

    def replay(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Record what an interrupted run had recorded, so that the curve of its continuation is whole."""
        for record in records:
            values = {k: v for k, v in record.items() if k != "step"}
            self.log(int(record["step"]), values)

    def tag(self, **tags: str | None) -> None:
        """Say something about the run as a whole."""

    def artifact(self, path: Path) -> None:
        """Keep a file with the run."""

    def register(self, network: Path, **tags: str | float | None) -> None:
        """Keep a network, a checkpoint or a compiled folder, as a model that has a name; `tags` are said of it, see
        `network_tags`."""

    def end_other(self, run_id: str | None) -> None:
        """Another run, which this one goes on from, is over, and could not say so itself: KILLED."""

    def finish(self, status: str) -> None:
        """The run ends: FINISHED, FAILED or KILLED."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish("FINISHED")
        else:
            self.finish("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")


class Trackers(Tracker):
    """Several trackers as one."""

    def __init__(self, context: RunContext, members: Sequence[Tracker]) -> None:
        super().__init__(context)
        self.members = members

    @property
    def run_id(self) -> str | None:  # type: ignore[override]
        return next((m.run_id for m in self.members if m.run_id), None)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for member in self.members:
            member.log(step, values)

    def replay(self, records: Iterable[Mapping[str, Any]]) -> None:
        kept = list(records)
        for member in self.members:
            member.replay(kept)

    def tag(self, **tags: str | None) -> None:
        for member in self.members:
            member.tag(**tags)

    def artifact(self, path: Path) -> None:
        for member in self.members:
            member.artifact(path)

    def register(self, network: Path, **tags: str | float | None) -> None:
        for member in self.members:
            member.register(network, **tags)

    def end_other(self, run_id: str | None) -> None:
        for member in self.members:
            member.end_other(run_id)

    def finish(self, status: str) -> None:
        for member in self.members:
            member.finish(status)


def open_tracker(context: RunContext, is_main: bool = True) -> AbstractContextManager[Tracker]:
    """The trackers of a run, as a context manager; processes other than the main one get one that does nothing."""
    if not is_main:
        return Tracker(context)
    return Trackers(context, [JsonLines(context), group("tracker")[context.config.tracker.name].load()(context)])


def network_tags(meta: Mapping[str, Any]) -> dict[str, str | float | None]:
    """What is said of a network that is registered, by the meta of the checkpoint that it is, or was compiled from."""
    epe, dataset = (meta.get("scores") or {}).get("epe"), meta["config"]["dataset"]["name"]
    return {"stage": meta["stage"], "epe": epe, "dataset": dataset}


# `metrics.jsonl`: one JSON object a line, `step` and numbers.


METRICS_FILE = "metrics.jsonl"


class JsonLines(Tracker):
    """Appends to the run's `metrics.jsonl`, flushed line by line, so that a killed run keeps what it had."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        context.dir.mkdir(parents=True, exist_ok=True)
        path = context.dir / METRICS_FILE
        # A kill may have cut the last line short: the next record begins its own.
        is_cut = path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n")
        self._is_told = False
        self._file = path.open("a", buffering=1)
        if is_cut:
            self._file.write("\n")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        finite = {k: v if v is not None and math.isfinite(v) else None for k, v in values.items()}
        try:
            self._file.write(json.dumps({"step": step, **finite}, separators=(",", ":")) + "\n")
        except OSError as error:
            self._tell(error)

    def replay(self, records: Iterable[Mapping[str, Any]]) -> None:
        # A run that goes on in its own folder drops what it recorded behind the checkpoint; `records` may come from
        # the very file that is emptied here.
        kept = list(records)
        self._file.truncate(0)
        super().replay(kept)

    def _tell(self, error: OSError) -> None:
        """Records are not worth a training; told once."""
        if not self._is_told:
            self._is_told = True
            log.warning("%s takes nothing (%s); training goes on", self._file.name, error.strerror)

    def finish(self, status: str) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._tell(error)


def read_metrics(run_dir: Path) -> Iterator[dict[str, Any]]:
    """The records of a run, numbers by name; what a kill or damage made of others, lines and values, is left out."""
    path = Path(run_dir) / METRICS_FILE
    if not path.is_file():
        return
    for line in path.read_text(errors="replace").splitlines():
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and type(record.get("step")) is int:
            yield {key: value for key, value in record.items() if value is None or type(value) in (int, float)}
