"""What runs left: their settings, how far they came, and what they found."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stereo_exp.base import UserError
from stereo_exp.suite.runs.context import CONFIG_FILE, LOG_FILE, REPORT_FILE, RUN_FILE, is_about
from stereo_exp.suite.track.base import read_metrics

log = logging.getLogger(__name__)
DONE, FAILED, UNFINISHED = "done", "failed", "unfinished"
# libyaml's is ten times as fast, where PyYAML was built with it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAIL_BYTES = 4096
# Where and for whom a run was, not what it was.
_NOT_ABOUT = ("root", "tracker", "plugins", "machine.threads", "machine.patience", "overwrite", "train.resume")
_ERROR = "ERROR"
# A launcher goes on writing into a job's log when that has ended.
_OF_OTHERS = (" INFO submitit: ", " WARNING submitit: ")


@dataclass
class Record:
    """One run, as its folder or its store has it."""

    folder: Path
    overrides: list[str]
    """What was typed, `key=value` each."""
    facts: dict[str, Any]
    """`name`, `task` and `stage`."""
    status: str
    """`done`; `failed`, with its reason; `unfinished`: it runs, or was ended without a word."""
    last: str = ""
    """The last line that it left, unless it is done."""
    report: dict[str, Any] = field(default_factory=dict)
    curve: list[tuple[int, float]] = field(default_factory=list)
    """Test EPE, px, by step."""
    known_config: dict[str, Any] | None = None
    """Its resolved config, where its folder does not have it."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved config; empty where it cannot be read."""
        if self.known_config is not None:
            return self.known_config
        try:
            found = yaml.load((self.folder / CONFIG_FILE).read_text(), _LOADER)
        except FileNotFoundError:
            return {}  # it was refused before there was one
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            log.warning("%s cannot be read (%s)", self.folder / CONFIG_FILE, str(error).splitlines()[0])
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def epe(self) -> float | None:
        """What it scored, px."""
        value = self.report.get("epe")
        return float(value) if isinstance(value, int | float) else None

    @property
    def command(self) -> str:
        """What to type to do it again."""
        typed = [word for word in self.overrides if not word.startswith("hydra.")]
        return shlex.join(["python", "-m", "stereo_exp", *typed])

    @cached_property
    def typed(self) -> dict[str, str]:
        """Key or group → what was typed for it, of what says what the run is."""
        pairs = (word.lstrip("+~").partition("=") for word in self.overrides if not word.startswith("hydra."))
        return {key: value for key, _, value in pairs if not is_about(f"{key}=", _NOT_ABOUT)}

    def value_of(self, key: str) -> str:
        """What holds for a key or a group of options, typed or not; a dash where that is not known."""
        if key in self.typed:
            return self.typed[key]
        node: Any = self.config
        for part in key.replace("/", ".").split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        node = node.get("name") if isinstance(node, Mapping) else node
        return "–" if node is None else str(node)


def read_sweep(folder: Path) -> list[Record]:
    """The jobs of a sweep, in the order of their numbers.

    Raises:
        UserError: the folder holds none.
    """
    jobs = sorted((path.parent for path in folder.glob(f"*/{RUN_FILE}")), key=_number)
    if not jobs:
        fix = "give the folder of a sweep, outputs/NAME/sweep/TIME, or name="
        raise UserError("report.sweep", folder, "holds no job of a sweep", fix)
    return list(_read(jobs))


def read_name(root: Path, name: str, but: Path) -> list[Record]:
    """All runs of a name, oldest first, without the one in the folder `but`, and without earlier reports.

    Raises:
        UserError: there are none.
    """
    base = root / name
    found = [path.parent for pattern in ("*/*", "sweep/*/*") for path in base.glob(f"{pattern}/{RUN_FILE}")]
    found = [folder for folder in found if folder.resolve() != but.resolve()]
    records = list(_read(sorted(found, key=lambda folder: (folder / RUN_FILE).stat().st_mtime)))
    records = [record for record in records if record.facts.get("task") != "report"]
    if not records:
        rule = f"has no run in {root}"
        raise UserError("name", name, rule, "give name= one that has, report.sweep=DIR or report.experiment=NAME")
    return records


def _number(folder: Path) -> tuple[int, str]:
    first = folder.name.partition("_")[0]
    return (int(first) if first.isdigit() else 1 << 30, folder.name)


def _read(folders: Iterable[Path]) -> Iterator[Record]:
    for folder in folders:
        try:
            yield read_record(folder)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("left out: %s is no whole run (%s)", folder, error)


def read_record(folder: Path) -> Record:
    """A run of a folder."""
    run = json.loads((folder / RUN_FILE).read_text())
    overrides = [str(word) for word in run["overrides"]]
    facts = {key: run.get(key) for key in ("name", "task", "stage")}
    report: dict[str, Any] = {}
    if (folder / REPORT_FILE).is_file():
        report = json.loads((folder / REPORT_FILE).read_text())
        facts["stage"] = report.get("stage", facts["stage"])
    status, last = DONE, ""
    if report.get("failed"):
        status, last = FAILED, str(report["failed"])
    elif not report:
        last = _last_line(folder / LOG_FILE)
        before, _, told = last.partition(f" {_ERROR} stereo_exp: ")
        status, last = (FAILED, told) if told else (UNFINISHED, before)
    epes = ((record["step"], record.get("test/epe")) for record in read_metrics(folder))
    curve = [(step, float(epe)) for step, epe in epes if isinstance(epe, int | float)]
    return Record(folder, overrides, facts, status, last, report, curve)


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    own = (line.strip() for line in reversed(lines) if not any(each in line for each in _OF_OTHERS))
    return next(filter(None, own), "")
