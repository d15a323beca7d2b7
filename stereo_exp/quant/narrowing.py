"""A network's weights for one that is the same but for fewer channels inside its units."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stereo_exp.base import ArgumentError
from stereo_exp.data import StereoBatch
from stereo_exp.model import ExpandingUnit
from stereo_exp.quant.unfolding import observe

# Which inputs of a linear map can go, and what the others have to become: least squares, one input at a time.
#
# The criterion is that of the optimal brain surgeon (Hassibi and Stork, 1993), on the outputs of one layer as in
# channel pruning (He et al., ICCV 2017): of all inputs the one goes whose loss the others make up for best.


# Of the mean square of the inputs: keeps the inverse finite where inputs are dead or copies of each other.
_DAMPING = 1e-9


class Kept(NamedTuple):
    """What remains of a linear map y = W·x.

    Attributes:
        channels: int64, the inputs that stay, in their order.
        weight: float64 outputs×len(channels), to be used in place of W's columns.
        bias: float64 outputs, to be added.
        error: mean square of what is lost, over that of y without its mean, as the choice weighs outputs.
    """

    channels: Tensor
    weight: Tensor
    bias: Tensor
    error: float


def keep_channels(gram: Tensor, weight: Tensor, count: int, groups: int = 1, scale: Tensor | None = None) -> Kept:
    """Leave `count` inputs so that W·x changes least, the remaining weights and a bias fitted anew.

    Args:
        gram: float64 (n+1)×(n+1), the sum of [x, 1]·[x, 1]ᵀ over samples of the n inputs.
        weight: W, outputs×n.
        count: how many stay, a multiple of `groups`.
        groups: of equally many neighbours each; equally many of each stay.
        scale: how much each output counts when inputs are chosen; None: all the same.
    """
    inputs = weight.shape[1]
    weight = weight.double().cpu()
    moments = gram.cpu() / gram[-1, -1].cpu()
    damped = moments + _DAMPING * moments.diagonal().mean() * torch.eye(inputs + 1, dtype=torch.float64)
    wanted = damped[:, :inputs] @ weight.T
    counts = torch.ones(len(weight), dtype=torch.float64) if scale is None else scale.double().cpu()
    alive = _choose(damped, weight.T * counts, count // groups, groups)
    chosen = torch.cat([alive, torch.ones(1, dtype=torch.bool)])
    fitted = torch.linalg.solve(damped[chosen][:, chosen], wanted[chosen])
    change = torch.zeros(inputs + 1, len(weight), dtype=torch.float64)
    change[chosen] = fitted
    change[:inputs] -= weight.T
    return Kept(
        alive.nonzero().flatten(), fitted[:-1].T, fitted[-1], _relative_error(moments, weight.T, change, counts)
    )


def _choose(gram: Tensor, weight: Tensor, per_group: int, groups: int) -> Tensor:
    """Bool, of the inputs that stay. The last row of `gram`, the constant, always does."""
    inputs = len(gram) - 1
    group_of = torch.arange(inputs) * groups // inputs
    alive = torch.ones(inputs, dtype=torch.bool)
    inverse = torch.linalg.inv(gram)
    # With all inputs the fit is known. Computed by the inverse, that of inputs which tell each other is anything.
    fitted = torch.cat([weight, torch.zeros_like(weight[:1])])
    for _ in range(inputs - per_group * groups):
        may_go = alive & (torch.bincount(group_of[alive], minlength=groups) > per_group)[group_of]
        loss = fitted[:-1].square().sum(1) / inverse.diagonal()[:-1]
        gone = int(torch.where(may_go, loss, torch.inf).argmin())
        alive[gone] = False
        # Without one row and column, the inverse and the fit follow from what they were.
        column = inverse[:, gone] / inverse[gone, gone]
        fitted = fitted - torch.outer(column, fitted[gone])
        inverse = inverse - torch.outer(column, inverse[gone])
    return alive


def _relative_error(moments: Tensor, weight: Tensor, change: Tensor, scale: Tensor) -> float:
    lost = ((moments @ change) * change).sum(0) @ scale.square()
    mean = moments[-1, :-1]
    spread = moments[:-1, :-1] - torch.outer(mean, mean)
    whole = ((spread @ weight) * weight).sum(0) @ scale.square()
    return float((lost / whole.clamp(min=torch.finfo().tiny)).clamp(min=0))


log = logging.getLogger(__name__)


@torch.no_grad()
def narrow(wide: nn.Module, model: nn.Module, batches: Iterable[StereoBatch]) -> int:
    """Give `model` the weights of `wide`, and inside each narrower unit the channels that can least be done without.

    A unit is an `ExpandingUnit`. What its second convolution makes of them is fitted by least squares to what it made
    of all, over every pixel of `batches`; see `keep_channels`.

    Args:
        wide: a float network with its weights, on the device to compute on; stays as it is.
        model: its weights are overwritten.
        batches: uint8 pairs to fit on.

    Returns:
        How many pairs that were; 0: nothing was done.

    Raises:
        UserError: more differs between the two than the middles of such units.
    """
    units = dict(_units(model))
    narrowed = {name: unit for name, unit in _units(wide) if name in units and unit.middle != units[name].middle}
    _check_rest(wide, model, narrowed)
    grams = {name: _Gram(_inner(unit)[1]) for name, unit in narrowed.items()}
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


def _units(model: nn.Module) -> Iterable[tuple[str, ExpandingUnit]]:
    return ((name, module) for name, module in model.named_modules() if isinstance(module, ExpandingUnit))


def _inner(unit: ExpandingUnit) -> tuple[nn.Module, nn.Module, nn.BatchNorm2d]:
    """Both convolutions of a unit, and the BatchNorm behind the second."""
    first, second = (unit.get_submodule(name) for name in unit.inside)
    conv1, conv2, norm = first[0], second[0], second[1]  # type: ignore[index]
    assert isinstance(norm, nn.BatchNorm2d)
    return conv1, conv2, norm


def _check_rest(wide: nn.Module, model: nn.Module, narrowed: Mapping[str, ExpandingUnit]) -> None:
    """Refuse networks that differ in tensors outside of these units."""
    inside = tuple(f"{name}.{part}." for name, unit in narrowed.items() for part in unit.inside)
    theirs, ours = ({k: v.shape for k, v in each.state_dict().items()} for each in (wide, model))
    for key in theirs | ours:
        if theirs.get(key) != ours.get(key) and not key.startswith(inside):
            sizes = ["×".join(map(str, each[key])) if key in each else "not there" for each in (theirs, ours)]
            rule = f"{key} is {sizes[0]} in it and {sizes[1]} in the other, and in no unit that can be narrowed"
            raise ArgumentError("wide", None, rule, "give {wide} the same network, or train from random weights")


def _narrowed(
    name: str, unit: ExpandingUnit, gram: Tensor, count: int, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The unit's tensors, by their names in `state`, with `count` channels in its middle."""
    first, second = (f"{name}.{part}" for part in unit.inside)
    weight = state[f"{second}.0.weight"]
    norm = _inner(unit)[2]
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kept = keep_channels(gram, weight[:, :, 0, 0], count, unit.groups, scale)
    log.info("%s: %d of %d channels; %.2g of the variance is lost", name, count, unit.middle, kept.error)
    out = {
        # All but the counter of batches have a value or a filter for each channel.
        key: value[kept.channels.to(value.device)] if value.ndim else value
        for key, value in state.items()
        if key.startswith(f"{first}.")
    }
    out[f"{second}.0.weight"] = kept.weight[:, :, None, None].to(weight)
    # A convolution without a bias leaves it to its BatchNorm, which subtracts the mean.
    place, sign = (f"{second}.0.bias", 1) if f"{second}.0.bias" in state else (f"{second}.1.running_mean", -1)
    out[place] = state[place] + sign * kept.bias.to(state[place])
    return out
