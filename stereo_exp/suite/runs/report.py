"""What a run tells: its folder first; last a table for people, `report.json`, the same object as the last line."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stereo_exp.base import UserError, mask, write_text
from stereo_exp.suite.runs.context import REPORT_FILE, RunContext

_SHARES = ("d1", "bad")
# Columns of words, flush left.
_TEXTS = ("name", "stage", "kind", "kernel", "engine", "first_difference")
_SET_COLUMNS = ("n_images", "epe", "epe_noc", "d1", "bad1", "bad2", "bad3")
_PLACE_COLUMNS = ("pixels_share", "error_share", "bad2_share", "epe", "bad2")


class _Folder(logging.Filter):
    """Writes a line ahead of a handler's first record, and goes."""

    def __init__(self, handler: logging.StreamHandler[TextIO], line: str) -> None:
        super().__init__()
        self._handler, self._line = handler, line

    def filter(self, record: logging.LogRecord) -> bool:
        self._handler.removeFilter(self)
        self._handler.stream.write(self._line)
        return True


def tell_folder(folder: Path) -> None:
    """Have consoles show where the run's files go, ahead of whatever is logged first; a log file lies there already.

    Nothing is shown where nothing is logged: a mistake is told in one line.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.addFilter(_Folder(handler, f"run folder: {_shorten(folder)}\n"))


def start_clock() -> float:
    """When the run began, for `finish`."""
    return time.monotonic()


def finish(context: RunContext, result: dict[str, Any], begin: float) -> dict[str, Any]:
    """Write the report and print it; returns it."""
    config = context.config
    report = {
        "task": config.task,
        "stage": config.stage,
        "name": config.name,
        "run_dir": str(context.dir),
        "seconds": round(time.monotonic() - begin, 2),
        **result,
    }
    report = {key: _json_value(value) for key, value in report.items()}
    line = json.dumps(report, separators=(",", ":"), allow_nan=False)
    failure: OSError | None = None
    try:
        write_text(context.dir / REPORT_FILE, line + "\n", durable=True)
    except OSError as error:
        failure = error  # what was found is told in any case
    console = Console()
    for table in (_table(report), *_tables(report)):
        console.print(table)
    print(line, flush=True)
    if failure is not None:
        rule, fix = f"cannot be written ({failure.strerror})", "free some space; train.resume=auto completes a training"
        raise UserError(context.dir / REPORT_FILE, None, rule, fix) from None
    return report


def _json_value(value: Any) -> Any:
    """NaN has no place in JSON; paths become strings, and secrets in URLs are masked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(v) for v in value]
    return value if isinstance(value, (int, bool, type(None))) else mask(str(value))


def _table(report: dict[str, Any]) -> Table:
    table = Table(title=f"{report['task']} · {report['stage']} · {report['name']}", title_justify="left")
    table.add_column("what")
    table.add_column("value", overflow="fold")
    for key, value in report.items():
        if key not in ("task", "stage", "name") and not isinstance(value, (dict, list)):
            table.add_row(key, Text(_shown(key, value)))
    return table


# Lists of records in a report that people see too: key -> title, columns, rows shown.
_LISTS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "layers": ("worst tensors, quantised against float", ("name", "snr_db", "own_snr_db", "low", "high", "scale"), 12),
    "sensitivity": ("layers by the EPE lost when only they are quantised", ("name", "epe_lost"), 12),
    "by_engine": (
        "engines against the training framework",
        ("engine", "integers_equal", "differing", "first_difference", "max_px", "mean_px", "epe"),
        12,
    ),
    "differences": (
        "tensors that differ, in the order of the graph",
        ("engine", "name", "equal", "worst"),
        24,
    ),
    "operators": ("operators by type and kernel, ms a frame", ("kind", "kernel", "count", "ms", "share"), 12),
    "chain": ("from float to integers", ("stage", "epe", "against_float"), 12),
}


def _add_column(table: Table, name: str) -> None:
    """Words may be broken, numbers never; a long heading stands in several lines."""
    if name in _TEXTS:
        table.add_column(name.replace("_", "\n"), overflow="fold")
    else:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)


def _tables(report: dict[str, Any]) -> Iterator[Table]:
    if report.get("sets"):
        yield _rows_table("by data set", "set", _SET_COLUMNS, report["sets"])
    if report.get("places"):
        yield _rows_table("where the error lies", "place", _PLACE_COLUMNS, report["places"])
    for key, (title, columns, shown) in _LISTS.items():
        rows = report.get(key)
        if not isinstance(rows, list) or not rows:
            continue
        table = Table(title=title + (f" ({shown} of {len(rows)})" if len(rows) > shown else ""), title_justify="left")
        for column in columns:
            _add_column(table, column)
        for row in rows[:shown]:
            table.add_row(*(Text(_cell(column, row.get(column))) for column in columns))
        yield table


def _cell(key: str, value: Any) -> str:
    if key.endswith("equal") and isinstance(value, float):
        # 99.9999 % is not all of them.
        return f"{math.floor(1e6 * value) / 1e4:.4f} %"
    if isinstance(value, float) and not key.startswith("epe") and not key.endswith("share"):
        return f"{value:.5g}"
    return _shown(key, value)


def _rows_table(title: str, name: str, columns: Iterable[str], rows: dict[str, dict[str, Any]]) -> Table:
    """One row for each of `rows`, of the columns that at least one has: EPE in px, the others in %."""
    table = Table(title=title, title_justify="left")
    keys = [key for key in columns if any(key in scores for scores in rows.values())]
    table.add_column(name, overflow="fold")
    for key in keys:
        _add_column(table, key)
    for label, scores in rows.items():
        table.add_row(escape(label), *(_shown(key, scores.get(key)).split()[0] for key in keys))
    return table


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        if key.startswith(_SHARES) or key.endswith("share"):
            return f"{100 * value:.2f} %"
        return f"{value:.4f} px" if key.startswith("epe") else f"{value:.2f}"
    return _shorten(value)


def _shorten(value: object) -> str:
    """A path below the current folder without that, which is shorter to read; anything else as it is."""
    path = Path(str(value))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(value)
