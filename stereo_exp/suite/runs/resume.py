"""Finding the run to go on with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stereo_exp.base.errors import CheckpointError, UserError
from stereo_exp.config import bind
from stereo_exp.config.bind import MissingPlugin
from stereo_exp.config.marks import RUN, facts, first_difference
from stereo_exp.model.checkpoint import LAST, read_meta
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.folders import runs_of

log = logging.getLogger(__name__)


def find_resumable(context: RunContext) -> Path | None:
    """The `last` checkpoint that `train.resume` means, or None to start afresh.

    Raises:
        CheckpointError: a folder was named that has no checkpoint or another configuration.
    """
    config = context.config
    if config.train.resume == "never":
        return None
    wanted = facts(config, RUN)
    if config.train.resume != "auto":
        path = Path(config.train.resume) / LAST
        difference = _difference(wanted, read_meta(path), is_named=True)
        if difference is not None:
            key, here, there = difference
            raise CheckpointError(
                key,
                here,
                f"the run to go on with has {there}",
                "give it the same value to resume",
            )
        return path
    # A run folder given by hand (hydra.run.dir=) may be the interrupted run itself.
    for run in (context.dir, *runs_of(context, config.stage)):
        path = run / LAST
        if not path.is_file():
            continue
        meta = read_meta(path)
        if _difference(wanted, meta) is not None:
            continue
        if meta["step"] >= meta["num_steps"]:
            log.info("train.resume=auto: %s is finished, starting afresh", run)
            return None
        log.info("train.resume=auto: going on from step %d of %s", meta["step"], run)
        return path
    log.info("train.resume=auto: no interrupted run of this name and configuration, starting afresh")
    return None


def _difference(
    wanted: Mapping[str, Any], meta: Mapping[str, Any], is_named: bool = False
) -> tuple[str, Any, Any] | None:
    """The first key by which a run's configuration is not the one asked for, with both values.

    Args:
        is_named: whether the user named the run, who is then told which plug-in it needs.
    """
    try:
        return first_difference(wanted, facts(bind(meta["config"]), RUN))
    except MissingPlugin as error:
        if is_named:
            raise
        return error.key, None, error.value
    except UserError as error:
        # Written before a key was renamed, or with an option that is gone.
        return error.key, None, error.value
