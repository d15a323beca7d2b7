"""Which inputs of a linear map can go, and what the others have to become: least squares, one input at a time.

The criterion is that of the optimal brain surgeon (Hassibi and Stork, 1993), on the outputs of one layer as in channel
pruning (He et al., ICCV 2017): of all inputs the one goes whose loss the others make up for best.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

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
