"""Parameters and multiply-accumulates of a network, part by part.

`gmac` in reports and texts is the total of a prediction (23.5 for StereoNetPlus at 544×960). The published table counts
a pass of training, where the detail branches see both views: 24.3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from stereo_exp.model.cost_volume import CorrelationVolume


class Cost(NamedTuple):
    """What one part costs."""

    parameters: int
    macs: int


def profile(model: nn.Module, height: int, width: int, training: bool = False) -> dict[str, Cost]:
    """Count one pair of height×width images (multiples of the network's) through convolutions and correlation.

    Args:
        training: count as in training, where the detail branches see both views.

    Returns:
        Part -> cost, `total` last: of the trunk the stem and each stage, of the others what they are made of
        (`neck.lateral`, `upsampling.mod1`). The correlation counts what its definition needs, candidates × pixels ×
        channels, not what the matrix product does.
    """
    macs: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(_counter(name, macs))
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, CorrelationVolume))
    ]
    was_training = model.training
    state = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train(training)
    device = next(model.parameters()).device
    image = torch.zeros(1, 3, height, width, device=device)
    try:
        with torch.no_grad():
            model(image, image)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
        # A pass in training mode moved BatchNorm's statistics.
        for name, buffer in model.named_buffers():
            buffer.copy_(state[name])
    parameters: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        parameters[name] = parameter.numel()
    names = dict.fromkeys(_part(name) for name in (*macs, *parameters))
    costs = {
        part: Cost(*(sum(n for name, n in counts.items() if _part(name) == part) for counts in (parameters, macs)))
        for part in names
    }
    costs["total"] = Cost(sum(parameters.values()), sum(macs.values()))
    return costs


def _part(name: str) -> str:
    """The part that a module or a parameter belongs to."""
    names = name.split(".")
    return ".".join(names[: 3 if names[:2] == ["backbone", "stages"] else 2])


def _counter(name: str, macs: dict[str, int]):  # type: ignore[no-untyped-def]
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, CorrelationVolume):
            count = inputs[0].numel() * module.num_disparities
        else:
            # A convolution multiplies its kernel at every output pixel, a transposed one at every input pixel.
            pixels = output if isinstance(module, nn.Conv2d) else inputs[0]
            count = module.weight.numel() * pixels.shape[0] * pixels.shape[-2] * pixels.shape[-1]  # type: ignore
        macs[name] = macs.get(name, 0) + count

    return hook
