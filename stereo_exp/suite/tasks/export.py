"""`task=export`: ONNX of a checkpoint, checked against torch on real pairs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from stereo_exp.base import USUAL_SIZE, UserError, write_bytes
from stereo_exp.config import Export
from stereo_exp.suite.build import network_size
from stereo_exp.suite.runs.context import OwnFiles, RunContext
from stereo_exp.suite.runs.find import find_checkpoint
from stereo_exp.suite.track.base import open_tracker

log = logging.getLogger(__name__)
EXACT_TOLERANCE = 0.01
"""px; see `export.tolerance`."""


def run(context: RunContext) -> dict[str, Any]:
    """Export; returns the file, the parity check, parameters and GMAC.

    Raises:
        UserError: the difference exceeds `export.tolerance`, or the options do not go together.
    """
    from stereo_exp.data import num_pairs, read_pairs
    from stereo_exp.deploy import check_installed
    from stereo_exp.suite.datasets import open_split
    from stereo_exp.suite.restore import count_costs, load_source

    config = context.config.export
    found = find_checkpoint(context)
    context, path = context.at(found.stage), found.path
    log.info("network %s, stage %s%s", path, found.stage, f" ({found.why})" if found.why else "")
    check_installed("onnxruntime")
    own = OwnFiles(context.dir, "hydra.run.dir", context.config.overwrite)
    file = own.claim(f"{found.stage}_{config.form}.onnx")
    from stereo_exp.deploy import measure

    with open_tracker(context) as tracker:
        source = load_source(path)
        size = network_size("export.size", config.size, source.multiple)
        tracker.tag(checkpoint=str(path), parent_run=source.checkpoint.meta["run_id"])
        write_bytes(file, _export(source, config, size))
        log.info("wrote %s (%.1f MB)", file, file.stat().st_size / 1e6)
        result: dict[str, Any] = {
            "stage": found.stage,
            "checkpoint": str(path),
            "onnx": str(file),
            "form": config.form,
            "opset": config.opset,
            "size": size,
            "batch": config.batch,
            **count_costs(source.checkpoint, size or USUAL_SIZE),
        }
        if config.parity_pairs:
            dataset = context.config.dataset
            data = open_split(dataset, "test")
            pairs = read_pairs(data, config.parity_pairs, dataset.on_error)
            parity = measure(file, config.form, source, pairs, num_pairs(data, config.parity_pairs), size)
            result |= {"parity_max_px": parity.max_px, "parity_mean_px": parity.mean_px, "parity_pairs": parity.pairs}
            _check(file, parity.max_px, _limit(source, config))
        tracker.artifact(file)
    return result


def _export(source: Any, config: Export, size: tuple[int, int] | None) -> bytes:
    from stereo_exp.deploy import (
        OLDEST_OPSET,
        export_trunk_onnx,
        full_form,
        judge_form,
        lower,
        network_form,
        trunk_form,
        with_fake_weights,
        with_float_biases,
        with_views_apart,
    )
    from stereo_exp.model import reliability_of

    config.check_stage(source.stage)
    trunk = export_trunk_onnx(source, max(config.opset, OLDEST_OPSET), size, config.batch)
    if source.float_weights:
        trunk = with_fake_weights(trunk, source.float_weights)
    if config.biases == "float":
        trunk = with_float_biases(trunk)
    if config.views == "apart":
        trunk = with_views_apart(trunk)
    if config.form == "full":
        model = full_form(trunk_form(trunk), source.regression)
        reliability = reliability_of(source.checkpoint)
        if config.confidence == "probability" and reliability is not None:
            model = judge_form(model, reliability)
    else:
        model = network_form(trunk, source.regression)
    if config.opset < OLDEST_OPSET:
        model = lower(model, config.opset)
    return model.SerializeToString(deterministic=True)


def _limit(source: Any, config: Export) -> float | None:
    """The difference that passes, px; None judges none."""
    if config.tolerance is None and source.stage != "float" and not source.exact:
        return None
    return EXACT_TOLERANCE if config.tolerance is None else config.tolerance


def _check(file: Path, worst: float, tolerance: float | None) -> None:
    if tolerance is None:
        log.info("up to %.3g px from torch: this target's rounding depends on the engine", worst)
    elif not worst <= tolerance:
        raise UserError(
            "export.tolerance",
            tolerance,
            f"{file} differs from torch by up to {worst:.3g} px",
            "raise the tolerance if that is good enough, or report it",
        )
