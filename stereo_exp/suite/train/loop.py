"""The training loop: batches in, checkpoints and numbers out."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stereo_exp.base import VERSION, Meter, UserError
from stereo_exp.data import StereoBatch
from stereo_exp.model import (
    BEST,
    LAST,
    Checkpoint,
    lineage_of,
    load_checkpoint,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
    sizing_entry,
    sizing_of,
)
from stereo_exp.suite.build import build_loss, build_rule, eval_facts
from stereo_exp.suite.evaluate import evaluate, first_pairs, flatten
from stereo_exp.suite.pictures import draw_test_pictures
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.track.base import Tracker, open_tracker, read_metrics
from stereo_exp.suite.train.device import Compute
from stereo_exp.suite.train.optim import EMA, build_optimizer, warmup_cosine
from stereo_exp.suite.train.step import Speed, StepResult, train_step

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a run stands; part of every checkpoint."""

    step: int = 0
    """Steps taken, skipped ones included."""
    best_epe: float | None = None
    """Lowest EPE on the test split so far, px."""
    num_bad_steps: int = 0
    """Steps left out because loss or gradient were not finite."""
    num_empty_steps: int = 0
    """Steps left out because no pixel had a known disparity in range."""
    num_skipped_pairs: int = 0
    """Training pairs left out because a file was damaged."""


