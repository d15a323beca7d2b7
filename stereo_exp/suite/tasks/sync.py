"""`task=sync`: the records of runs whose store was away while they ran, brought over afterwards."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from stereo_exp.base import Meter, UserError, parse_json, parse_yaml
from stereo_exp.config import bind
from stereo_exp.suite.runs.context import CONFIG_FILE, RUN_FILE, RunContext
from stereo_exp.suite.track.base import METRICS_FILE, read_metrics

log = logging.getLogger(__name__)


def run(context: RunContext) -> dict[str, Any]:
    """Bring over what the store lacks; returns the runs looked at and the numbers that were added.

    Raises:
        UserError: nothing is tracked, there is no such run, or the store cannot be reached.
    """
    config = context.config
    if config.tracker.name != "mlflow":
        rule, fix = "keeps no runs to bring records to", "add tracker=mlflow"
        raise UserError("tracker", config.tracker.name, rule, fix)
    from stereo_exp.suite.track.mlflow import Store
    from stereo_exp.suite.track.place import bring_over

    store = Store(config.tracker.uri)  # type: ignore[attr-defined]
    folders = _folders(context)
    added, left_out = 0, 0
    with Meter("sync", len(folders)) as meter:
        for folder in folders:
            try:
                found = bring_over(_context_of(folder, config.root), store, read_metrics(folder))
            except UserError as error:
                log.warning("left out %s: %s", folder, error)
                left_out += 1
                continue
            except Exception as error:
                # MLflow raises whatever its backend does; to the user it is one thing.
                rule = f"the store cannot be written ({error})"
                raise UserError("tracker.uri", store.uri, rule, "give the store that is there, and repeat") from error
            log.info("%s: %d numbers brought over", folder, found)
            added += found
            meter.advance()
    return {"store": store.uri, "runs": len(folders) - left_out, "runs_left_out": left_out, "numbers_added": added}


def _folders(context: RunContext) -> list[Path]:
    """The runs to look at, oldest first."""
    chosen = context.config.sync.run
    if chosen is not None:
        folder = Path(chosen)
        if not (folder / METRICS_FILE).is_file():
            raise UserError("sync.run", chosen, f"holds no {METRICS_FILE}", "give the folder of a run")
        return [folder]
    base = Path(context.config.root) / context.config.name
    found = [path.parent for pattern in ("*/*", "sweep/*/*") for path in base.glob(f"{pattern}/{METRICS_FILE}")]
    if not found:
        raise UserError("sync.run", "null", f"{base} holds no run with a {METRICS_FILE}", "give sync.run=DIR, or name=")
    return sorted(found, key=lambda folder: (folder / METRICS_FILE).stat().st_mtime)


def _context_of(folder: Path, root: str) -> RunContext:
    """A run as its folder has it, below our root: its own may be a place on another machine.

    Raises:
        UserError: its files are damaged, or of a version whose keys were others.
    """
    try:
        config = parse_yaml((folder / CONFIG_FILE).read_text())
        overrides = [str(each) for each in parse_json((folder / RUN_FILE).read_bytes())["overrides"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(folder, None, f"is no whole run ({error})", "leave it") from None
    if not isinstance(config, dict):
        raise UserError(folder / CONFIG_FILE, None, "is no configuration", "leave it")
    return RunContext(replace(bind(config), root=root), folder.resolve(), overrides)
