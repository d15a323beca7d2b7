"""Finding the compiled model to run: the folder named, or the newest of this name and stage."""

from __future__ import annotations

import logging
from pathlib import Path

from stereo_exp.errors import UserError
from stereo_exp.run.context import RunContext
from stereo_exp.run.folders import command_for, runs_of
from stereo_exp.runtime.manifest import MANIFEST, Manifest, read_manifest

log = logging.getLogger(__name__)
FOLDER = "compiled"


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
        if not (run / FOLDER / MANIFEST).is_file():
            continue
        manifest = read_manifest(run / FOLDER, check_files=False)
        if manifest.model.maxdisp == config.model.maxdisp:
            log.info("compiled model %s: the newest of name=%s stage=%s", run / FOLDER, config.name, config.stage)
            return manifest
        others.add(manifest.model.maxdisp)
    of = f" for model.maxdisp={config.model.maxdisp}, only for {', '.join(map(str, sorted(others)))}" if others else ""
    raise UserError(
        key,
        "null",
        f"no {config.stage} run named {config.name} in {Path(config.root)} has a compiled model{of}",
        f"make one with: {command_for(context, config.stage, 'compile')}, or give {key}=DIR",
    )
