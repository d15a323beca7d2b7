"""What a run draws: pairs of the test split, integers beside floats, the noise of every layer."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stereo_exp.base import write_bytes
from stereo_exp.geometry import (
    DIFFERENCE_MAP,
    ERROR_MAP,
    Panel,
    Series,
    StereoSample,
    disparity_limits,
    draw_bars,
    encode_png,
    valid_mask,
    write_panels,
)
from stereo_exp.suite.evaluate import Seen
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.runs.context import RunContext

# Errors at and above this many px look the same, so that pictures of different runs compare.
_ERROR_LIMIT = 8.0
# Differences at and beyond this many px look the same.
_DIFFERENCE_LIMIT = 2.0
_LAYERS_SHOWN = 40
# Characters of a pair's name in that of its picture: file systems take 255 bytes.
_LONGEST_NAME = 50
log = logging.getLogger(__name__)
_ALONE_COLOUR, _TOGETHER_COLOUR = (198, 213, 232), (192, 57, 43)


def draw_test_pictures(context: RunContext, pairs: Iterable[Seen], maxdisp: int) -> list[Path]:
    """Draw pairs of the test split into the run's `pictures/`; returns the files.

    Each shows left view, truth, error and prediction; without truth left view and prediction. What cannot be drawn
    costs a warning, never the report of what was computed before.
    """
    files: list[Path] = []
    try:
        for seen in pairs:
            name = re.sub(r"\W+", "_", seen.sample.key).strip("_")[:_LONGEST_NAME]
            files.append(_draw_pair(context.dir / "pictures" / f"{len(files):02d}_{name}.png", seen, maxdisp))
    except Exception as error:
        told = " ".join(str(error).split())
        log.warning("picture %d could not be drawn (%s: %s)", len(files), type(error).__name__, told)
    return files


def _draw_pair(path: Path, seen: Seen, maxdisp: int) -> Path:
    sample, shown = seen.sample, seen.disparity
    panels = [Panel("left", sample.left)]
    if sample.disparity is None:
        limits = disparity_limits(shown)
        return write_panels(path, [*panels, Panel("disparity", shown, limits=limits)], heading=sample.key)
    known = valid_mask(sample.disparity, maxdisp)
    truth_map = np.where(known, sample.disparity, np.nan)
    error = np.abs(truth_map - shown)
    limits = disparity_limits(truth_map)
    epe = f"{np.nanmean(error):.2f} px" if known.any() else "unknown"
    panels += [
        Panel("true disparity (grey: unknown or out of range)", truth_map, limits=limits),
        Panel("error (absolute)", error, ERROR_MAP, (0.0, _ERROR_LIMIT)),
        Panel("predicted disparity", shown, limits=limits),
    ]
    return write_panels(path, panels, heading=f"{sample.key} · EPE {epe}")


def draw_against_float(
    path: Path, sample: StereoSample, integer: nn.Module, floating: nn.Module, device: torch.device
) -> tuple[Path, np.ndarray]:
    """Draw a pair's left view, the disparities of an integer network and of the float one behind it, their difference.

    Returns:
        The file, and integer minus float disparity, float32 H×W in px.
    """
    ours, theirs = (Predictor(model, device)(sample).disparity for model in (integer, floating))
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
