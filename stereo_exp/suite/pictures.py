"""What a run draws: pairs of the test split, integers beside floats, the noise of every layer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stereo_exp.base.files import write_bytes
from stereo_exp.base.process import Process
from stereo_exp.data.loader import StereoBatch, collate
from stereo_exp.geometry.drawing import (
    DIFFERENCE_MAP,
    ERROR_MAP,
    Panel,
    Series,
    disparity_limits,
    draw_bars,
    write_panels,
)
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.metrics import valid_mask
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.model.stereonetplus import predict
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.splits import Splits

# Errors at and above this many px look the same, so that pictures of different runs compare.
_ERROR_LIMIT = 8.0
# Differences at and beyond this many px look the same.
_DIFFERENCE_LIMIT = 2.0
_LAYERS_SHOWN = 40
_ALONE_COLOUR, _TOGETHER_COLOUR = (198, 213, 232), (192, 57, 43)


def draw_test_pictures(context: RunContext, model: nn.Module, splits: Splits, device: torch.device) -> list[Path]:
    """Draw the first `eval.pictures` pairs of the test split into the run's `pictures/`; returns the files.

    Each shows left view, truth, error and prediction; without truth left view and prediction.
    """
    wanted = context.config.eval.pictures
    files: list[Path] = []
    if not wanted:
        return files
    model.eval()
    for batch in splits.test(Process()):
        if not len(batch):
            continue
        with torch.no_grad():
            predictions = predict(model, batch.left.to(device), batch.right.to(device)).cpu()
        for i in range(len(batch)):
            name = re.sub(r"\W+", "_", batch.keys[i]).strip("_")
            path = context.dir / "pictures" / f"{len(files):02d}_{name}.png"
            files.append(_draw_pair(path, batch, i, predictions[i], int(model.maxdisp)))  # type: ignore[arg-type]
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
        return write_panels(path, [*panels, Panel("disparity", shown, limits=limits)], heading=batch.keys[i])
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
    return write_panels(path, panels, heading=f"{batch.keys[i]} · EPE {epe}")


def draw_against_float(
    path: Path, sample: StereoSample, integer: nn.Module, floating: nn.Module, device: torch.device
) -> tuple[Path, np.ndarray]:
    """Draw a pair's left view, the disparities of an integer network and of the float one behind it, their difference.

    Returns:
        The file, and integer minus float disparity, float32 H×W in px.
    """
    batch = collate([sample], [0])
    left, right = batch.left.to(device), batch.right.to(device)
    height, width = sample.size
    ours, theirs = (predict(m, left, right)[0, :height, :width].cpu().numpy() for m in (integer, floating))
    difference = ours - theirs
    limits = disparity_limits(theirs)
    panels = [
        Panel("left", sample.left),
        Panel("integer minus float", difference, DIFFERENCE_MAP, (-_DIFFERENCE_LIMIT, _DIFFERENCE_LIMIT)),
        Panel("float", theirs, limits=limits),
        Panel("integer", ours, limits=limits),
    ]
    heading = f"{sample.key}: integer against float, mean |difference| {np.abs(difference).mean():.3f} px"
    return write_panels(path, panels, heading=heading), difference


def draw_noise(path: Path, records: list[dict[str, Any]]) -> Path:
    """Bars of the worst layers' signal-to-noise ratio, worst on top; `records` as `layer_noise` has them."""
    shown = records[:_LAYERS_SHOWN]
    series = [
        Series("its own rounding alone", [r["own_snr_db"] for r in shown], _ALONE_COLOUR),
        Series("all layers up to here", [r["snr_db"] for r in shown], _TOGETHER_COLOUR),
    ]
    title = f"Quantised against float: the worst {len(shown)} of {len(records)} tensors"
    picture = draw_bars([r["name"] for r in shown], series, title, "signal to noise, dB (more is better)")
    write_bytes(path, encode_png(picture, compression=6))
    return path
