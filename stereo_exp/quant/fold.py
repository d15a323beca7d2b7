"""BatchNorm into the convolution before it, for good."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """A copy of `model` in evaluation mode in which every convolution has taken over its BatchNorm.

    Transposed convolutions too. Names of the convolutions stay; BatchNorms become identities, convolutions without a
    bias get one.
    """
    folded = copy.deepcopy(model).eval()
    for parent in folded.modules():
        if not isinstance(parent, nn.Sequential):
            continue
        for i, (layer, norm) in enumerate(zip(list(parent)[:-1], list(parent)[1:], strict=True)):
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d):
                parent[i] = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
                parent[i + 1] = nn.Identity()
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise NotImplementedError(f"BatchNorm {left[0]} does not follow a convolution in an nn.Sequential")
    return folded
