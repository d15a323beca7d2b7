"""Which run of which MLflow store a folder is, and bringing over what that store lacks of it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.base import UserError, mask, parse_json, write_text
from stereo_exp.suite.runs.context import CONFIG_FILE, REPORT_FILE
from stereo_exp.suite.track.base import network_tags

if TYPE_CHECKING:
    from stereo_exp.suite.runs.context import RunContext
    from stereo_exp.suite.track.mlflow import Store

PLACE_FILE = "mlflow.json"
"""Of a run's folder: which run of which store it is."""


def bring_over(context: RunContext, store: Store, records: Iterable[Mapping[str, Any]]) -> int:
    """Record in `store` what it lacks of a run that is over; returns how many numbers those were. Done again, none.

    Args:
        context: of the run.
        records: its own, of `metrics.jsonl`.
    """
    place = read_place(context.dir)
    run_id = place.get("run_id")
    if place.get("uri") != mask(store.uri) or not isinstance(run_id, str) or not store.has(run_id):
        run_id = store.begin(context)
        store.describe(run_id, context)
        place = {}
    known: dict[str, set[int]] = {}
    now = int(time.time() * 1000)
    missing = []
    for record in records:
        for key, value in record.items():
            if key == "step" or not isinstance(value, (int, float)):
                continue
            if key not in known:
                known[key] = store.list_steps(run_id, key)
            if record["step"] not in known[key]:
                missing.append((key, float(value), now, int(record["step"])))
    store.log(run_id, missing)
    kept = store.list_kept(run_id)
    for path in (context.dir / CONFIG_FILE, *sorted((context.dir / "pictures").glob("*.png"))):
        if path.is_file() and path.name not in kept:
            store.keep(run_id, path)
    _register(context, store, run_id)
    if not _lives(place):
        store.end_if_running(run_id, "FINISHED" if (context.dir / REPORT_FILE).is_file() else "KILLED")
    return len(missing)


def _register(context: RunContext, store: Store, run_id: str) -> None:
    """The network of a run that ended a chain, unless the store has it."""
    report_path, name = context.dir / REPORT_FILE, getattr(context.config.tracker, "model", None)
    if name is None or not report_path.is_file():
        return
    try:
        report = parse_json(report_path.read_bytes())
    except ValueError:
        report = None
    if not isinstance(report, dict):
        return
    is_end = report.get("task") == "train" and report.get("stage") == "int_infer"
    # Its path in the report may be one on another machine.
    found = [Path(str(report.get(key, "")).replace("\\", "/")).name for key in ("checkpoint", "compiled")]
    network = context.dir / (found[0] if is_end else found[1])
    if (is_end or report.get("task") == "compile") and network != context.dir and network.exists():
        store.register(run_id, name, network, _tags(report, network if is_end else Path(str(report.get("checkpoint")))))


def _tags(report: Mapping[str, Any], checkpoint: Path) -> dict[str, str | float | None]:
    """What is said of a run's network: by its checkpoint, where that lies on this machine, and by the run's report."""
    from stereo_exp.model import read_meta

    said = {key: report[key] for key in ("stage", "epe") if report.get(key) is not None}
    try:
        return network_tags(read_meta(checkpoint)) | said
    except UserError:
        return said


def keep_place(folder: Path, uri: str, run_id: str) -> None:
    """Leave in a run's folder which run of which store it is (secrets masked), and who tracks it."""
    place = {"uri": mask(uri), "run_id": run_id, "host": socket.gethostname(), "pid": os.getpid()}
    write_text(folder / PLACE_FILE, json.dumps(place) + "\n")


def read_place(folder: Path) -> dict[str, Any]:
    """What `keep_place` left; empty where it is not there, or damaged."""
    try:
        found = parse_json((folder / PLACE_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives(place: Mapping[str, Any]) -> bool:
    """Whether the process that tracks the run is still there, as far as this machine knows."""
    pid = place.get("pid")
    if place.get("host") != socket.gethostname() or not isinstance(pid, int) or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError):
        return False
    return True
