"""Small networks with random weights, as checkpoints, and textured pairs for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from composing import composed

from stereo_exp.config import bind
from stereo_exp.data.loader import collate
from stereo_exp.deploy.source import Source
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.model.checkpoint import save_checkpoint

SMALL = (
    "experiment=smoke",
    "tracker=none",
    "model.aggregation.num_modules=2",
    "model.backbone.width=0.25",
)
SIZE, DISPARITY = (50, 90), 6


@dataclass(frozen=True)
class Network:
    """A checkpoint, what deployment makes of it, and its trunk exported once for all tests."""

    path: Path
    source: Source
    exported: onnx.ModelProto


def views(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 50×90×3 left and right, 6 px apart."""
    rng = np.random.default_rng(seed)
    texture = np.repeat(np.repeat(rng.integers(0, 256, (25, 48 + DISPARITY, 3), np.uint8), 2, axis=0), 2, axis=1)
    return texture[: SIZE[0], : SIZE[1]], texture[: SIZE[0], DISPARITY : SIZE[1] + DISPARITY]


def images(height: int, width: int, batch: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 B×H×W×3 of noise that correlates between the views."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 256, (batch, height, width, 3), np.uint8)
    return left, np.roll(left, -DISPARITY, axis=2)


def checkpoint(folder: Path, target: str | None) -> Path:
    """A small network with random weights: float, or calibrated for a target."""
    from stereo_exp.quant.calibration import calibrate
    from stereo_exp.suite.build import build_network, quantize_network

    stage = "float" if target is None else "calib"
    config = bind(composed(*SMALL, f"stage={stage}", f"quant/target={target or 'pow2'}"))
    torch.manual_seed(1)
    if target is None:
        state = build_network(config.model).state_dict()
    else:
        network = quantize_network(build_network(config.model), config.quant)
        batch = collate([StereoSample(str(i), *views(i)) for i in (5, 6)], [0, 1], multiple=32)
        calibrate(network, [batch], 1)
        state = network.state_dict()
    path = folder / "best.safetensors"
    meta = {"stage": stage, "step": 1, "num_steps": 1, "config": asdict(config), "run_id": None}
    save_checkpoint(path, meta, {"model": state})
    return path
