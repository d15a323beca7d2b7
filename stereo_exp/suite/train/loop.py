"""The training loop: batches in, checkpoints and numbers out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stereo_exp.base import VERSION, Meter, UserError, copy_file, hold_signals
from stereo_exp.data import StereoBatch
from stereo_exp.model import (
    BEST,
    LAST,
    Checkpoint,
    lineage_of,
    load_checkpoint,
    load_newest,
    load_weights,
    optimizer_tensors,
    reliability_entry,
    restore_optimizer,
    save_checkpoint,
    sizing_entry,
    sizing_of,
)
from stereo_exp.suite.build import build_loss, build_rule, eval_facts
from stereo_exp.suite.evaluate import evaluate, find_failure, first_pairs, flatten
from stereo_exp.suite.pictures import draw_test_pictures
from stereo_exp.suite.runs.context import REPORT_FILE, RunContext
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
    evaluated: int = -1
    """The step of the last evaluation that came to its end."""


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
        if process.joined and compute.device.type == "cuda":
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
        if process.joined:
            self.parallel = nn.parallel.DistributedDataParallel(self.model)
        if config.train.compile:
            self.parallel = torch.compile(self.parallel)  # type: ignore[assignment]

    def fit(self) -> Progress:
        """Evaluate what there is to begin with, then train to the end.

        The start may remain the best there is: see `_evaluate`.

        Raises:
            UserError: training diverged (`train.max_bad_steps`), or the data's own errors.
            KeyboardInterrupt: a signal asked the process to stop; the state is saved.
        """
        try:
            self._fit()
        except KeyboardInterrupt:
            with hold_signals():
                self._save(LAST)
            log.warning("stopped at step %d, which is saved: train.resume=auto goes on there", self.progress.step)
            raise
        return self.progress

    def _fit(self) -> None:
        config, progress = self.context.config, self.progress
        if (self._is_due(progress.step) and progress.evaluated < progress.step) or progress.best_epe is None:
            self._evaluate()
        if progress.step >= self.num_steps:
            log.info("all %d steps are done already: what is left is the report", self.num_steps)
            return
        in_a_row, speed = 0, Speed()
        self.parallel.train()
        if config.train.freeze_norm:
            for module in self.parallel.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        loader = self.splits.train(self.process, self.compute.device, progress.step, self.num_steps)
        with (
            closing(iter(loader)) as batches,
            Meter("train", self.num_steps, progress.step, self.process.is_main) as meter,
        ):
            for batch in speed.time_waits(batches):
                rate = warmup_cosine(progress.step, self.num_steps, self.num_warmup)
                # A signal is heard when weights, moments, average, counts and records are of one step again.
                with hold_signals():
                    self._count_skipped(batch)
                    if self.before_step is not None:
                        self.before_step(progress.step, self.num_steps)
                    result = self._step(batch, rate)
                    progress.step += 1
                    speed.add(len(batch.keys) * self.process.world_size)
                    is_last = progress.step == self.num_steps
                    if progress.step % config.train.log_every == 0 or is_last:
                        self._log_step(result, rate, speed)
                in_a_row = in_a_row + 1 if result.kind == "bad" else 0
                if in_a_row >= config.train.max_bad_steps:
                    raise UserError(
                        "optim.lr",
                        config.optim.lr,
                        f"training diverged: {in_a_row} steps in a row had no finite loss or gradient",
                        "lower optim.lr, or set optim.grad_clip=1",
                    )
                meter.advance(
                    epe=f"{result.epe:.2f}",
                    pairs_per_s=f"{speed.pairs_per_s:.1f}",
                    data_wait=f"{100 * speed.wait_share:.0f} %",
                )
                if self._is_due(progress.step):
                    with meter.pause(), speed.pause():
                        self._evaluate()
                if progress.step % config.train.save_every == 0 or is_last:
                    self._save(LAST)

    def _is_due(self, step: int) -> bool:
        """Whether the weights are evaluated behind this step: before the first, in between, and behind the last one."""
        every = round(self.context.config.train.eval_every * self.steps_per_epoch)
        return step in (0, self.num_steps) or (every > 0 and step % every == 0)

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
        with hold_signals():
            self._judge(model, scores)

    def _judge(self, model: nn.Module, scores: dict[str, Any]) -> None:
        """Record what an evaluation found, and keep the best there is."""
        epe = float(scores["epe"])
        self.progress.evaluated = self.progress.step
        self.tracker.log(self.progress.step, flatten(scores, "test"))
        log.info("step %d: test EPE %.4f px", self.progress.step, epe)
        if not _is_finite(model):
            log.warning("step %d: some weights are not finite; they are never the best", self.progress.step)
            return
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
            **(reliability_entry(self.start) if self.context.config.stage == "qat" else {}),
            "version": VERSION,
            "torch": torch.__version__,
            **(extra or {}),
        }
        save_checkpoint(self.context.dir / where, meta, parts, keep_previous=True)

    def _restore(self, checkpoint: Checkpoint) -> None:
        load_weights(self.model, checkpoint)
        restore_optimizer(self.optimiser, self.model, checkpoint.part("optim"))
        if self.ema is not None:
            load_weights(self.ema.model, checkpoint, "ema")
        torch.set_rng_state(checkpoint.tensors["rng/cpu"])
        # Those of 0.1.0 were saved behind the evaluation of their step.
        known = {"evaluated": checkpoint.meta["step"], **checkpoint.meta}
        self.progress = Progress(**{f.name: known[f.name] for f in fields(Progress)})
        assert checkpoint.path is not None
        before = checkpoint.path.parent.parent
        # Every process looks, for all must know what to beat: of a damaged best, the one before it or anything.
        best = load_newest(before / BEST)
        self.progress.best_epe = None if best is None else (best.meta.get("scores") or {}).get("epe")
        if not self.process.is_main:
            return
        self.tracker.tag(resumed_from=checkpoint.meta["run_id"])
        self.tracker.end_other(checkpoint.meta["run_id"])
        # What it said of its best weights comes again.
        records = (r for r in read_metrics(before) if not any(key.startswith("final/") for key in r))
        self.tracker.replay([r for r in records if r["step"] <= self.progress.step])
        if best is not None and best.path is not None and best.path.resolve() != (self.context.dir / BEST).resolve():
            copy_file(best.path, self.context.dir / BEST)


def _is_finite(model: nn.Module) -> bool:
    """Whether all weights are, and BatchNorm's statistics."""
    norms = (value for name, value in model.named_buffers() if name.rpartition(".")[2].startswith("running_"))
    return all(bool(torch.isfinite(value).all()) for value in (*model.parameters(), *norms))


