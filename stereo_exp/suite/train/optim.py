"""Optimisers by name, with weight decay where the reference has it."""

from __future__ import annotations

import copy
import math
from dataclasses import fields

import torch
from torch import nn

from stereo_exp.base import arguments, group
from stereo_exp.config import Optim


def build_optimizer(config: Optim, model: nn.Module) -> torch.optim.Optimizer:
    """Two groups: parameters with `weight` in their name decay, biases do not.

    By name, as the reference does it, so that BatchNorm's scales (also called `weight`) decay too.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (decayed if "weight" in name else plain).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    beta1, beta2 = config.betas
    # What an optimiser from outside has beside the keys that all share, which say how long and how fast.
    shared = {each.name for each in fields(Optim)}
    own = {key: value for key, value in arguments(config).items() if key not in shared}
    rate = config.lr * config.lr_scale
    return group("optim")[config.name].load()(groups, lr=rate, betas=(beta1, beta2), **own)


# Exponential moving average of the weights.


class EMA:
    """A second copy of the network that follows the first slowly; its predictions are steadier.

    The decay grows with the steps, min(decay, (1 + t)/(10 + t)), so that the random start is forgotten soon.
    BatchNorm's running statistics are averaged like weights; everything else (the scales of a quantised network) is
    copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards `model` after optimiser step `step` (0-based)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averaged, current = self.model.state_dict(), model.state_dict()
        parameters = {name for name, _ in model.named_parameters()}
        floats = [
            k
            for k, v in averaged.items()
            if v.is_floating_point() and (k in parameters or k.rpartition(".")[2].startswith("running_"))
        ]
        torch._foreach_lerp_([averaged[k] for k in floats], [current[k] for k in floats], 1 - decay)
        others = list(averaged.keys() - set(floats))
        if others:
            torch._foreach_copy_([averaged[k] for k in others], [current[k] for k in others])


# The learning rate over steps.


def warmup_cosine(step: int, num_steps: int, num_warmup: int) -> float:
    """The share of the peak learning rate at `step` of 0 … num_steps − 1.

    Linear from 0 over the warm-up, then (1 + cos(π·(step − warmup)/(total − warmup)))/2, as the reference has it.
    """
    if step < num_warmup:
        return step / num_warmup
    return (1 + math.cos(math.pi * (step - num_warmup) / max(1, num_steps - num_warmup))) / 2
