"""Folders of earlier runs and compiled models, by name and stage, and what to type for one more. No torch in here."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

from stereo_exp.base.errors import UserError
from stereo_exp.config.marks import TASK, keys_of
from stereo_exp.config.quant import Quant
from stereo_exp.config.schema import Root
from stereo_exp.runtime.manifest import MANIFEST, Manifest, read_manifest
from stereo_exp.suite.runs.context import RUN_FILE, RunContext, chain_of

log = logging.getLogger(__name__)

# Folders of earlier runs, by name and stage, and what to type for one more. No torch in here.


# Settings of a run that say nothing about the network: what is typed for one group, `quant.stage.freeze_at=`, too.
_ABOUT_THIS_TASK = (*keys_of(Root, TASK), *(f"quant.{key}" for key in keys_of(Quant, TASK)))


def _is_about_this_task(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")
    return any(key == each or key.startswith(f"{each}.") for each in _ABOUT_THIS_TASK)


def command_for(context: RunContext, stage: str, task: str = "train") -> str:
    """What to type for a run of `stage` like this one."""
    kept = [o for o in context.overrides if not _is_about_this_task(o)]
    named = [] if any(o.startswith(("name=", "experiment=")) for o in kept) else [f"name={context.config.name}"]
    done = [] if task == "train" else [f"task={task}"]
    return " ".join(["python -m stereo_exp", *done, f"stage={stage}", *named, *kept])


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
    return chain_of(json.loads((folder / RUN_FILE).read_text())["overrides"])


# Finding the compiled model to run: the folder named, or the newest of this name and stage.


COMPILED_FOLDER = "compiled"


def find_compiled(context: RunContext, key: str, folder: str | None) -> Manifest:
    """The manifest of the compiled model to use.

    Args:
        key: the config key that may name a folder, for messages.
        folder: its value; None looks for the newest that `task=compile` made of this name and stage for
            `model.maxdisp`. In a sweep the job with the same overrides comes first.

    Raises:
        UserError: there is none, with the command that makes one.
    """
    if folder is not None:
        return read_manifest(folder, check_files=False)
    config = context.config
    others = set()
    for run in runs_of(context, config.stage):
        if not (run / COMPILED_FOLDER / MANIFEST).is_file():
            continue
        manifest = read_manifest(run / COMPILED_FOLDER, check_files=False)
        if manifest.model.maxdisp == config.model.maxdisp:
            log.info(
                "compiled model %s: the newest of name=%s stage=%s", run / COMPILED_FOLDER, config.name, config.stage
            )
            return manifest
        others.add(manifest.model.maxdisp)
    of = f" for model.maxdisp={config.model.maxdisp}, only for {', '.join(map(str, sorted(others)))}" if others else ""
    raise UserError(
        key,
        "null",
        f"no {config.stage} run named {config.name} in {Path(config.root)} has a compiled model{of}",
        f"make one with: {command_for(context, config.stage, 'compile')}, or give {key}=DIR",
    )
