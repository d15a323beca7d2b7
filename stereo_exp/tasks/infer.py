"""`task=infer`: a pair of images in, disparity, depth and a picture out."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stereo_exp.config.schema import Infer
from stereo_exp.data.batch import collate
from stereo_exp.data.formats import read_rgb
from stereo_exp.data.sample import Calibration, StereoSample
from stereo_exp.data.sources.motorcycle import MotorcycleSource
from stereo_exp.errors import DataError, UserError
from stereo_exp.evaluate import predict
from stereo_exp.look.panels import DEPTH_MAP, Panel, disparity_limits, draw
from stereo_exp.run.context import RunContext
from stereo_exp.run.find import find_checkpoint
from stereo_exp.run.restore import restore_model
from stereo_exp.runtime.depth import depth as depth_in_metres
from stereo_exp.runtime.write import MM_PER_M, PNG_SCALE, write_map
from stereo_exp.track import open_tracker
from stereo_exp.train.device import choose

_NO_CALIBRATION = "no depth: focal length and baseline are not known\n(infer.focal= in px, infer.baseline= in m)"


def run(context: RunContext) -> dict[str, Any]:
    """Predict one pair; without `infer.left` and `infer.right` that is Motorcycle."""
    config = context.config
    path = find_checkpoint(context)
    sample = load_pair(config.infer)
    device = choose(config.machine).device
    model, checkpoint = restore_model(path, device)
    batch = collate([sample], [0])
    with torch.no_grad():
        padded = predict(model, batch.left.to(device), batch.right.to(device), config.model.maxdisp)
    height, width = sample.size
    disparity = padded[0, :height, :width].cpu().numpy()
    depth = None if sample.calibration is None else depth_in_metres(disparity, *astuple(sample.calibration))
    out = Path(config.infer.out) if config.infer.out else context.dir
    files = _write(out, sample, disparity, depth)
    with open_tracker(context) as tracker:
        tracker.tag(checkpoint=str(path), parent_run=checkpoint.meta["run_id"])
        tracker.artifact(files["picture"])
    result: dict[str, Any] = {
        "checkpoint": str(path),
        "pair": sample.key,
        "height": height,
        "width": width,
        "disparity_min": float(disparity.min()),
        "disparity_max": float(disparity.max()),
        "files": {k: str(v) for k, v in files.items()},
        "picture": str(files["picture"]),
    }
    if depth is not None:
        result["depth_median"] = float(np.median(depth))
    return result


def load_pair(config: Infer) -> StereoSample:
    """The pair that the config names.

    Raises:
        UserError: a file is missing or damaged, or the views differ in size.
    """
    if config.left is None or config.right is None:
        return MotorcycleSource().read(0)
    left, right = _view("left", config.left), _view("right", config.right)
    if left.shape != right.shape:
        raise UserError(
            "infer.right",
            f"{config.right} ({right.shape[1]}x{right.shape[0]})",
            f"must be as large as the left image ({left.shape[1]}x{left.shape[0]})",
            "give the two views of one rectified pair",
        )
    calibration = None
    if config.focal is not None and config.baseline is not None:
        calibration = Calibration(config.focal, config.baseline, config.doffs)
    return StereoSample(Path(config.left).stem, left, right, calibration=calibration)


def _view(name: str, path: str) -> np.ndarray:
    try:
        return read_rgb(Path(path))
    except DataError as error:
        raise UserError(f"infer.{name}", path, error.rule, "give a PNG, PPM or JPEG file") from None


def _write(out: Path, sample: StereoSample, disparity: np.ndarray, depth: np.ndarray | None) -> dict[str, Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("infer.out", out, f"cannot be made ({error.strerror})", "give another folder") from None
    files = {"disparity_pfm": out / "disparity.pfm", "disparity_png": out / "disparity.png"}
    for path in files.values():
        write_map(path, disparity, PNG_SCALE)
    if depth is not None:
        for key, name in (("depth_npy", "depth.npy"), ("depth_png", "depth_mm.png")):
            files[key] = write_map(out / name, depth, MM_PER_M)
    files["picture"] = draw(out / "panels.png", _panels(sample, disparity, depth), heading=sample.key)
    return files


def _panels(sample: StereoSample, disparity: np.ndarray, depth: np.ndarray | None) -> list[Panel]:
    panels = [
        Panel("left", sample.left),
        Panel("right", sample.right),
        Panel("disparity", disparity, limits=disparity_limits(disparity)),
    ]
    if depth is None:
        return [*panels, Panel("depth", note=_NO_CALIBRATION)]
    known = depth[np.isfinite(depth)]
    top = float(np.percentile(known, 95)) if known.size else 1.0
    return [*panels, Panel("depth", depth, DEPTH_MAP, (float(known.min()) if known.size else 0.0, top), "m")]
