"""From a quantised network back to a float one: what quantisation-aware training taught the weights is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stereo_exp.data import StereoBatch
from stereo_exp.model import normalize
from stereo_exp.quant.network import QuantisedStereoNet
from stereo_exp.quant.trunk import find_batchnorms, fold_batchnorm

# Pairs run through a network for what its hooks see of them.


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
            network(normalize(batch.left.to(device)), normalize(batch.right.to(device)))
    return pairs


@torch.no_grad()
def unfold(network: QuantisedStereoNet, model: nn.Module, batches: Iterable[StereoBatch]) -> int:
    """Give `model` the weights of `network`, unrounded, so that both compute the same where nothing rounds.

    Its BatchNorms, which the quantised network has no more, get the statistics of `batches` and scale and shift so as
    to change nothing: training can go on, with statistics of its own batches or with these.

    Args:
        network: fake-quantised, of the same configuration as `model`; stays as it is.
        model: float; its weights are overwritten.
        batches: pairs to measure statistics on.

    Returns:
        How many pairs that were; 0: nothing was done.
    """
    folded = fold_batchnorm(model)
    folded.load_state_dict(dict(network.trunk.named_parameters()))
    folded = folded.to(next(model.parameters()).device)
    norms = find_batchnorms(model)
    seen = {name: _Statistics(folded.get_submodule(name)) for name in norms}
    pairs = observe(folded, batches)
    if not pairs:
        return 0
    state = model.state_dict()
    state |= {name: value for name, value in folded.state_dict().items() if name in state}
    for name, norm_name in norms.items():
        norm = model.get_submodule(norm_name)
        assert isinstance(norm, nn.BatchNorm2d)
        bias = folded.get_submodule(name).bias
        mean, variance = seen[name].moments()
        assert isinstance(bias, Tensor)
        state[f"{norm_name}.weight"] = torch.sqrt(variance + norm.eps)
        state[f"{norm_name}.bias"] = mean
        state[f"{norm_name}.running_mean"] = mean - bias
        state[f"{norm_name}.running_var"] = variance
        if f"{name}.bias" in state:
            state[f"{name}.bias"] = torch.zeros_like(bias)
    model.load_state_dict(state)
    return pairs


class _Statistics:
    """Mean and variance of a layer's output, by channel."""

    def __init__(self, layer: nn.Module) -> None:
        self.count, self.sums = 0, torch.zeros(())
        layer.register_forward_hook(self._add)

    def _add(self, layer: nn.Module, inputs: object, output: Tensor) -> None:
        values = output.double().transpose(0, 1).flatten(1)
        self.sums = self.sums + torch.stack([values.sum(1), values.square().sum(1)])
        self.count += values.shape[1]

    def moments(self) -> tuple[Tensor, Tensor]:
        mean, square = self.sums / self.count
        return mean.float(), (square - mean.square()).clamp(min=0).float()
