"""Evaluation: every pair of a split once, predictions compared at the size of the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from stereo_exp.data.batch import StereoBatch
from stereo_exp.data.colour import normalise
from stereo_exp.metrics import StereoMetrics
from stereo_exp.model.postprocess import full_disparity
from stereo_exp.process import Process
from stereo_exp.progress import Meter

log = logging.getLogger(__name__)

OnImage = Callable[[StereoBatch, int, Tensor], None]
"""Called with a batch, the position of an image in it, and its prediction H×W in px on the CPU."""


@torch.no_grad()
def predict(model: nn.Module, left: Tensor, right: Tensor, maxdisp: int) -> Tensor:
    """Disparity of raw pairs.

    Args:
        left, right: uint8 B×3×H×W RGB, H and W multiples of 32, on the model's device.

    Returns:
        float32 B×H×W in px. In float32 throughout: evaluation must not depend on what autocast a machine has.
    """
    return full_disparity(model(normalise(left), normalise(right)), maxdisp)


def evaluate(
    model: nn.Module,
    batches: Iterable[StereoBatch],
    num_images: int,
    maxdisp: int,
    device: torch.device,
    process: Process = Process(),  # noqa: B008 (immutable)
    on_image: OnImage | None = None,
) -> dict[str, float | int]:
    """The metrics of `model` over `batches`; see `StereoMetrics.compute`.

    Args:
        num_images: pairs in the split over all processes, for the progress bar.
        on_image: gets every prediction, for pictures.
    """
    was_training = model.training
    model.eval()
    metrics = StereoMetrics(maxdisp)
    meter = Meter("evaluate", -(-num_images // process.world_size), enabled=process.is_main)
    with meter:
        for batch in batches:
            for key, reason in batch.skipped:
                metrics.num_skipped += 1
                log.warning("skipped %s: %s", key, reason)
            if len(batch.keys):
                _add_batch(metrics, model, batch, maxdisp, device, on_image)
            running = metrics.compute()["epe"]
            meter.advance(len(batch.keys) + len(batch.skipped), epe=f"{running:.3f}")
    model.train(was_training)
    if process.world_size > 1:
        metrics.all_reduce(device)
    return metrics.compute()


def _add_batch(
    metrics: StereoMetrics,
    model: nn.Module,
    batch: StereoBatch,
    maxdisp: int,
    device: torch.device,
    on_image: OnImage | None,
) -> None:
    predictions = predict(model, batch.left.to(device), batch.right.to(device), maxdisp).cpu()
    for i, (height, width) in enumerate(batch.sizes):
        prediction = predictions[i, :height, :width]
        noc = None if batch.noc is None else batch.noc[i, :height, :width]
        if batch.disparity is None:
            # A data set without truth still shows its pictures; its pairs count as skipped.
            metrics.num_skipped += 1
        else:
            metrics.update(prediction, batch.disparity[i, :height, :width], noc)
        if on_image is not None:
            on_image(batch, i, prediction)
