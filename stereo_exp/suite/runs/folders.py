"""Folders of earlier runs and compiled models, by name and stage, and what to type for one more. No torch in here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import overload

from stereo_exp.base import UserError, parse_json
from stereo_exp.config import STAGES, TASK, Quant, Root, keys_of
from stereo_exp.runtime import FULL, MANIFEST, Manifest, read_manifest
from stereo_exp.suite.runs.context import RUN_FILE, RunContext, chain_of, is_about
from stereo_exp.weights import FURTHEST_RELEASE, NAMES, find_compiled_release

log = logging.getLogger(__name__)

# Settings of a run that say nothing about the network: what is typed for one group, `quant.stage.freeze_at=`, too.
_ABOUT_THIS_TASK = (*keys_of(Root, TASK), *(f"quant.{key}" for key in keys_of(Quant, TASK)))


def command_for(context: RunContext, stage: str | None, task: str = "train") -> str:
    """What to type for a run of `stage` like this one; None: of the stage that comes of itself."""
    kept = [o for o in context.overrides if not is_about(o, _ABOUT_THIS_TASK)]
    named = [] if any(o.startswith(("name=", "experiment=")) for o in kept) else [f"name={context.config.name}"]
    done = [] if task == "train" else [f"task={task}"]
    at = [f"stage={stage}"] if stage else []
    return " ".join(["python -m stereo_exp", *done, *at, *named, *kept])


def runs_of(context: RunContext, stage: str) -> Iterator[Path]:
    """Folders of runs of this name and stage: first the same chain of this sweep, then newest first."""
    own = own_chain(context, stage)
    yield from own
    yield from (f for f in _folders(context, stage) if f not in own)


def own_chain(context: RunContext, stage: str) -> list[Path]:
    """Folders of the jobs of this sweep that share this job's overrides, newest first; none outside of a sweep."""
    # Hydra's path of the sweep is absolute but may lead through symbolic links; ours does not.
    sweep = context.sweep_dir and context.sweep_dir.resolve()
    return [f for f in _folders(context, stage) if f.parent == sweep and _chain(f) == context.chain()]


def _folders(context: RunContext, stage: str) -> list[Path]:
    config = context.config
    base = Path(config.root).resolve() / config.name
    folders = [*base.glob(f"{stage}/*"), *base.glob(f"sweep/*/*_{stage}")]
    folders = [f for f in folders if (f / RUN_FILE).is_file() and f.resolve() != context.dir.resolve()]
    return sorted(folders, key=_started, reverse=True)


def _started(folder: Path) -> float:
    return (folder / RUN_FILE).stat().st_mtime


def _chain(folder: Path) -> list[str]:
    """What it shares with the other stages; of a damaged file an empty list, which is no chain of a sweep's."""
    try:
        return chain_of(parse_json((folder / RUN_FILE).read_bytes())["overrides"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        log.warning("left out: %s is damaged", folder / RUN_FILE)
        return []


# Finding the compiled model to run: the folder named, or the newest of this name and stage.


COMPILED_FOLDER = "compiled"


@overload
def find_compiled(context: RunContext, key: str, folder: str | None) -> Manifest: ...
@overload
def find_compiled(context: RunContext, key: str, folder: str | None, form: str) -> Manifest | None: ...
def find_compiled(context: RunContext, key: str, folder: str | None, form: str = FULL) -> Manifest | None:
    """The manifest of the compiled model to use: the folder given, else the newest of this name, else the release.

    Args:
        key: the config key that may name a folder, for messages.
        folder: its value; None looks for the newest that `task=compile` made of this name and, where one was asked
            for, of the stage; where a network was typed, for its `model.maxdisp`. In a sweep the job with the same
            overrides comes first.
        form: that it must have. None is returned where there is none with another form than the releases have.

    Raises:
        UserError: there is none, with the command that makes one.
    """
    if folder is not None:
        if folder in NAMES:
            return read_manifest(find_compiled_release(NAMES[folder]), check_files=False)
        return read_manifest(folder, check_files=False)
    config, wanted = context.config, context.asked_stage
    others = set()
    for manifest in _compiled(context):
        if not any(form in forms for forms in manifest.engines.values()):
            continue
        if not context.names_a_network() or manifest.model.maxdisp == config.model.maxdisp:
            what = f"name={config.name}{f' stage={wanted}' if wanted else ''}"
            log.info("compiled model %s: the newest of %s", manifest.folder, what)
            return manifest
        others.add(manifest.model.maxdisp)
    if form != FULL:
        return None
    if wanted in (None, FURTHEST_RELEASE) and not context.names_a_network() and config.name == config.model.name:
        log.info("no compiled model of name=%s: taking that of the release", config.name)
        return read_manifest(find_compiled_release(), check_files=False)
    of = f" for model.maxdisp={config.model.maxdisp}, only for {', '.join(map(str, sorted(others)))}" if others else ""
    run = f"{wanted} run" if wanted else "run"
    raise UserError(
        key,
        "null",
        f"no {run} named {config.name} in {Path(config.root)} has a compiled model{of}",
        f"make one with: {command_for(context, wanted, 'compile')}, or give {key}=DIR",
    )


def find_compiled_of(context: RunContext, checkpoint: Path) -> Manifest | None:
    """The newest compiled model of this name that was made of a checkpoint, in the full form."""
    for manifest in _compiled(context):
        of_it = Path(manifest.model.checkpoint).resolve() == checkpoint.resolve()
        if of_it and any(FULL in forms for forms in manifest.engines.values()):
            return manifest
    return None


def _compiled(context: RunContext) -> Iterator[Manifest]:
    """What `task=compile` left under the run's name: of the same chain of a sweep first, then newest first."""
    asked = context.asked_stage
    # Where no stage was typed, the folder has the task's name.
    for place in (*([asked] if asked else [*STAGES][::-1]), "compile"):
        for run in runs_of(context, place):
            if (run / COMPILED_FOLDER / MANIFEST).is_file():
                try:
                    manifest = read_manifest(run / COMPILED_FOLDER, check_files=False)
                except UserError as error:
                    log.warning("left out: %s", error)
                    continue
                if place != "compile" or asked in (None, manifest.model.stage):
                    yield manifest
