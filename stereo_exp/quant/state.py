"""What a checkpoint of a quantised network holds, and the way back.

Of `calib` and `qat`: folded float weights and every scale, by the tensors' stable names. Of `int_infer`: int8 weights,
int32 biases and the scales, a quarter of the size; the float numbers that they stand for are integers times scales.
Its JSON also holds the exported graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from stereo_exp.model import Checkpoint, load_weights
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.network import QuantisedStereoNet
from stereo_exp.quant.targets import dequantize, quantize

# What only training needs, to go on where it was interrupted; the scales hold what became of it.
_TRAINING_ONLY = (".log_scale", ".range")


def load_quantized(network: QuantisedStereoNet, checkpoint: Checkpoint) -> None:
    """Weights and scales from a checkpoint, learned and observed scales as they were last.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    state = {k: v for k, v in checkpoint.part("model").items() if not k.endswith(_TRAINING_ONLY)}
    tensors = {f"model/{k}": v for k, v in _to_floats(network, state).items()}
    for quantiser in network.quantizers(ActivationQuantiser):
        quantiser.log_scale = quantiser.range = None
    load_weights(network, Checkpoint(checkpoint.meta, tensors, checkpoint.path))


def integer_state(network: QuantisedStereoNet) -> dict[str, Tensor]:
    """The state of a fake-quantised network with its parameters as the integers that they round to."""
    state = {k: v for k, v in network.state_dict().items() if not k.endswith(_TRAINING_ONLY)}
    for name, quantiser, scale, axis in _parameters(network, state):
        shaped = _along(scale, state[name], axis)
        dtype = torch.int32 if isinstance(quantiser, PerChannelBiasQuantiser) else torch.int8
        if quantiser.numbers.bits > 8 and dtype == torch.int8:
            dtype = torch.int16
        state[name] = quantize(state[name].detach(), shaped, 0, quantiser.numbers).to(dtype)
    return state


def _to_floats(network: QuantisedStereoNet, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out = dict(state)
    for name, _, scale, axis in _parameters(network, state):
        # What does not fit stays as it is: loading will refuse it by name.
        fits = name in state and state[name].ndim > axis and scale.shape == (state[name].shape[axis],)
        if fits and not state[name].is_floating_point():
            out[name] = dequantize(state[name].float(), _along(scale, state[name], axis), 0)
    return out


def _parameters(
    network: QuantisedStereoNet, state: Mapping[str, Tensor]
) -> Iterator[tuple[str, Quantiser, Tensor, int]]:
    """(parameter, its quantiser, the scales that `state` has for it, their axis)."""

    def scale_of(quantiser: Quantiser) -> Tensor:
        return state.get(f"trunk.quant.{quantiser.label.replace('.', '-')}.scale", quantiser.scale)

    for quantiser in network.quantizers(Quantiser):
        if isinstance(quantiser, PerChannelWeightQuantiser):
            yield f"trunk.{quantiser.label}", quantiser, scale_of(quantiser), quantiser.ch_axis
        elif isinstance(quantiser, PerChannelBiasQuantiser):
            activation, weight = quantiser.parents
            yield f"trunk.{quantiser.label}", quantiser, scale_of(activation) * scale_of(weight), 0


def _along(scale: Tensor, like: Tensor, axis: int) -> Tensor:
    shape = [1] * like.ndim
    shape[axis] = -1
    return scale.view(shape)
