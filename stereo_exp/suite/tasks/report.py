"""`task=report`: runs side by side on one page, of a sweep, a name or an MLflow experiment."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from rich.console import Console

from stereo_exp.base import UserError
from stereo_exp.suite.compare.costs import CACHE_FILE, add_costs
from stereo_exp.suite.compare.page import to_terminal, write_files
from stereo_exp.suite.compare.records import DONE, Record, read_name, read_sweep
from stereo_exp.suite.compare.table import find_front, tabulate
from stereo_exp.suite.runs.context import RunContext

log = logging.getLogger(__name__)


def run(context: RunContext) -> dict[str, Any]:
    """Compare; returns counts, the best run, the front and the files.

    Raises:
        UserError: there are no such runs.
    """
    config, root = context.config, Path(context.config.root)
    records, title = _find(context)
    table = tabulate(records)
    add_costs(table.rows, root / CACHE_FILE, config.report.measure)
    written = write_files(context.dir, table, title)
    for shown in to_terminal(table):
        Console().print(shown)
    best = min((row for row in table.rows if row.epe is not None), key=lambda row: row.epe or 0.0, default=None)
    front = find_front(table.rows, lambda row: row.latency_ms)
    return {
        "runs": len(records),
        "rows": len(table.rows),
        "runs_done": sum(record.status == DONE for record in records),
        "columns": table.columns,
        "best_epe": None if best is None else best.epe,
        "best": None if best is None else best.first.command,
        "front": [row.title for row in front],
        **written,
    }


def _find(context: RunContext) -> tuple[list[Record], str]:
    config = context.config
    asked = config.report
    if asked.sweep is not None and asked.experiment is not None:
        raise UserError("report.experiment", asked.experiment, "stands beside report.sweep", "give one of them")
    if asked.sweep is not None:
        return read_sweep(Path(asked.sweep)), f"Sweep {asked.sweep}"
    if asked.experiment is not None:
        if config.tracker.name != "mlflow":
            rule, fix = "is looked for in MLflow", "add tracker=mlflow"
            raise UserError("report.experiment", asked.experiment, rule, fix)
        from stereo_exp.suite.compare.store import read_experiment

        return read_experiment(config.tracker.uri, asked.experiment), f"Experiment {asked.experiment}"  # type: ignore[attr-defined]
    return read_name(Path(config.root), config.name, context.dir), config.name


def summarize_sweep(folder: Path, root: Path) -> list[Record]:
    """The end of a sweep: its table on standard error, its page in its folder; returns its jobs."""
    records = read_sweep(folder)
    table = tabulate(records)
    add_costs(table.rows, root / CACHE_FILE, measure=False)
    console = Console(stderr=True)
    for shown in to_terminal(table):
        console.print(shown)
    try:
        page = write_files(folder, table, f"Sweep {folder.name}")["report_html"]
    except ModuleNotFoundError as error:
        log.info("no page: %s is not installed", error.name)
        return records
    console.print(f"sweep: {page}", soft_wrap=True, highlight=False)
    return records
