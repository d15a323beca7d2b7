"""Exponential moving average of the weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


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
