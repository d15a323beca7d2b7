"""`stage=qat`: fine-tuning of the fake-quantised network, from calibration's scales."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stereo_exp.config import QatScheme
from stereo_exp.model import load_checkpoint
from stereo_exp.quant import QuantisedStereoNet
from stereo_exp.suite.restore import restore
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_resumable, find_start
from stereo_exp.suite.runs.launch import launch
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.train.device import choose
from stereo_exp.suite.train.loop import run_training

log = logging.getLogger(__name__)


def train(context: RunContext) -> dict[str, Any]:
    """Train, evaluate, draw; the report's part is that of a float run."""

    start = find_start(context)
    assert start is not None
    return launch(partial(_train, start_path=start, resume=find_resumable(context)), context)


def _train(context: RunContext, process: Process, start_path: Path, resume: Path | None) -> dict[str, Any]:
    config = context.config
    compute = choose(config.machine, process)
    torch.manual_seed(config.seed)
    start = load_checkpoint(start_path)
    network = restore(start, config.quant)
    log.info("starting from %s (step %d)", start.path, start.meta["step"])
    assert isinstance(config.quant.stage, QatScheme)
    policy = _Scales(network, config.quant.stage)
    return run_training(context, network, compute, process, start=start, resume=resume, before_step=policy.before_step)


class _Scales:
    """Which scales move, and until when."""

    def __init__(self, network: QuantisedStereoNet, scheme: QatScheme) -> None:
        from stereo_exp.quant import ActivationQuantiser, PerChannelWeightQuantiser

        self.network, self.scheme, self.frozen = network, scheme, False
        network.observe(True, PerChannelWeightQuantiser)
        if scheme.scales == "observed":
            network.observe(True, ActivationQuantiser)
            for quantiser in network.quantizers(ActivationQuantiser):
                quantiser.follow()
        elif scheme.scales == "learned":
            for quantiser in network.quantizers(ActivationQuantiser):
                quantiser.learn()

    def before_step(self, step: int, num_steps: int) -> None:
        from stereo_exp.quant import ActivationQuantiser, Quantiser, settle_accumulators

        freeze_at = self.scheme.freeze_at * num_steps
        if self.frozen or step < freeze_at:
            return
        self.frozen = True
        self.network.observe(False, Quantiser)
        for quantiser in self.network.quantizers(ActivationQuantiser):
            quantiser.settle()
        # A run that goes on beyond this point has settled them before: once, or they would move again.
        if step - 1 < freeze_at:
            settle_accumulators(self.network)
            log.info("step %d: scales frozen", step)