def _find_loss(progress: Progress, model: nn.Module) -> str | None:
    """Why a training that came to its end has no result that holds; None: it has."""
    if not _is_finite(model):
        return f"some weights are not finite after {progress.step} steps; lower optim.lr, or set optim.grad_clip=1"
    left_out = progress.num_bad_steps + progress.num_empty_steps
    if progress.step and left_out >= progress.step:
        why = f"{progress.num_empty_steps} without a known disparity in range, {progress.num_bad_steps} not finite"
        return f"all {progress.step} steps were left out ({why}): nothing was learned; see that the truth is above 0 px"
    return None


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
    if process.is_main:
        # Of another run in the same folder: this one is not finished.
        (context.dir / REPORT_FILE).unlink(missing_ok=True)
    with splits, open_tracker(context, process.is_main) as tracker:
        if start is not None:
            tracker.tag(init_from=str(start.path), parent_run=start.meta["run_id"])
        last = None if resume is None else load_checkpoint(resume)
        if context.restarted and last is None:
            tracker.replay([])  # what was recorded before anything was saved comes again
        trainer = Trainer(context, model, splits, compute, process, tracker, last, start, before_step)
        progress = trainer.fit()
        process.barrier()
        lost = _find_loss(progress, trainer.select_model())
        best = load_newest(context.dir / BEST)
        if best is None:
            return {"checkpoint": None, **asdict(progress), "failed": lost or "there are no best weights: see the log"}
        scores = best.meta["scores"]
        result = {
            "checkpoint": str(best.path),
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
        result |= {"failed": lost} if lost else find_failure(scores, splits)
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
