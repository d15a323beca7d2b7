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
    DIFFERENCE,
    ERROR,
    RIGHT_PX,
    Panel,
    Series,
    StereoSample,
    draw_bars,
    draw_reliability,
    encode_png,
    fit_disparity,
    valid_mask,
    write_panels,
)
from stereo_exp.suite.evaluate import Seen
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.runs.context import RunContext

_LAYERS_SHOWN = 40
_LAYOUT = "FlyingThings3D/frames_finalpass/"
# Characters of a pair's name in that of its picture: file systems take 255 bytes.
_LONGEST_NAME = 50
log = logging.getLogger(__name__)
_ALONE_COLOUR, _TOGETHER_COLOUR = (198, 213, 232), (192, 57, 43)


def draw_test_pictures(context: RunContext, pairs: Iterable[Seen], maxdisp: int) -> list[Path]:
    """Draw pairs of the test split into the run's `pictures/`; returns the files.

    Each shows left view, truth, error and prediction, both disparities on one scale; without truth left view and
    prediction. Where there is no truth in range, the error is hatched. What cannot be drawn costs a warning, never the
    report of what was computed before.
    """
    files: list[Path] = []
    try:
        for seen in pairs:
            title = name_pair(seen.sample.key, context.config.dataset.name)
            file = re.sub(r"\W+", "_", title).strip("_")[:_LONGEST_NAME]
            files.append(_draw_pair(context.dir / "pictures" / f"{len(files):02d}_{file}.png", seen, title, maxdisp))
    except Exception as error:
        told = " ".join(str(error).split())
        log.warning("picture %d could not be drawn (%s: %s)", len(files), type(error).__name__, told)
    return files


def name_pair(key: str, dataset: str) -> str:
    """What a picture calls a pair: its key; our own scenes, which lie in SceneFlow's layout, by their set's name."""
    return key.replace(_LAYOUT, f"{dataset}/", 1) if dataset.startswith("shapes") else key


def _draw_pair(path: Path, seen: Seen, title: str, maxdisp: int) -> Path:
    sample, shown = seen.sample, seen.disparity
    panels = [Panel("left", sample.left)]
    if sample.disparity is None:
        return write_panels(path, [*panels, Panel("disparity", shown, fit_disparity(shown))], heading=title)
    known = valid_mask(sample.disparity, maxdisp)
    truth_map = np.where(known, sample.disparity, np.nan)
    error = np.abs(truth_map - shown)
    scale = fit_disparity(truth_map if known.any() else shown)
    epe = f"{np.nanmean(error):.2f} px" if known.any() else "unknown"
    panels += [
        Panel("true disparity (hatched: unknown or out of range)", truth_map, scale, gaps=~known),
        Panel("absolute error (hatched: no truth)", error, ERROR, gaps=~known),
        Panel("predicted disparity", shown, scale),
    ]
    return write_panels(path, panels, heading=f"{title} · EPE {epe}")


def draw_against_float(
    path: Path, sample: StereoSample, integer: nn.Module, floating: nn.Module, device: torch.device
) -> tuple[Path, np.ndarray]:
    """Draw a pair's left view, the disparities of an integer network and of the float one behind it, their difference.

    Returns:
        The file, and integer minus float disparity, float32 H×W in px.
    """
    ours, theirs = (Predictor(model, device)(sample).disparity for model in (integer, floating))
    difference = ours - theirs
    scale = fit_disparity(theirs)
    panels = [
        Panel("left", sample.left),
        Panel("integer minus float", difference, DIFFERENCE),
        Panel("float", theirs, scale),
        Panel("integer", ours, scale),
    ]
    heading = f"{sample.key}: integer against float, mean |difference| {np.abs(difference).mean():.3f} px"
    return write_panels(path, panels, heading=heading), difference


def draw_confidence(context: RunContext, scores: dict[str, Any]) -> list[Path]:
    """The reliability diagram of an evaluation, of a mixture one for each set besides; none where nothing is judged."""
    parts = {"": scores, **{f"_{name}": part for name, part in scores.get("sets", {}).items()}}
    files: list[Path] = []
    for suffix, part in parts.items():
        bins = part.get("confidence", {}).get("bins")
        if bins:
            path = context.dir / "pictures" / f"reliability{re.sub(r'[^0-9A-Za-z]+', '_', suffix)}.png"
            name = f"{suffix[1:] or context.config.dataset.name}, expected calibration error {part['ece']:.3f}"
            write_bytes(path, encode_png(draw_reliability(bins, name, RIGHT_PX), compression=6))
            files.append(path)
    return files


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
