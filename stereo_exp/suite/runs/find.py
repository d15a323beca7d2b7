"""Finding checkpoints by name: the one to use, that of the stage before, and the run to go on with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stereo_exp.base import CheckpointError, UserError
from stereo_exp.config import RUN, STAGES, MissingPlugin, Root, bind, facts, first_difference, widen
from stereo_exp.model import BEST, LAST, load_newest, locate_newest, read_meta
from stereo_exp.suite.restore import check_same_network, nearest_release, network_difference, network_of
from stereo_exp.suite.runs.context import REPORT_FILE, RunContext
from stereo_exp.suite.runs.folders import command_for, own_chain, runs_of
from stereo_exp.weights import (
    FOLDER,
    FURTHEST_RELEASE,
    NAMES,
    PUBLISHED,
    RELEASE,
    RELEASES,
    find_name,
    find_release,
    resolve_checkpoint,
)

log = logging.getLogger(__name__)

# The stages that a stage may start from, the preferred one first.
STAGES_BEFORE = {
    "float": ("float", "calib", "qat"),
    "calib": ("float",),
    "qat": ("calib", "qat"),
    "int_infer": ("qat", "calib"),
}

Meta = Mapping[str, Any]


def find_start(context: RunContext) -> Path | None:
    """The checkpoint that the stage starts from: `init_from=` where given, else the newest of the stage before.

    None for a float run without `init_from`: it starts from random weights; from a quantised network it takes the
    weights back. `init_from=release` says where a chain begins: `float` and `calib` take the released float weights (in
    a sweep whose own float run began there, `calib` takes that run's); the stages behind take the newest whose chain
    began there.

    Raises:
        CheckpointError: there is none (with the command that makes one), or it is of another network, target or stage.
    """
    config = context.config
    before = STAGES_BEFORE[config.stage]
    if config.init_from == RELEASE:
        return _start_of_release(context, before)
    if config.init_from is not None:
        path = resolve_checkpoint(config.init_from, "float", "init_from")
        meta = read_meta(path)
        if meta["stage"] not in before:
            raise CheckpointError(
                "init_from",
                config.init_from,
                f"is a {meta['stage']} checkpoint; stage={config.stage} starts from {' or '.join(before)}",
                f"give one of those, or leave it out to {_without(config)}",
            )
        _check_start(meta, context, path)
        return path
    if config.stage == "float":
        return None
    return _stage_before(context, before)


@dataclass(frozen=True)
class Found:
    """A checkpoint, and why it is this one."""

    path: Path
    stage: str
    why: str = ""
    release: str | None = None
    """The name of the release, where it is one."""


def find_checkpoint(context: RunContext) -> Found:
    """The checkpoint to use: `checkpoint=` where given, else the newest of this name, else the released one.

    At the stage that was asked for, else at the furthest that there is. The network is the checkpoint's; where what was
    typed names another, only checkpoints of that one count. In a sweep the job with the same overrides comes first, so
    that each chain finds its own. The released weights step in only under the default name: another that is mistyped
    must not get figures of another network.

    Raises:
        CheckpointError: there is none (with the command that makes one), or only of other networks.
    """
    config, asked = context.config, context.asked_stage
    if config.checkpoint is not None:
        return _given(context, config.checkpoint)
    foreign: CheckpointError | None = None
    for stage in [asked] if asked else [*STAGES][::-1]:
        try:
            path = _newest(context, stage, of_network=context.names_a_network())
        except CheckpointError as error:
            foreign = foreign or error
            continue
        if path is not None:
            return Found(path, stage, f"the newest of name={config.name}{f' stage={stage}' if asked else ''}")
    if foreign is not None:
        raise foreign
    stage = asked or FURTHEST_RELEASE
    fits = _release_fits(context, stage)
    if fits and config.name == config.model.name:
        why = f"there is no {f'{asked} ' if asked else ''}checkpoint of name={config.name}"
        return Found(_released(context, stage), stage, why, _release_name(context))
    raise _none(context, asked or "float", "checkpoint", fits)


def _given(context: RunContext, value: str) -> Found:
    """What `checkpoint=` says: a release, a file, or the folder of a run."""
    config, asked = context.config, context.asked_stage
    release = None
    if value in NAMES:
        stage = asked or FURTHEST_RELEASE
        release = _release_name(context) if value == RELEASE and context.names_a_network() else value
        path = find_release(stage, "checkpoint", NAMES[release])
    else:
        path = locate_newest(Path(value))
    meta = read_meta(path)
    if context.names_a_network():
        check_same_network(meta, config.model, config.quant, path)
    if asked is not None and meta["stage"] != asked:
        rule, fix = f"{path} is a {meta['stage']} checkpoint", "leave stage= out, or give checkpoint= another file"
        raise CheckpointError("stage", asked, rule, fix)
    return Found(path, str(meta["stage"]), "", release)


def _released(context: RunContext, stage: str) -> Path:
    return find_release(stage, "checkpoint", NAMES[_release_name(context)])


def _release_name(context: RunContext) -> str:
    """Which release is meant: the one of the network that was typed, else the first."""
    return find_name(_release_of(context)) if context.names_a_network() else RELEASE


def _check_start(meta: Meta, context: RunContext, path: Path) -> None:
    """A float network takes weights back from any quantisation, and from one with wider units."""
    config = context.config
    if config.stage != "float":
        check_same_network(meta, config.model, config.quant, path)
        return
    model = widen(config.model, network_of(meta).model)
    check_same_network(meta, model, config.quant, path, "float")


def _without(config: Root) -> str:
    return "start from random weights" if config.stage == "float" else f"take the newest of name={config.name}"


def _start_of_release(context: RunContext, before: tuple[str, ...]) -> Path:
    if "float" not in before:
        return _stage_before(context, before, _began_at_release)
    own = own_chain(context, "float") if context.config.stage != "float" else []
    trained = next((found for run in own if (found := load_newest(run / BEST))), None)
    path = trained.path if trained else find_release("float", "init_from", _release_of(context))
    assert path is not None
    _check_start(read_meta(path), context, path)
    if not trained and context.config.stage != "float":
        _tell_of_a_trained_one(context)
    return path


def _tell_of_a_trained_one(context: RunContext) -> None:
    """A float run of this name that went on from the release is likely the one that was meant."""
    for _, path in _checkpoints(context, "float", _began_at_release):
        log.warning(
            "init_from=release: starting from the released weights, not from %s, which was trained on from them; "
            "leave init_from out to take that",
            path,
        )
        return


def _began_at_release(meta: Meta) -> bool:
    lineage = meta.get("lineage") or [{}]
    return Path(lineage[0].get("checkpoint") or "").name in {files["float"] for files in RELEASES.values()}


def _stage_before(
    context: RunContext, before: tuple[str, ...], wanted: Callable[[Meta], bool] = lambda meta: True
) -> Path:
    # A stage never starts from its own kind unless told to: that would be resuming.
    candidates = [stage for stage in before if stage != context.config.stage]
    foreign: CheckpointError | None = None
    for stage in candidates:
        _check_own(context, stage)
        try:
            found = _newest(context, stage, wanted)
        except CheckpointError as error:
            foreign = foreign or error
            continue
        if found is not None:
            log.info("checkpoint %s: the newest of name=%s stage=%s", found, context.config.name, stage)
            return found
        log.info("no %s checkpoint of name=%s", stage, context.config.name)
    last = candidates[-1]
    raise foreign or _none(context, last, "init_from", last == "float" and _release_fits(context, last))


def _check_own(context: RunContext, stage: str) -> None:
    """In a sweep, the chain's own job of a stage is the one to start from: another run's would be another network."""
    own = own_chain(context, stage)
    if own and not any((run / REPORT_FILE).is_file() and load_newest(run / BEST) for run in own):
        rule = f"the {stage} job of this chain did not come to its end: {own[0]}"
        raise CheckpointError("init_from", "null", rule, "see the last line of its log, and run the sweep again")


def _checkpoints(context: RunContext, stage: str, wanted: Callable[[Meta], bool]) -> Iterator[tuple[Meta, Path]]:
    """The wanted ones of the run's name that are whole, the newest first."""
    for run in runs_of(context, stage):
        found = load_newest(run / BEST)
        if found is not None and found.path is not None and wanted(found.meta):
            yield found.meta, found.path


def _newest(
    context: RunContext, stage: str, wanted: Callable[[Meta], bool] = lambda meta: True, of_network: bool = True
) -> Path | None:
    """The newest checkpoint of the run's name, with its network unless `of_network` is False.

    Raises:
        CheckpointError: there are some, but only of other networks.
    """
    config, others = context.config, []
    for meta, path in _checkpoints(context, stage, wanted):
        if not of_network or network_difference(meta, config.model, config.quant, stage) is None:
            return path
        others.append((meta, path))
    if others:
        meta, path = others[0]
        check_same_network(meta, config.model, config.quant, path)
    return None


def _release_fits(context: RunContext, stage: str) -> bool:
    """Whether the released weights of a stage are there, and of the configured network and target."""
    files = RELEASES[_release_of(context) if context.names_a_network() else PUBLISHED]
    if stage not in files or not (FOLDER / files[stage]).is_file():
        return False
    if not context.names_a_network():
        return True
    there = read_meta(FOLDER / files[stage])
    return network_difference(there, context.config.model, context.config.quant, stage) is None


def _release_of(context: RunContext) -> str:
    """Which of the released networks is meant where this one is configured."""
    return nearest_release(context.config.model, context.config.quant)


def _none(context: RunContext, stage: str, key: str, or_release: bool) -> CheckpointError:
    config = context.config
    from_release = config.init_from == RELEASE and key == "init_from"
    began = " and began at the released weights" if from_release else ""
    ways = [f"make one with: {command_for(context, stage)}{' init_from=release' if from_release else ''}"]
    if or_release:
        ways.append(f"take the released weights with {key}=release")
    return CheckpointError(
        key,
        (config.init_from if key == "init_from" else config.checkpoint) or "null",
        f"no {stage} run named {config.name} in {config.root} has a checkpoint{began}",
        ", or ".join([*ways, f"give {key}=FILE"]),
    )


# Finding the run to go on with.


def find_resumable(context: RunContext) -> Path | None:
    """The `last` checkpoint that `train.resume` means, or None to start afresh.

    Raises:
        CheckpointError: a folder was named that has no checkpoint or another configuration.
    """
    config = context.config
    if context.restarted and (last := load_newest(context.dir / LAST)) is not None:
        log.info("started again: going on from step %d of %s", last.meta["step"], context.dir)
        return last.path
    if config.train.resume == "never":
        return None
    wanted = facts(config, RUN)
    if config.train.resume != "auto":
        path = locate_newest(Path(config.train.resume), LAST)
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
        last = load_newest(run / LAST)
        if last is None or _difference(wanted, last.meta) is not None:
            continue
        if (run / REPORT_FILE).is_file():
            log.info("train.resume=auto: %s is finished, starting afresh", run)
            return None
        log.info("train.resume=auto: going on from step %d of %s", last.meta["step"], run)
        return last.path
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
