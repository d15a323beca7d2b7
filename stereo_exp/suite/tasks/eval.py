"""`task=eval`: the metrics of a checkpoint on the test split."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from stereo_exp.model import sizing_of
from stereo_exp.suite.build import build_rule, eval_facts
from stereo_exp.suite.evaluate import evaluate, first_pairs, flat, sequence_stability
from stereo_exp.suite.pictures import draw_test_pictures
from stereo_exp.suite.restore import restore_model
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_checkpoint
from stereo_exp.suite.runs.launch import launch
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.track.base import open_tracker
from stereo_exp.suite.train.device import choose

log = logging.getLogger(__name__)


def run(context: RunContext) -> dict[str, Any]:
    """Evaluate; returns the checkpoint's path, the metrics and the pictures."""
    found = find_checkpoint(context)
    log.info("network %s, stage %s%s; engine torch", found.path, found.stage, f" ({found.why})" if found.why else "")
    return launch(partial(_evaluate, path=found.path), context.at(found.stage))


def _evaluate(context: RunContext, process: Process, path: Path) -> dict[str, Any]:
    config = context.config
    device = choose(config.machine, process.rank).device
    splits = Splits(config, training=False)
    model, checkpoint = restore_model(path, device)
    with open_tracker(context, process.is_main) as tracker:
        tracker.tag(checkpoint=str(path), parent_run=checkpoint.meta["run_id"])
        rule = build_rule(config.eval, sizing_of(checkpoint))
        scores, first = evaluate(model, splits, device, process, rule, config.eval.pictures)
        result: dict[str, Any] = {
            "stage": config.stage,
            "checkpoint": str(path),
            "dataset": config.dataset.name,
            **eval_facts(rule),
            **scores,
        }
        if process.is_main:
            tracker.log(checkpoint.meta["step"], flat(scores, "test"))
            shown = first_pairs(model, splits, device, config.eval.pictures, rule, first)
            pictures = draw_test_pictures(context, shown, int(model.maxdisp))  # type: ignore[arg-type]
            for picture in pictures:
                tracker.artifact(picture)
            result["pictures"] = [str(p) for p in pictures]
            if config.eval.stability:
                result["stability"] = sequence_stability(model, splits, device, config.temporal, rule)
    return result
