"""A whole training run of one stage: fit, evaluate, draw, and what goes into its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from stereo_exp.checkpoint import BEST, Checkpoint, load_checkpoint, load_weights
from stereo_exp.data.splits import Splits
from stereo_exp.evaluate import flat
from stereo_exp.look.evaluation import draw_test_pictures
from stereo_exp.process import Process
from stereo_exp.run.context import RunContext
from stereo_exp.track import open_tracker
from stereo_exp.train.device import Compute
from stereo_exp.train.loop import Trainer


def run_training(
    context: RunContext,
    model: nn.Module,
    compute: Compute,
    process: Process,
    *,
    start: Checkpoint | None,
    resume: Path | None,
    before_step: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train `model`; returns the report's part: checkpoint, counts and the metrics of the best weights.

    Args:
        start: where its weights came from, None if they are random.
        resume: a `last` checkpoint to go on from.
        before_step: see `Trainer`.
    """
    splits = Splits(context.config)
    with open_tracker(context, process.is_main) as tracker:
        if start is not None:
            tracker.tag(init_from=str(start.path), parent_run=start.meta["run_id"])
        last = None if resume is None else load_checkpoint(resume)
        trainer = Trainer(context, model, splits, compute, process, tracker, last, start, before_step)
        progress = trainer.fit()
        process.barrier()
        best_path = context.dir / BEST
        best = load_checkpoint(best_path)
        scores = best.meta["scores"]
        result = {
            "checkpoint": str(best_path),
            "init_from": None if start is None else str(start.path),
            **scores,
            "best_step": best.meta["step"],
            "num_steps": progress.step,
            "num_bad_steps": progress.num_bad_steps,
            "num_empty_steps": progress.num_empty_steps,
            "num_skipped_pairs": progress.num_skipped_pairs,
            "num_parameters": sum(p.numel() for p in model.parameters()),
        }
        if resume is not None:
            result["resumed_from"] = str(resume)
        if process.is_main:
            tracker.log(progress.step, flat(scores, "final"))
            network = trainer.evaluated_model()
            load_weights(network, best)
            pictures = draw_test_pictures(context, network, splits, compute.device)
            for picture in pictures:
                tracker.artifact(picture)
            result["pictures"] = [str(p) for p in pictures]
    return result
