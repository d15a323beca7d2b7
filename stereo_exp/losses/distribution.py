"""`loss=distribution`: the published loss, and the matching itself supervised.

A soft-argmin learns slowly: any distribution with the right mean will do. Cross-entropy against a distribution around
the true disparity (Zhang et al., Adaptive Unimodal Cost Volume Filtering, AAAI 2020, section 3.2) says which candidate
is right. Theirs is a Laplacian; ours is the narrowest whose mean is the truth: two neighbouring candidates.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from stereo_exp.losses import Loss
from stereo_exp.losses.smooth_l1 import smooth_l1
from stereo_exp.model.postprocess import UPSAMPLING, coarse_disparity
from stereo_exp.model.regression import StereoOutput


def matching_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of the disparity distribution at 1/8 size against the truth at the centre of each cell.

    Args:
        logits: B×D×H/8×W/8, candidate i standing for 8·i px.
        truth: B×H×W in px; what is outside (0, 8·(D − 1)] does not count.

    Returns:
        Mean over the cells in nats; 0 with zero gradient where no cell counts.
    """
    num_candidates = logits.shape[1]
    reach = UPSAMPLING * (num_candidates - 1)
    centre = truth[:, UPSAMPLING // 2 :: UPSAMPLING, UPSAMPLING // 2 :: UPSAMPLING]
    mask = (centre > 0) & (centre <= reach)
    position = (centre / UPSAMPLING).where(mask, 0)
    lower = position.long().clamp(max=num_candidates - 2)
    share = position - lower
    log_probability = F.log_softmax(logits.float(), dim=1)
    below, above = (log_probability.gather(1, (lower + i).unsqueeze(1)).squeeze(1) for i in (0, 1))
    entropy = -((1 - share) * below + share * above)
    return entropy.where(mask, 0).sum() / mask.sum().clamp(min=1)


def build(config: object) -> Loss:
    """From a `Distribution` config node."""
    weight: float = config.weight  # type: ignore[attr-defined]

    def loss(output: StereoOutput, final: Tensor, truth: Tensor, mask: Tensor, maxdisp: int) -> Tensor:
        published = smooth_l1((coarse_disparity(output, maxdisp), final), truth, mask)
        return published + weight * matching_cross_entropy(output.logits, truth)

    return loss
