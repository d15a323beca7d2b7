"""Pictures of test images: left view, truth, prediction and error."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stereo_exp.data.batch import StereoBatch
from stereo_exp.data.splits import Splits
from stereo_exp.evaluate import predict
from stereo_exp.look.panels import ERROR_MAP, Panel, disparity_limits, draw
from stereo_exp.losses.mask import valid_mask
from stereo_exp.process import Process
from stereo_exp.run.context import RunContext

# Errors at and above this many px look the same, so that pictures of different runs compare.
_ERROR_LIMIT = 8.0


def draw_test_pictures(context: RunContext, model: nn.Module, splits: Splits, device: torch.device) -> list[Path]:
    """Draw the first `eval.pictures` pairs of the test split into the run's `pictures/`; returns the files."""
    wanted, maxdisp = context.config.eval.pictures, context.config.model.maxdisp
    files: list[Path] = []
    if not wanted:
        return files
    model.eval()
    for batch in splits.test(Process()):
        if not len(batch):
            continue
        with torch.no_grad():
            predictions = predict(model, batch.left.to(device), batch.right.to(device), maxdisp).cpu()
        for i in range(len(batch)):
            name = re.sub(r"\W+", "_", batch.keys[i]).strip("_")
            path = context.dir / "pictures" / f"{len(files):02d}_{name}.png"
            files.append(_draw_pair(path, batch, i, predictions[i], maxdisp))
            if len(files) == wanted:
                return files
    return files


def _draw_pair(path: Path, batch: StereoBatch, i: int, prediction: torch.Tensor, maxdisp: int) -> Path:
    height, width = batch.sizes[i]
    left = batch.left[i, :, :height, :width].permute(1, 2, 0).numpy()
    shown = prediction[:height, :width].numpy()
    panels = [Panel("left", left)]
    if batch.disparity is None:
        limits = disparity_limits(shown)
        return draw(path, [*panels, Panel("disparity", shown, limits=limits)], heading=batch.keys[i])
    truth = batch.disparity[i, :height, :width]
    known = valid_mask(truth, maxdisp).numpy()
    truth_map = np.where(known, truth.numpy(), np.nan)
    error = np.abs(truth_map - shown)
    limits = disparity_limits(truth_map)
    epe = f"{np.nanmean(error):.2f} px" if known.any() else "unknown"
    panels += [
        Panel("true disparity (grey: unknown or out of range)", truth_map, limits=limits),
        Panel("error (absolute)", error, ERROR_MAP, (0.0, _ERROR_LIMIT)),
        Panel("predicted disparity", shown, limits=limits),
    ]
    return draw(path, panels, heading=f"{batch.keys[i]} · EPE {epe}")
