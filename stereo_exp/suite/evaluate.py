"""Evaluation: every pair of a split once, predictions compared at the size of the truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from stereo_exp.base.process import Process
from stereo_exp.base.progress import Meter
from stereo_exp.config.infer import Temporal
from stereo_exp.data.loader import StereoBatch
from stereo_exp.geometry.metrics import StereoMetrics
from stereo_exp.geometry.temporal import Stability, TemporalFilter
from stereo_exp.model.stereonetplus import predict
from stereo_exp.suite.splits import Splits

log = logging.getLogger(__name__)


def evaluate(
    model: nn.Module,
    splits: Splits,
    device: torch.device,
    process: Process = Process(),  # noqa: B008 (immutable)
) -> dict[str, Any]:
    """The metrics of `model` over the test split, see `StereoMetrics.compute`.

    Of a mixture also those of each data set, under `sets` by its name. Every process gets the same result.
    Where no pair has truth the network does not run: all pairs are skipped, the metrics NaN; a line says so.
    """
    maxdisp: int = model.maxdisp  # type: ignore[assignment]
    everything = StereoMetrics(maxdisp)
    by_set = {name: StereoMetrics(maxdisp) for name in splits.test_sets}
    if not splits.test_has_truth:
        log.warning("no pair of the test split has truth: predictions are not scored")
        everything.num_skipped = splits.num_test
        for index in range(splits.num_test if by_set else 0):
            by_set[splits.test_set_of(index)].num_skipped += 1
        return _scores(everything, by_set)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with Meter("evaluate", -(-splits.num_test // process.world_size), enabled=process.is_main) as meter:
        for batch in splits.test(process):
            for key, reason in batch.skipped:
                everything.num_skipped += 1
                log.warning("skipped %s: %s", key, reason)
            if len(batch):
                predictions = predict(model, batch.left.to(device), batch.right.to(device)).cpu()
                for i, index in enumerate(batch.indices):
                    _add(everything, batch, i, predictions[i])
                    if by_set:
                        _add(by_set[splits.test_set_of(index)], batch, i, predictions[i])
            running = everything.compute()["epe"]
            meter.advance(len(batch) + len(batch.skipped), epe=f"{running:.3f}")
    for module, training in modes.items():
        module.training = training
    if process.world_size > 1:
        for metrics in (everything, *by_set.values()):
            metrics.all_reduce(device)
    return _scores(everything, by_set)


def _scores(everything: StereoMetrics, by_set: Mapping[str, StereoMetrics]) -> dict[str, Any]:
    scores: dict[str, Any] = dict(everything.compute())
    if by_set:
        scores["sets"] = {name: metrics.compute() for name, metrics in by_set.items()}
    return scores


def _add(metrics: StereoMetrics, batch: StereoBatch, i: int, prediction: Tensor) -> None:
    height, width = batch.sizes[i]
    truth = None if batch.disparity is None else batch.disparity[i, :height, :width]
    noc = None if batch.noc is None else batch.noc[i, :height, :width]
    metrics.update(prediction[:height, :width], truth, noc)


def flat(scores: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Scores as a tracker takes them: `prefix/epe`, and `prefix/<set>/epe` for the sets of a mixture."""
    out: dict[str, float] = {}
    for key, value in scores.items():
        if key == "sets":
            for name, of_set in value.items():
                out |= flat(of_set, f"{prefix}/{name}")
        else:
            out[f"{prefix}/{key}"] = value
    return out


# A network's stability over a sequence, as it is and behind the temporal filter.


@torch.no_grad()
def sequence_stability(model: nn.Module, splits: Splits, device: torch.device, config: Temporal) -> dict[str, Any]:
    """`plain` and `filtered`, see `Stability.compute`, over the test split in its order."""
    model.eval()
    plain, filtered = Stability(config.change), Stability(config.change)
    steady = TemporalFilter(config.weight, config.change, config.jump)
    with Meter("stability", splits.num_test) as meter:
        for batch in splits.test(Process()):
            if len(batch):
                predictions = predict(model, batch.left.to(device), batch.right.to(device)).cpu()
            for i in range(len(batch)):
                height, width = batch.sizes[i]
                image = batch.left[i, :, :height, :width].permute(1, 2, 0).numpy()
                disparity = predictions[i, :height, :width].numpy()
                plain.update(image, disparity)
                filtered.update(image, steady(image, disparity))
            meter.advance(len(batch) + len(batch.skipped))
    return {"plain": plain.compute(), "filtered": filtered.compute()}
