"""`loss=distribution`: the published loss, and the matching itself supervised.

A soft-argmin learns slowly: any distribution with the right mean will do. Cross-entropy against a distribution around
the true disparity (Zhang et al., Adaptive Unimodal Cost Volume Filtering, AAAI 2020, section 3.2) says which candidate
is right. Theirs is a Laplacian; ours is the narrowest whose mean is the truth: two neighbouring candidates.
With `loss.volumes` the three correlation volumes are supervised the same way: features that match learn sooner when
told so directly than through twelve layers of aggregation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from stereo_exp.model.readout import Matched, StereoOutput, coarse_disparity

if TYPE_CHECKING:
    from torch import Tensor

    from stereo_exp.model.readout import StereoOutput


Loss = Callable[["StereoOutput", "Tensor", "Tensor", "Tensor"], "Tensor"]
"""(network output, final disparity B×H×W px, truth B×H×W px, mask B×H×W bool) -> scalar."""

# A mean over several processes' pixels. Their gradients are averaged, so that each divides its sum by the mean count.


Count = Callable[["Tensor"], "Tensor"]
_counts: ContextVar[Count | None] = ContextVar("counts", default=None)


@contextmanager
def counting(mean: Count | None) -> Iterator[None]:
    """The losses in here are this process's share of a mean over what all processes count.

    Args:
        mean: of a one-element tensor over the processes; None: there is one process.
    """
    token = _counts.set(mean)
    try:
        yield
    finally:
        _counts.reset(token)


def divide_by_count(total: Tensor, counted: Tensor) -> Tensor:
    """A sum divided by the number of what is true in `counted`, of every process where `counting` says so; 0 where
    nothing counts."""
    count, mean = counted.sum(), _counts.get()
    if mean is None:
        return total / count.clamp(min=1)
    of_all = mean(count)
    return total / of_all.where(of_all > 0, 1).to(total.dtype)


# `loss=smooth_l1`: the published loss of StereoNetPlus.


# The reference lists 1/3, 2/3, 1 and pairs them in order with the two maps it has: the third is never used.
WEIGHTS = (1 / 3, 2 / 3)


def smooth_l1(predictions: Sequence[Tensor], truth: Tensor, mask: Tensor, weights: Sequence[float] = WEIGHTS) -> Tensor:
    """Smooth-L1 (beta 1 px), mean over the mask, weighted 1/3 for the coarse map and 2/3 for the final one.

    Args:
        predictions: coarse and final disparity, B×H×W each, in px (trap T7).
        truth: B×H×W in px.
        mask: B×H×W bool, the pixels that count.
        weights: of the two.

    Returns:
        A scalar in px; 0 with zero gradient where the mask is empty.
    """
    # Masked by replacement: no gather, and an empty mask costs no special case.
    known = truth.where(mask, 0)
    total = truth.new_zeros(())
    for weight, prediction in zip(weights, predictions, strict=True):
        error = F.smooth_l1_loss(prediction.where(mask, 0), known, reduction="sum")
        total = total + weight * divide_by_count(error, mask)
    return total


def smooth_l1_loss() -> Loss:
    """`smooth_l1` of the coarse and the final map."""

    def loss(output: StereoOutput, final: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        return smooth_l1((coarse_disparity(output), final), truth, mask)

    return loss


def matching_cross_entropy(logits: Tensor, truth: Tensor, stride: int) -> Tensor:
    """Cross-entropy of the disparity distribution at 1/stride size against the truth at the centre of each cell.

    Args:
        logits: B×D×H/stride×W/stride, candidate i standing for stride·i px.
        truth: B×H×W in px; what is outside (0, stride·(D − 1)] does not count.

    Returns:
        Mean over the cells in nats; 0 with zero gradient where no cell counts.
    """
    num_candidates = logits.shape[1]
    if num_candidates == 1:
        # Of the coarsest volume of a short range: there is nothing to tell apart.
        return 0 * logits.float().mean()
    reach = stride * (num_candidates - 1)
    centre = truth[:, stride // 2 :: stride, stride // 2 :: stride]
    mask = (centre > 0) & (centre <= reach)
    position = (centre / stride).where(mask, 0)
    lower = position.long().clamp(max=num_candidates - 2)
    share = position - lower
    log_probability = F.log_softmax(logits.float(), dim=1)
    below, above = (log_probability.gather(1, (lower + i).unsqueeze(1)).squeeze(1) for i in (0, 1))
    entropy = -((1 - share) * below + share * above)
    return divide_by_count(entropy.where(mask, 0).sum(), mask)


CENTRE_SHARE = 0.8
"""What the mode at a cell's centre has at least, of two."""


