"""`task=align`: proves that a compiled model computes what the training framework's network computes."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stereo_exp.base import Meter, write_text
from stereo_exp.config import Align
from stereo_exp.data import num_pairs, read_pairs, resize_sample
from stereo_exp.geometry import StereoMetrics, StereoSample, pad_edges, round_up_size
from stereo_exp.runtime import ALIGN, ENGINES, Manifest
from stereo_exp.suite.build import network_size
from stereo_exp.suite.datasets import open_split
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.folders import COMPILED_FOLDER, find_compiled
from stereo_exp.suite.track.base import open_tracker
from stereo_exp.weights import resolve_checkpoint

if TYPE_CHECKING:
    from stereo_exp.deploy import Source

log = logging.getLogger(__name__)
TABLE = "align.csv"
_LOOSE_SHARE, _TOLERANCE_PX = 0.9, 0.01


def run(context: RunContext) -> dict[str, Any]:
    """Compare; returns the report's part, with `failed` where a limit is broken."""
    from stereo_exp.deploy import Aligned, Limits, Reference, summary
    from stereo_exp.suite.restore import load_source
    from stereo_exp.suite.runs.find import find_checkpoint

    config = context.config.align
    manifest = find_compiled(context, "align.model", config.model, ALIGN)
    if manifest is None:
        path = find_checkpoint(context).path
        source = load_source(path)
        manifest = _compile(context, source)
    else:
        given, stage = context.config.checkpoint or manifest.model.checkpoint, manifest.model.stage
        path = resolve_checkpoint(given, stage, "checkpoint")
        source = load_source(path)
    size = _size(config, manifest)
    where = context.config.engine
    engines = [Aligned(manifest, name, where.threads, where.device) for name in config.engines or manifest.engines]
    reference, metrics = Reference(source), StereoMetrics(manifest.model.maxdisp)
    data = open_split(context.config.dataset, "test")
    with open_tracker(context) as tracker:
        tracker.tag(checkpoint=str(path), compiled=str(manifest.folder), parent_run=source.checkpoint.meta["run_id"])
        with Meter("align", num_pairs(data, config.pairs)) as meter:
            for sample in read_pairs(data, config.pairs, context.config.dataset.on_error):
                if sample is None:
                    metrics.num_skipped += 1
                else:
                    fitted, left, right = _fit(sample, size, manifest)
                    wanted = reference(left, right)
                    _score(metrics, fitted, wanted.disparity)
                    for engine in engines:
                        _score(engine.result.metrics, fitted, engine.compare(left, right, wanted))
                differing = sum(len(engine.result.differing()) for engine in engines)
                meter.advance(differing=str(differing))
        results = [engine.result for engine in engines]
        limits = _limits(config, source.target, source.exact, Limits)
        broken = [problem for result in results if (problem := limits.find_violation(result)) is not None]
        for result in results:
            numbers = {
                "max_px": result.max_px,
                "mean_px": result.mean_px,
                "epe": float(result.metrics.compute()["epe"]),
            }
            if result.tensors:
                numbers["integers_equal"] = result.integers_equal
            tracker.log(0, {f"align/{result.engine}/{key}": value for key, value in numbers.items()})
        tracker.artifact(_write_table(context.dir / TABLE, results))
    return {
        "stage": source.stage,
        "checkpoint": str(path),
        "model": str(manifest.folder),
        "target": source.target,
        "dataset": context.config.dataset.name,
        "size": size,
        **metrics.compute(),
        "aligned": not broken,
        "failed": "; ".join(broken) or None,
        "limits": {"equal": limits.equal, "max_px": limits.max_px},
        "by_engine": [summary(result) for result in results],
        "differences": [
            {"engine": r.engine, "name": name, "equal": count.share, "worst": count.worst}
            for r in results
            for name, count in (r.tensors | r.logits).items()
            if count.equal < count.values
        ],
        "table": TABLE,
    }


def _compile(context: RunContext, source: Source) -> Manifest:
    """Nothing is compiled yet: do it here, as `task=compile` does."""
    from stereo_exp.deploy import Options, build

    config, engines = context.config.compile, context.config.align.engines
    log.info("there is no compiled model of name=%s: compiling %s", context.config.name, source.checkpoint.path)
    wanted = engines or [name for name in config.engines if name in ENGINES]
    # Open where it is not said; some engines want one. Pairs are compared one at a time, so the batch stays open.
    size = network_size("compile.size", config.size, source.multiple)
    return build(source, context.dir / COMPILED_FOLDER, Options(wanted, config.opt, size, None)).manifest


def _limits(config: Align, target: str | None, exact: bool, limits: Any) -> Any:
    equal = None if target is None else 1.0 if exact else _LOOSE_SHARE
    if config.threshold is not None and equal is not None:
        equal = config.threshold
    max_px = config.tolerance
    if max_px is None and (target is None or exact):
        max_px = _TOLERANCE_PX
    return limits(equal, max_px)


def _size(config: Align, manifest: Manifest) -> tuple[int, int] | None:
    """What to compare at; None: every pair at its own size, padded."""
    asked = network_size("align.size", config.size, manifest.multiple)
    if manifest.size is None or asked is None or asked == manifest.size:
        return manifest.size or asked
    log.warning("align.size=[%d,%d]: taking [%d,%d], which the model was compiled for", *asked, *manifest.size)
    return manifest.size


def _fit(
    sample: StereoSample, size: tuple[int, int] | None, manifest: Manifest
) -> tuple[StereoSample, np.ndarray, np.ndarray]:
    """The pair at the size to compare at (None: its own), and its views as the engines take them, B×H×W×3."""
    if size is not None and round_up_size(sample.size, manifest.multiple) != size:
        sample = resize_sample(sample, size)
    views = (pad_edges(view, round_up_size(sample.size, manifest.multiple)) for view in (sample.left, sample.right))
    left, right = (np.repeat(view[None], manifest.batch or 1, axis=0) for view in views)
    return sample, left, right


def _score(metrics: StereoMetrics, sample: StereoSample, disparity: np.ndarray) -> None:
    height, width = sample.size
    metrics.update(disparity[0, :height, :width], sample.disparity, sample.noc)


def _write_table(path: Path, results: list[Any]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("engine", "tensor", "values", "equal", "share", "worst"))
    for result in results:
        for name, count in (result.tensors | result.logits).items():
            writer.writerow((result.engine, name, count.values, count.equal, f"{count.share:.8f}", f"{count.worst:g}"))
    write_text(path, text.getvalue())
    return path
