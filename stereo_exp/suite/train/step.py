"""One optimiser step, with its guards."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from stereo_exp.data import StereoBatch
from stereo_exp.geometry import valid_mask
from stereo_exp.model import Loss, counting, full_disparity, normalize
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.train.device import Compute


@dataclass(frozen=True)
class StepResult:
    """What a step came to."""

    kind: str
    """`done`; `empty`, no pixel with known disparity, nothing changed; `bad`, loss or gradient not finite, nothing
    changed."""
    loss: float = float("nan")
    epe: float = float("nan")
    """Mean |error| of the final map over the batch's mask, px."""


def train_step(
    model: nn.Module,
    loss_function: Loss,
    optimiser: torch.optim.Optimizer,
    batch: StereoBatch,
    maxdisp: int,
    compute: Compute,
    process: Process,
    grad_clip: float | None,
) -> StepResult:
    """Forward, loss, backward, clip, update. A step that cannot count leaves weights and moments as they were."""
    device = compute.device
    assert batch.disparity is not None, "training sources have truth"
    truth = batch.disparity.to(device, non_blocking=True)
    mask = valid_mask(truth, maxdisp)
    # Agreed upon by all processes: one that stood aside alone would leave the others waiting for its gradients.
    has_pairs = torch.tensor(mask.numel() > 0, device=device)
    if not process.all_true(has_pairs) or not process.any_true(mask.any()):
        return StepResult("empty")
    left, right = (normalize(v.to(device, non_blocking=True)) for v in (batch.left, batch.right))
    left, right = (v.contiguous(memory_format=torch.channels_last) for v in (left, right))
    with compute.precision():
        output = model(left, right)
    final = full_disparity(output)
    with counting(process.mean if process.joined else None):
        loss = loss_function(output, final, truth, mask)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    limit = grad_clip if grad_clip is not None else float("inf")
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
    is_good = process.all_true(torch.isfinite(loss.detach() + norm))
    error = (final.detach() - truth).abs()[mask].sum()
    # Of all processes' pixels, as one process would tell it.
    told, errors, pixels = process.mean(
        torch.stack([each.double() for each in (loss.detach(), error, mask.sum())])
    ).tolist()
    if not is_good:
        return StepResult("bad", told)
    optimiser.step()
    return StepResult("done", told, errors / pixels)


# How fast training goes, and how much of the time it waits for data.


T = TypeVar("T")


class Speed:
    """Pairs a second and the share of time spent waiting for batches, over all steps so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited, self._pairs = 0.0, 0

    def time_waits(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches, with the waiting for each measured."""
        iterator = iter(batches)
        while True:
            begin = time.monotonic()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.monotonic() - begin
            yield batch

    def add(self, pairs: int) -> None:
        """So many more pairs are done."""
        self._pairs += pairs

    @contextmanager
    def pause(self) -> Iterator[None]:
        """The time inside does not count."""
        begin = time.monotonic()
        yield
        self._began += time.monotonic() - begin

    @property
    def pairs_per_s(self) -> float:
        """Pairs a second."""
        return self._pairs / self._elapsed

    @property
    def wait_share(self) -> float:
        """0 (data is always there in time) to 1."""
        return self._waited / self._elapsed

    @property
    def _elapsed(self) -> float:
        return max(1e-9, time.monotonic() - self._began)
