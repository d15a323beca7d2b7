"""`stage=float`: ordinary training, from random weights or from `init_from`."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stereo_exp.checkpoint import BEST, check_same_model, load_checkpoint, load_weights
from stereo_exp.data.splits import Splits
from stereo_exp.evaluate import flat
from stereo_exp.look.evaluation import draw_test_pictures
from stereo_exp.model import MODELS
from stereo_exp.process import Process
from stereo_exp.run.context import RunContext
from stereo_exp.run.find import find_resumable
from stereo_exp.run.launch import launch
from stereo_exp.track import open_tracker
from stereo_exp.train.device import choose
from stereo_exp.train.loop import Trainer

log = logging.getLogger(__name__)


def train(context: RunContext) -> dict[str, Any]:
    """Train, evaluate, draw; returns the report's part: checkpoint, counts and the metrics of the best weights."""
    return launch(partial(_train, resume=find_resumable(context)), context)


def _train(context: RunContext, process: Process, resume: Path | None) -> dict[str, Any]:
    config = context.config
    compute = choose(config.machine, process.rank)
    torch.manual_seed(config.seed)
    model = MODELS[config.model.name](config.model)
    start = None if config.init_from is None else load_checkpoint(Path(config.init_from))
    if start is not None:
        check_same_model(start.meta, context.config_dict()["model"], start.path)
        load_weights(model, start)
        log.info("starting from %s (step %d)", start.path, start.meta["step"])
    splits = Splits(config)
    with open_tracker(context, process.is_main) as tracker:
        if start is not None:
            tracker.tag(init_from=config.init_from, parent_run=start.meta["run_id"])
        last = None if resume is None else load_checkpoint(resume)
        trainer = Trainer(context, model, splits, compute, process, tracker, last)
        progress = trainer.fit()
        process.barrier()
        best_path = context.dir / BEST
        best = load_checkpoint(best_path)
        scores = best.meta["scores"]
        result = {
            "checkpoint": str(best_path),
            "init_from": config.init_from,
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
