"""Folders of earlier runs, by name and stage, and what to type for one more. No torch in here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from stereo_exp.run.context import RUN_FILE, RunContext, chain_of

# Settings of a run that say nothing about the network.
_ABOUT_THIS_TASK = (
    "task=",
    "stage=",
    "checkpoint=",
    "init_from=",
    "infer.",
    "eval.",
    "bench.",
    "align.",
    "export.",
    "dataset",
    "quant.stage.",
)


def command_for(context: RunContext, stage: str, task: str = "train") -> str:
    """What to type for a run of `stage` like this one."""
    kept = [o for o in context.overrides if not o.startswith(_ABOUT_THIS_TASK)]
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
