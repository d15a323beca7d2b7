"""`task=compile`: the deployable model of a checkpoint for each engine."""

from __future__ import annotations

import logging
from typing import Any

from stereo_exp.run.context import RunContext
from stereo_exp.run.find import find_checkpoint
from stereo_exp.track import open_tracker

log = logging.getLogger(__name__)
FOLDER = "compiled"
PROGRAM = "model.pt2"


def run(context: RunContext) -> dict[str, Any]:
    """Compile; returns the folder, the report's totals and what the rewrites changed."""
    from stereo_exp.deploy.build import Options, build
    from stereo_exp.deploy.program import save_program
    from stereo_exp.deploy.report.static import JSON_FILE, PAGE_FILE, write_report
    from stereo_exp.deploy.source import load_source

    config = context.config.compile
    path = find_checkpoint(context)
    folder = context.dir / FOLDER
    size = None if config.size is None else (config.size[0], config.size[1])
    with open_tracker(context) as tracker:
        source = load_source(path)
        tracker.tag(checkpoint=str(path), parent_run=source.checkpoint.meta["run_id"])
        built = build(source, folder, Options(config.engines, config.opt, size, config.batch))
        program = save_program(source, context.dir / PROGRAM)
        report_size = size or (config.report_size[0], config.report_size[1])
        facts = {
            "name": str(source.checkpoint.meta["name"]),
            "stage": source.stage,
            "target": source.target,
            "opt": config.opt,
            "maxdisp": source.config.model.maxdisp,
        }
        totals = write_report(built.full, context.dir, facts, report_size, config.device)
        tracker.artifact(context.dir / PAGE_FILE)
    manifest = built.manifest
    return {
        "checkpoint": str(path),
        "compiled": str(folder),
        "opt": config.opt,
        "size": config.size,
        "batch": config.batch,
        "program": str(program),
        "report_json": str(context.dir / JSON_FILE),
        "report_html": str(context.dir / PAGE_FILE),
        "gmac": round(totals["macs"] / 1e9, 3),
        "parameters": totals["parameters"],
        "mb_moved": round(totals["bytes_moved"] / 1e6, 3),
        "estimated_ms": totals["ms"],
        "num_tensors": len(manifest.tensors),
        "engines": {engine: list(forms) for engine, forms in manifest.engines.items()},
        "rewrites": built.changes,
    }
