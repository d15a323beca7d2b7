"""Runs of an MLflow experiment, for a comparison: from their folders, else as the store has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stereo_exp.base import UserError
from stereo_exp.suite.compare.records import DONE, FAILED, UNFINISHED, Record, read_record
from stereo_exp.suite.runs.context import RUN_FILE
from stereo_exp.suite.track.mlflow import Store

_PAGE, _FINAL, _TAG = 500, "final/", "stereo_exp."
_STATUS = {"FINISHED": DONE, "FAILED": FAILED, "KILLED": FAILED}


def read_experiment(uri: str, name: str) -> list[Record]:
    """The runs of an experiment, oldest first.

    Raises:
        UserError: the store cannot be reached, or has no such experiment, or no run of ours in it.
    """
    store = Store(uri)
    try:
        runs = store.list_runs(name)
    except UserError:
        raise
    except Exception as error:
        # MLflow raises whatever its backend does; to the user it is one thing.
        rule = f"the store cannot be read ({str(error).splitlines()[0]})"
        raise UserError("tracker.uri", uri, rule, "give the store that is there") from error
    records = [_record(store, run) for run in runs if f"{_TAG}task" in run.data.tags]
    if not records:
        raise UserError("report.experiment", name, f"has no run in {uri}", "give another, or report.sweep=DIR")
    return records


def _record(store: Store, run: Any) -> Record:
    tags, folder = run.data.tags, Path(run.data.tags.get(f"{_TAG}run_dir", ""))
    if (folder / RUN_FILE).is_file():
        return read_record(folder)
    facts = {key: tags.get(f"{_TAG}{key}") for key in ("task", "stage")} | {"name": run.data.params.get("name")}
    status = _STATUS.get(run.info.status, UNFINISHED)
    finals = {key.removeprefix(_FINAL): value for key, value in run.data.metrics.items() if key.startswith(_FINAL)}
    scores = {key.removeprefix("test/"): value for key, value in run.data.metrics.items() if key.startswith("test/")}
    curve = store.read_metric(run.info.run_id, "test/epe")
    report = {**scores, **finals} if status == DONE else {}
    last = "" if status == DONE else f"MLflow says {run.info.status}"
    config: dict[str, Any] = {}
    for key, value in run.data.params.items():
        node = config
        *above, leaf = key.split(".")
        for part in above:
            node = node.setdefault(part, {})
        node[leaf] = value
    overrides = tags.get(f"{_TAG}overrides", "").split()
    return Record(folder, overrides, facts, status, last, report, curve, config)
