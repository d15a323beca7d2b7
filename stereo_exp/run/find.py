"""Finding runs by name: the stage before, the last checkpoint, the run to go on with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stereo_exp.checkpoint import BEST, LAST, check_same_network, first_difference, network_facts, read_meta
from stereo_exp.errors import CheckpointError
from stereo_exp.run.context import RunContext
from stereo_exp.run.folders import command_for, runs_of

log = logging.getLogger(__name__)
# What must be equal for a run to go on where another stopped; the rest (tracker, pictures, …) may change.
_RESUME_KEYS = ("seed", "model", "quant", "dataset", "loader", "augment", "loss", "optim", "machine")
# These change how fast data arrives, not which.
_FREE_KEYS = {
    "loader": ("workers", "eval_batch_size"),
    "dataset": ("root", "render_workers"),
    "machine": ("device", "threads"),
}


# The stages that a stage may start from, the preferred one first.
STAGES_BEFORE = {"calib": ("float",), "qat": ("calib", "qat"), "int_infer": ("qat", "calib")}


def find_start(context: RunContext) -> Path | None:
    """The checkpoint that the stage starts from: `init_from=` where given, else the newest of the stage before.

    None for a float run without `init_from`: it starts from random weights.

    Raises:
        CheckpointError: there is none (with the command that makes one), or it is of another network, target or stage.
    """
    config = context.config
    before = STAGES_BEFORE.get(config.stage, ("float",))
    if config.init_from is not None:
        path = Path(config.init_from)
        meta = read_meta(path)
        if meta["stage"] not in before:
            raise CheckpointError(
                "init_from",
                config.init_from,
                f"is a {meta['stage']} checkpoint; stage={config.stage} starts from {' or '.join(before)}",
                f"give one of those, or leave it out to take the newest of name={config.name}",
            )
        check_same_network(meta, context.config_dict(), path)
        return path
    if config.stage == "float":
        return None
    # A stage never starts from its own kind unless told to: that would be resuming.
    candidates = [stage for stage in before if stage != config.stage]
    for stage in candidates[:-1]:
        try:
            return find_checkpoint(context, stage, explicit=False)
        except CheckpointError:
            log.info("no %s checkpoint of name=%s", stage, config.name)
    return find_checkpoint(context, candidates[-1], explicit=False)


def find_checkpoint(context: RunContext, stage: str | None = None, explicit: bool = True) -> Path:
    """The checkpoint to use: `checkpoint=` where given, else the newest of this name and stage.

    In a sweep the job with the same overrides comes first, so that each chain finds its own. Among the others the
    newest whose network (and quantisation target) is the configured one wins.

    Args:
        stage: None takes the configured one.
        explicit: whether `checkpoint=` counts; it names what to use, not what to start from.

    Raises:
        CheckpointError: there is none (with the command that makes one), or only of other networks.
    """
    config = context.config
    stage = stage or config.stage
    if explicit and config.checkpoint is not None:
        path = Path(config.checkpoint)
        check_same_network(read_meta(path), context.config_dict(), path)
        return path
    found = [run / BEST for run in runs_of(context, stage) if (run / BEST).is_file()]
    if not found:
        raise CheckpointError(
            "checkpoint" if explicit else "init_from",
            "null",
            f"no {stage} run named {config.name} in {config.root} has a checkpoint",
            f"make one with: {command_for(context, stage)}, or give {'checkpoint' if explicit else 'init_from'}=FILE",
        )
    wanted = context.config_dict()
    for path in found:
        meta = read_meta(path)
        if first_difference(network_facts(wanted, stage), network_facts(meta["config"], stage), "") is None:
            log.info("checkpoint %s: the newest of name=%s stage=%s with this network", path, config.name, stage)
            return path
    check_same_network(read_meta(found[0]), wanted, found[0])
    raise AssertionError("check_same_network accepts what first_difference refused")


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
        value = config[key]
        free = _FREE_KEYS.get(key, ())
        facts[key] = {k: v for k, v in value.items() if k not in free} if isinstance(value, Mapping) else value
    return facts
