"""Pairs run through a network for what its hooks see of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import nn

from stereo_exp.data.batch import StereoBatch
from stereo_exp.data.colour import normalise

log = logging.getLogger(__name__)


@torch.no_grad()
def observe(network: nn.Module, batches: Iterable[StereoBatch]) -> int:
    """Run all pairs, on the network's device and in its mode; returns how many. Those left out are logged."""
    device = next(network.parameters()).device
    pairs = 0
    for batch in batches:
        for key, reason in batch.skipped:
            log.warning("skipped %s: %s", key, reason)
        pairs += len(batch)
        if len(batch):
            network(normalise(batch.left.to(device)), normalise(batch.right.to(device)))
    return pairs
