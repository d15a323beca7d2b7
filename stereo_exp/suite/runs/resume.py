"""Finding the run to go on with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stereo_exp.base.errors import CheckpointError
from stereo_exp.config.model import with_defaults
from stereo_exp.model.checkpoint import LAST, first_difference, read_meta
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import runs_of

log = logging.getLogger(__name__)
# What must be equal for a run to go on where another stopped; the rest (tracker, pictures, …) may change.
_RESUME_KEYS = ("seed", "model", "quant", "dataset", "loader", "augment", "loss", "optim", "machine")
# These change how fast data arrives, not which.
_FREE_KEYS = {
    "loader": ("workers", "eval_batch_size"),
    "dataset": ("root", "render_workers"),
    "machine": ("device", "threads"),
}


def find_resumable(context: RunContext) -> Path | None:
    """The `last` checkpoint that `train.resume` means, or None to start afresh.

    Raises:
        CheckpointError: a folder was named that has no checkpoint or another configuration.
    """
    config = context.config
    if config.train.resume == "never":
        return None
    wanted = _resume_facts(context.config_dict())
    if config.train.resume != "auto":
        path = Path(config.train.resume) / LAST
        difference = first_difference(wanted, _resume_facts(read_meta(path)["config"]), "")
        if difference is not None:
            key, here, there = difference
            raise CheckpointError(
                key.lstrip("."),
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
        if first_difference(wanted, _resume_facts(meta["config"]), "") is not None:
            continue
        if meta["step"] >= meta["num_steps"]:
            log.info("train.resume=auto: %s is finished, starting afresh", run)
            return None
        log.info("train.resume=auto: going on from step %d of %s", meta["step"], run)
        return path
    log.info("train.resume=auto: no interrupted run of this name and configuration, starting afresh")
    return None


def _resume_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    facts = {}
    for key in _RESUME_KEYS:
        value = with_defaults(config[key]) if key == "model" else config[key]
        free = _FREE_KEYS.get(key, ())
        facts[key] = {k: v for k, v in value.items() if k not in free} if isinstance(value, Mapping) else value
    # The one key of `train` that changes what is learned.
    facts["train"] = {"freeze_norm": config["train"].get("freeze_norm", False)}
    return facts