class Trainer:
    """Trains `model` in place and leaves `checkpoints/best` and `checkpoints/last` in the run's folder.

    Args:
        model: takes normalised left and right, returns a `StereoOutput`.
        splits: the training and test data.
        resume: a `last` checkpoint to go on from.
        start: the checkpoint that the weights came from, for the lineage.
        before_step: called with the number of steps taken and of steps in all, before each step.
    """

    def __init__(
        self,
        context: RunContext,
        model: nn.Module,
        splits: Splits,
        compute: Compute,
        process: Process,
        tracker: Tracker,
        resume: Checkpoint | None = None,
        start: Checkpoint | None = None,
        before_step: Callable[[int, int], None] | None = None,
    ) -> None:
        self.start, self.before_step = start, before_step
        self.rule = build_rule(context.config.eval, sizing_of(start), as_given=True)
        """How the evaluations in between predict."""
        self.context, self.splits, self.compute = context, splits, compute
        self.process, self.tracker = process, tracker
        config = context.config
        self.maxdisp: int = model.maxdisp  # type: ignore[assignment]
        self.model = model.to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if process.world_size > 1 and compute.device.type == "cuda":
            self.model = nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
        self.loss = build_loss(config.loss)
        self.optimiser = build_optimizer(config.optim, self.model)
        self.ema = EMA(self.model, config.optim.ema_decay) if config.optim.ema_decay > 0 else None
        self.steps_per_epoch = splits.steps_per_epoch(process.world_size)
        self.num_steps = config.optim.num_steps(self.steps_per_epoch)
        self.num_warmup = config.optim.num_warmup_steps(self.steps_per_epoch)
        self.progress = Progress()
        if resume is not None:
            self._restore(resume)
        self.parallel: nn.Module = self.model
        if process.world_size > 1:
            self.parallel = nn.parallel.DistributedDataParallel(self.model)
        if config.train.compile:
            self.parallel = torch.compile(self.parallel)  # type: ignore[assignment]

    def fit(self) -> Progress:
        """Evaluate what there is to begin with, then train to the end.

        The start may remain the best there is: see `_evaluate`.

        Raises:
            UserError: training diverged (`train.max_bad_steps`), or the data's own errors.
        """
        config, progress = self.context.config, self.progress
        eval_every = round(config.train.eval_every * self.steps_per_epoch)
        if progress.step == 0:
            self._evaluate()
        in_a_row, speed = 0, Speed()
        batches = self.splits.train(self.process, self.compute.device, progress.step, self.num_steps)
        self.parallel.train()
        if config.train.freeze_norm:
            for module in self.parallel.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        with Meter("train", self.num_steps, progress.step, self.process.is_main) as meter:
            for batch in speed.time_waits(batches):
                self._count_skipped(batch)
                if self.before_step is not None:
                    self.before_step(progress.step, self.num_steps)
                rate = warmup_cosine(progress.step, self.num_steps, self.num_warmup)
                result = self._step(batch, rate)
                progress.step += 1
                in_a_row = in_a_row + 1 if result.kind == "bad" else 0
                if in_a_row >= config.train.max_bad_steps:
                    raise UserError(
                        "optim.lr",
                        config.optim.lr,
                        f"training diverged: {in_a_row} steps in a row had no finite loss or gradient",
                        "lower optim.lr, or set optim.grad_clip=1",
                    )
                speed.add(len(batch.keys) * self.process.world_size)
                is_last = progress.step == self.num_steps
                if progress.step % config.train.log_every == 0 or is_last:
                    self._log_step(result, rate, speed)
                meter.advance(
                    epe=f"{result.epe:.2f}",
                    pairs_per_s=f"{speed.pairs_per_s:.1f}",
                    data_wait=f"{100 * speed.wait_share:.0f} %",
                )
                if is_last or (eval_every and progress.step % eval_every == 0):
                    with meter.pause(), speed.pause():
                        self._evaluate()
                if progress.step % config.train.save_every == 0 or is_last:
                    self._save(LAST)
        return progress

    def _step(self, batch: StereoBatch, rate: float) -> StepResult:
        config = self.context.config.optim
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * config.lr_scale * rate
        result = train_step(
            self.parallel, self.loss, self.optimiser, batch, self.maxdisp, self.compute, self.process, config.grad_clip
        )
        if result.kind == "bad":
            self.progress.num_bad_steps += 1
            log.warning("step %d left out: loss %s or its gradient is not finite", self.progress.step, result.loss)
        elif result.kind == "empty":
            self.progress.num_empty_steps += 1
            log.warning("step %d left out: no pixel with 0 < disparity < %d", self.progress.step, self.maxdisp)
        elif self.ema is not None:
            self.ema.update(self.model, self.progress.step)
        return result

    def _count_skipped(self, batch: StereoBatch) -> None:
        for key, reason in batch.skipped:
            self.progress.num_skipped_pairs += 1
            log.warning("skipped %s: %s", key, reason)

    def _log_step(self, result: StepResult, rate: float, speed: Speed) -> None:
        config = self.context.config.optim
        self.tracker.log(
            self.progress.step,
            {
                "train/loss": result.loss,
                "train/epe": result.epe,
                "train/lr": config.lr * config.lr_scale * rate,
                "train/pairs_per_s": speed.pairs_per_s,
                "train/data_wait": speed.wait_share,
            },
        )

    def _evaluate(self) -> None:
        """Score the weights as they are and keep them where they are the best so far. Training goes on as it would have
        without: with the same random numbers, every module in the mode that it was in."""
        model = self.select_model()
        # Processes on CPUs have BatchNorm statistics of their own; rank 0's are the ones that are saved.
        self.process.broadcast(model.state_dict().values())
        with torch.random.fork_rng(devices=[self.compute.device] if self.compute.device.type == "cuda" else []):
            scores, _ = evaluate(model, self.splits, self.compute.device, self.process, self.rule)
        epe = float(scores["epe"])
        self.tracker.log(self.progress.step, flatten(scores, "test"))
        log.info("step %d: test EPE %.4f px", self.progress.step, epe)
        # A NaN (no known pixel in the whole split) still leaves the latest weights as the best there are.
        if self.progress.best_epe is None or not epe >= self.progress.best_epe:
            self.progress.best_epe = epe
            self._save(BEST, {"scores": scores})

    def select_model(self) -> nn.Module:
        """The network that is evaluated and saved as best: the average where there is one."""
        return self.model if self.ema is None else self.ema.model

    def _save(self, where: str, extra: dict[str, Any] | None = None) -> None:
        if not self.process.is_main:
            return
        parts = {"model": self.select_model().state_dict()}
        if where == LAST:
            parts = {"model": self.model.state_dict(), "optim": optimizer_tensors(self.optimiser, self.model)}
            parts["rng"] = {"cpu": torch.get_rng_state()}
            if self.ema is not None:
                parts["ema"] = self.ema.model.state_dict()
        meta = {
            "stage": self.context.config.stage,
            "name": self.context.config.name,
            **asdict(self.progress),
            "num_steps": self.num_steps,
            "config": self.context.config_dict(),
            "run_id": self.tracker.run_id,
            "lineage": lineage_of(self.start),
            **sizing_entry(self.start),
            "version": VERSION,
            "torch": torch.__version__,
            **(extra or {}),
        }
        save_checkpoint(self.context.dir / where, meta, parts)

    def _restore(self, checkpoint: Checkpoint) -> None:
        load_weights(self.model, checkpoint)
        restore_optimizer(self.optimiser, self.model, checkpoint.part("optim"))
        if self.ema is not None:
            load_weights(self.ema.model, checkpoint, "ema")
        torch.set_rng_state(checkpoint.tensors["rng/cpu"])
        self.progress = Progress(**{f.name: checkpoint.meta[f.name] for f in fields(Progress)})
        if not self.process.is_main:
            return
        self.tracker.tag(resumed_from=checkpoint.meta["run_id"])
        assert checkpoint.path is not None
        before = checkpoint.path.parent.parent
        self.tracker.replay([r for r in read_metrics(before) if r["step"] <= self.progress.step])
        if (before / BEST).is_file() and before.resolve() != self.context.dir.resolve():
            (self.context.dir / BEST).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(before / BEST, self.context.dir / BEST)


# A whole training run of one stage: fit, evaluate, draw, and what goes into its report.


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
    splits = Splits(context.config, model.multiple)  # type: ignore[arg-type]
    with splits, open_tracker(context, process.is_main) as tracker:
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
            **eval_facts(trainer.rule),
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
            if best.meta["step"] == 0:
                told = "no evaluation in %d steps beat the start's (test EPE %.4f px): the best weights are its own"
                log.info(told, progress.step, scores["epe"])
            tracker.log(progress.step, flatten(scores, "final"))
            network = trainer.select_model()
            load_weights(network, best)
            shown = first_pairs(network, splits, compute.device, context.config.eval.pictures, trainer.rule)
            pictures = draw_test_pictures(context, shown, trainer.maxdisp)
            for picture in pictures:
                tracker.artifact(picture)
            result["pictures"] = [str(p) for p in pictures]
    return result