def mode_cross_entropy(
    logits: Tensor, truth: Tensor, mask: Tensor, stride: int, modes: int = 2, spread: float = 0.0
) -> Tensor:
    """Cross-entropy against a distribution of one or two modes for each cell.

    After adaptive multi-modal cross-entropy (ADL, Xu et al., CVPR 2024): the depths in a window, ours is the cell,
    fall into those near the one at its centre and the others; each part is a mode at its mean, and weighs by its
    pixels, that of the centre at least `CENTRE_SHARE`.

    Args:
        logits: B×D×H/stride×W/stride, candidate i standing for stride·i px.
        truth, mask: B×H×W in px, and where it counts.
        modes: 1 takes the truth at the centre alone.
        spread: scale of the Laplacian around each mode, in candidates; 0 gives the two candidates next to it, weighed
            so that their mean is the mode.

    Returns:
        Mean over the cells whose centre counts and is no further than the last candidate, in nats; 0 with zero gradient
        where none does.
    """
    reach = stride * (logits.shape[1] - 1)
    half = stride // 2
    centre, known = (each[:, half::stride, half::stride] for each in (truth, mask))
    counts = known & (centre > 0) & (centre <= reach)
    position = (centre / stride).where(counts, 0)
    if modes == 1:
        target = _mode(position, logits.shape[1], spread)
    else:
        cells = (each.unfold(1, stride, stride).unfold(2, stride, stride).flatten(3) for each in (truth, mask))
        depths, valid = cells
        valid = valid & (depths > 0) & (depths <= reach)
        near = (depths - centre.unsqueeze(-1)).abs() <= stride
        parts = [valid & near, valid & ~near]
        means, numbers = [], []
        for part in parts:
            number = part.sum(-1)
            means.append(depths.where(part, 0).sum(-1) / number.clamp(min=1) / stride)
            numbers.append(number)
        others = numbers[0] + numbers[1] - 1
        share = numbers[1] * (1 - CENTRE_SHARE) / others.clamp(min=1)
        here, there = (_mode(mean, logits.shape[1], spread) for mean in means)
        share = share.unsqueeze(1)
        target = (1 - share) * here + share * there
    entropy = -(target * F.log_softmax(logits.float(), dim=1)).sum(1)
    return divide_by_count(entropy.where(counts, 0).sum(), counts)


def _mode(position: Tensor, number: int, spread: float) -> Tensor:
    """B×h×w positions in candidates -> B×number×h×w, a distribution around each."""
    candidates = torch.arange(number, dtype=position.dtype, device=position.device).view(1, -1, 1, 1)
    distance = (candidates - position.unsqueeze(1)).abs()
    if spread == 0:
        return (1 - distance).clamp(min=0)
    return F.softmax(-distance / spread, dim=1)


def volumes_cross_entropy(volumes: Sequence[Matched], truth: Tensor) -> Tensor:
    """Sum over the volumes of the cross-entropy of each in nats; of several groups of channels their mean matches.

    A volume is the mean of some channels' products; as logits their sum serves, as in attention.
    """
    total = truth.new_zeros(())
    for volume, stride, sharpness, groups in volumes:
        similarity = volume.float().unflatten(1, (groups, -1)).mean(1) if groups > 1 else volume.float()
        total = total + matching_cross_entropy(sharpness * similarity, truth, stride)
    return total


def distribution_loss(
    weight: float = 10.0, volumes: float = 0.0, modes: int = 1, spread: float = 0.0, coarse: float = 1.0
) -> Loss:
    """`smooth_l1_loss`, and the cross-entropy of the disparity distribution.

    Args:
        weight: px of loss for each nat.
        volumes: share of `weight` for the cross-entropy of each correlation volume itself; 0 leaves them alone.
        modes, spread: see `mode_cross_entropy`.
        coarse: share of its weight that the coarse map keeps.
    """

    def loss(output: StereoOutput, final: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        published = smooth_l1((coarse_disparity(output), final), truth, mask, (coarse * WEIGHTS[0], WEIGHTS[1]))
        stride = output.regression.stride
        if modes == 1 and spread == 0:
            entropy = matching_cross_entropy(output.logits, truth, stride)
        else:
            entropy = mode_cross_entropy(output.logits, truth, mask, stride, modes, spread)
        # A quantised network has no volumes to show: its features have long learnt to match.
        if volumes and output.volumes:
            entropy = entropy + volumes * volumes_cross_entropy(output.volumes, truth)
        return published + weight * entropy

    return loss
