"""A network's stability over a sequence, as it is and behind the temporal filter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stereo_exp.config.infer import Temporal
from stereo_exp.data.splits import Splits
from stereo_exp.evaluate import predict
from stereo_exp.process import Process
from stereo_exp.progress import Meter
from stereo_exp.temporal.filter import TemporalFilter
from stereo_exp.temporal.stability import Stability


@torch.no_grad()
def sequence_stability(
    model: nn.Module, splits: Splits, maxdisp: int, device: torch.device, config: Temporal
) -> dict[str, Any]:
    """`plain` and `filtered`, see `Stability.compute`, over the test split in its order."""
    model.eval()
    plain, filtered = Stability(config.change), Stability(config.change)
    steady = TemporalFilter(config.weight, config.change, config.jump)
    with Meter("stability", splits.num_test) as meter:
        for batch in splits.test(Process()):
            if len(batch):
                predictions = predict(model, batch.left.to(device), batch.right.to(device), maxdisp).cpu()
            for i in range(len(batch)):
                height, width = batch.sizes[i]
                image = batch.left[i, :, :height, :width].permute(1, 2, 0).numpy()
                disparity = predictions[i, :height, :width].numpy()
                plain.update(image, disparity)
                filtered.update(image, steady(image, disparity))
            meter.advance(len(batch) + len(batch.skipped))
    return {"plain": plain.compute(), "filtered": filtered.compute()}
