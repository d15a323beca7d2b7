"""`stage=float`: ordinary training, from random weights or from `init_from`.

That is a float or a quantised network, the same or one with wider units, which are narrowed.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stereo_exp.base import UserError
from stereo_exp.config import Root
from stereo_exp.data import StereoLoader
from stereo_exp.model import Checkpoint, load_checkpoint
from stereo_exp.suite.build import build_network
from stereo_exp.suite.restore import network_of, restore
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_resumable, find_start
from stereo_exp.suite.runs.launch import launch
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.train.device import choose
from stereo_exp.suite.train.loop import run_training

log = logging.getLogger(__name__)
# First batches of the training split. When a quantised network becomes a float one again, BatchNorm gets its statistics
# of them; units are narrowed so as to change what they make of them least.
_BATCHES = 20


def train(context: RunContext) -> dict[str, Any]:
    """Train, evaluate, draw; returns the report's part: checkpoint, counts and the metrics of the best weights."""
    return launch(partial(_train, start_path=find_start(context), resume=find_resumable(context)), context)


def _train(context: RunContext, process: Process, start_path: Path | None, resume: Path | None) -> dict[str, Any]:
    config = context.config
    compute = choose(config.machine, process)
    torch.manual_seed(config.seed)
    model = build_network(config.model)
    start = None if start_path is None else load_checkpoint(start_path)
    if start is not None and resume is None:
        _take_weights(model.to(compute.device), start, config)
        log.info("starting from %s (step %d)", start.path, start.meta["step"])
    return run_training(context, model, compute, process, start=start, resume=resume)


def _take_weights(model: nn.Module, start: Checkpoint, config: Root) -> None:
    theirs = network_of(start.meta).model
    source = restore(start)
    if start.meta["stage"] != "float":
        from stereo_exp.quant import unfold

        device = next(model.parameters()).device
        unfolded = build_network(theirs).to(device)
        if not unfold(source.to(device), unfolded, _batches(config)):
            raise _no_pairs(config, "BatchNorm has no statistics")
        source = unfolded
    if theirs == config.model:
        model.load_state_dict(source.state_dict())
        return
    from stereo_exp.quant import narrow

    if not narrow(source.to(next(model.parameters()).device), model, _batches(config)):
        raise _no_pairs(config, "channels cannot be compared")


def _batches(config: Root) -> StereoLoader:
    return Splits(config, config.model.multiple, truth=False).calibration(config.loader.batch_size, _BATCHES)


def _no_pairs(config: Root, what: str) -> UserError:
    return UserError("dataset", config.dataset.name, f"no pair could be read: {what}", "mend the data, see the log")
