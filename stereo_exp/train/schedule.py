"""The learning rate over steps."""

from __future__ import annotations

import math


def warmup_cosine(step: int, num_steps: int, num_warmup: int) -> float:
    """The share of the peak learning rate at `step` of 0 … num_steps − 1.

    Linear from 0 over the warm-up, then (1 + cos(π·(step − warmup)/(total − warmup)))/2, as the reference has it.
    """
    if step < num_warmup:
        return step / num_warmup
    return (1 + math.cos(math.pi * (step - num_warmup) / max(1, num_steps - num_warmup))) / 2
