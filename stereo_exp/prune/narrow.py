"""A network's weights for one that is the same but for fewer channels inside its units."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from stereo_exp.data.batch import StereoBatch
from stereo_exp.model.backbone.mixvargenet import MixVarGEUnit
from stereo_exp.observe import observe
from stereo_exp.prune.channels import keep_channels

log = logging.getLogger(__name__)


@torch.no_grad()
def narrow(wide: nn.Module, model: nn.Module, batches: Iterable[StereoBatch]) -> int:
    """Give `model` the weights of `wide`, and inside each narrower unit the channels that can least be done without.

    What the unit's second convolution makes of them is fitted by least squares to what it made of all, over every pixel
    of `batches`; see `keep_channels`.

    Args:
        wide: a float network with its weights, on the device to compute on; stays as it is.
        model: its weights are overwritten.
        batches: uint8 pairs to fit on.

    Returns:
        How many pairs that were; 0: nothing was done.
    """
    units = dict(_units(model))
    narrowed = {name: unit for name, unit in _units(wide) if unit.middle != units[name].middle}
    grams = {name: _Gram(unit.conv2[0]) for name, unit in narrowed.items()}
    training = wide.training
    wide.eval()
    try:
        pairs = observe(wide, batches)
    finally:
        wide.train(training)
        for gram in grams.values():
            gram.hook.remove()
    if not pairs:
        return 0
    state = wide.state_dict()
    for name, unit in narrowed.items():
        state |= _narrowed(name, unit, grams[name].sum, units[name].middle, state)
    model.load_state_dict(state)
    return pairs


class _Gram:
    """The sum of [x, 1]·[x, 1]ᵀ over the pixels that a layer sees."""

    def __init__(self, layer: nn.Module) -> None:
        self.sum = torch.zeros(())
        self.hook = layer.register_forward_pre_hook(self._add)

    def _add(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pixels = inputs[0].transpose(0, 1).flatten(1).double()
        ones = torch.ones_like(pixels[:1])
        pixels = torch.cat([pixels, ones])
        self.sum = self.sum.to(pixels.device) + pixels @ pixels.T


def _units(model: nn.Module) -> Iterable[tuple[str, MixVarGEUnit]]:
    return ((name, module) for name, module in model.named_modules() if isinstance(module, MixVarGEUnit))


def _narrowed(
    name: str, unit: MixVarGEUnit, gram: Tensor, count: int, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The unit's tensors, by their names in `state`, with `count` channels in its middle."""
    weight, bias = state[f"{name}.conv2.0.weight"], state[f"{name}.conv2.0.bias"]
    norm = unit.conv2[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kept = keep_channels(gram, weight[:, :, 0, 0], count, unit.groups, scale)
    log.info("%s: %d of %d channels; %.2g of the variance is lost", name, count, unit.middle, kept.error)
    out = {
        # All but the counter of batches have a value or a filter for each channel.
        key: value[kept.channels.to(value.device)] if value.ndim else value
        for key, value in state.items()
        if key.startswith(f"{name}.conv1.")
    }
    out[f"{name}.conv2.0.weight"] = kept.weight[:, :, None, None].to(weight)
    out[f"{name}.conv2.0.bias"] = bias + kept.bias.to(bias)
    return out
