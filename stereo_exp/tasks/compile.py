"""`task=compile`: the deployable model of a checkpoint for each engine."""

from __future__ import annotations

import logging
from typing import Any

from stereo_exp.run.context import RunContext
from stereo_exp.run.find import find_checkpoint
from stereo_exp.track import open_tracker

log = logging.getLogger(__name__)
FOLDER = "compiled"


def run(context: RunContext) -> dict[str, Any]:
    """Compile; returns the folder and what the rewrites changed."""
    from stereo_exp.deploy.build import Options, build
    from stereo_exp.deploy.source import load_source

    config = context.config.compile
    path = find_checkpoint(context)
    folder = context.dir / FOLDER
    size = None if config.size is None else (config.size[0], config.size[1])
    with open_tracker(context) as tracker:
        source = load_source(path)
        tracker.tag(checkpoint=str(path), parent_run=source.checkpoint.meta["run_id"])
        manifest, changes = build(source, folder, Options(config.engines, config.opt, size, config.batch))
    return {
        "checkpoint": str(path),
        "compiled": str(folder),
        "opt": config.opt,
        "size": config.size,
        "engines": {engine: list(forms) for engine, forms in manifest.engines.items()},
        "tensors": len(manifest.tensors),
        "rewrites": changes,
    }
