"""BatchNorm into the convolution before it, for good."""

from __future__ import annotations

import copy
import itertools

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """A copy of `model` in evaluation mode in which every convolution has taken over its BatchNorm.

    Transposed convolutions too. Names of the convolutions stay; BatchNorms become identities, convolutions without a
    bias get one.
    """
    folded = copy.deepcopy(model).eval()
    for name, norm_name in folded_pairs(model).items():
        layer, norm = folded.get_submodule(name), folded.get_submodule(norm_name)
        assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
        folded.set_submodule(name, fused)
        folded.set_submodule(norm_name, nn.Identity())
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise NotImplementedError(f"BatchNorm {left[0]} does not follow a convolution in an nn.Sequential")
    return folded


def folded_pairs(model: nn.Module) -> dict[str, str]:
    """The convolutions of `model` that a BatchNorm follows, and that BatchNorm, by name."""
    pairs = {}
    for prefix, parent in model.named_modules():
        if isinstance(parent, nn.Sequential):
            path = f"{prefix}." if prefix else ""
            layers = list(parent.named_children())
            for (name, layer), (norm_name, norm) in itertools.pairwise(layers):
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d):
                    pairs[path + name] = path + norm_name
    return pairs
