"""Optimisers by name, with weight decay where the reference has it."""

from __future__ import annotations

import torch
from torch import nn

from stereo_exp.config.training import Optim
from stereo_exp.registry import Registry

OPTIMISERS = Registry(
    "optim",
    {"adam": "torch.optim:Adam", "adamw": "torch.optim:AdamW", "muon": "stereo_exp.train.muon:Muon"},
)


def build_optimiser(config: Optim, model: nn.Module) -> torch.optim.Optimizer:
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
    return OPTIMISERS[config.name](groups, lr=config.lr * config.lr_scale, betas=(beta1, beta2))
