"""`task=compile`: the deployable model of a checkpoint for each engine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.suite.build import network_size
from stereo_exp.suite.runs.context import OwnFiles, RunContext
from stereo_exp.suite.runs.find import find_checkpoint
from stereo_exp.suite.runs.folders import COMPILED_FOLDER as FOLDER
from stereo_exp.suite.track.base import network_tags, open_tracker

if TYPE_CHECKING:
    from stereo_exp.config import Device
    from stereo_exp.deploy import Figures, Source

PROGRAM = "model.pt2"


log = logging.getLogger(__name__)


def run(context: RunContext) -> dict[str, Any]:
    """Compile; returns the folder, the report's totals and what the rewrites changed.

    Raises:
        UserError: an engine is not installed, or does not take a network of this stage.
    """
    from stereo_exp.deploy import ENGINES, TOOL_CHAINS, check_installed
    from stereo_exp.suite.restore import load_source
    from stereo_exp.suite.splits import Splits

    config = context.config.compile
    found = find_checkpoint(context)
    context, path = context.at(found.stage), found.path
    log.info("network %s, stage %s%s", path, found.stage, f" ({found.why})" if found.why else "")
    for engine in config.engines:
        check_installed(engine)
    OwnFiles(context.dir, "hydra.run.dir", context.config.overwrite).claim(FOLDER)
    with open_tracker(context) as tracker:
        source = load_source(path)
        size = network_size("compile.size", config.size, source.multiple)
        report_size = size or network_size("compile.report_size", config.report_size, source.multiple)
        result: dict[str, Any] = {
            "stage": found.stage,
            "checkpoint": str(path),
            "opt": config.opt,
            "size": size,
            "batch": config.batch,
        }
        tracker.tag(checkpoint=str(path), parent_run=source.checkpoint.meta["run_id"])
        for name in config.engines:
            if name in TOOL_CHAINS:
                batches = Splits(context.config, source.multiple, truth=False).calibration(1, config.calibration_pairs)
                files = TOOL_CHAINS[name].load()(source, context.dir, batches, config.calibration_pairs, report_size)
                result[name] = [str(file) for file in files]
        if engines := [name for name in config.engines if name in ENGINES]:
            result |= _compile(context, source, engines, size, report_size)
            tracker.artifact(Path(result["report_html"]))
            tracker.register(context.dir / FOLDER, **network_tags(source.checkpoint.meta))
    return result


def _compile(
    context: RunContext, source: Source, engines: list[str], size: tuple[int, int] | None, report_size: tuple[int, int]
) -> dict[str, Any]:
    from stereo_exp.deploy import JSON_FILE, PAGE_FILE, Options, build, save_program, write_report
    from stereo_exp.suite.restore import count_costs

    config, folder = context.config.compile, context.dir / FOLDER
    built = build(source, folder, Options(engines, config.opt, size, config.batch))
    program = save_program(source, context.dir / PROGRAM)
    facts = {
        "name": str(source.checkpoint.meta["config"]["name"]),
        "stage": source.stage,
        "target": source.target,
        "opt": config.opt,
        "maxdisp": source.maxdisp,
    }
    totals = write_report(built.full, context.dir, facts, report_size, find_figures(config.device))
    return {
        "compiled": str(folder),
        "program": str(program),
        "report_json": str(context.dir / JSON_FILE),
        "report_html": str(context.dir / PAGE_FILE),
        **count_costs(source.checkpoint, report_size),
        "mb_moved": round(totals["bytes_moved"] / 1e6, 3),
        "estimated_ms": totals["ms"],
        "num_tensors": len(built.manifest.tensors),
        "engines": {engine: list(forms) for engine, forms in built.manifest.engines.items()},
        "rewrites": built.changes,
    }


def find_figures(device: Device) -> Figures:
    """Of a described device what its config says; measured where the config gives no figures."""
    from stereo_exp.deploy import describe_device, measure_device

    if device.int8_tops is None or device.float32_gflops is None or device.bandwidth_gbs is None:
        return measure_device(device.title)
    return describe_device(device.title, device.int8_tops, device.float32_gflops, device.bandwidth_gbs)
