"""The operators of an exported network, by what they do to integers."""

from __future__ import annotations

import torch

# Registers the operators `quantized_decomposed`, which converted graphs consist of.
import torch.ao.quantization.fx._decomposed
from torch.fx import Node

aten = torch.ops.aten

CONV = aten.conv2d.default
TRANSPOSED = aten.conv_transpose2d.input
MATMUL = aten.matmul.default
# Products and sums: their results are accumulators on a finer grid than what went in.
CONVOLUTIONS = {CONV, TRANSPOSED}
COMPUTE = {*CONVOLUTIONS, MATMUL}
# Values are moved, padded with zeros or left out; the grid stays.
MOVES = {
    aten.slice.Tensor,
    aten.permute.default,
    aten.flip.default,
    aten.pad.default,
    aten.flatten.using_ints,
    aten.reshape.default,
    aten.cat.default,
}
ADD = aten.add.Tensor
RELU = aten.relu.default
CLAMP = aten.hardtanh.default
LEAKY = aten.leaky_relu.default
RESIZE = aten.upsample_bilinear2d.vec
SCALE = aten.mul.Tensor
# Element by element (the resize nearly so), on accumulators.
ELEMENTWISE = {ADD, RELU, CLAMP, LEAKY, RESIZE, SCALE}
QUANTISE = torch.ops.quantized_decomposed.quantize_per_tensor.default
DEQUANTISE = torch.ops.quantized_decomposed.dequantize_per_tensor.default
DEQUANTISE_CHANNELS = torch.ops.quantized_decomposed.dequantize_per_channel.default


def tensor_inputs(node: Node) -> list[Node]:
    """The nodes whose values `node` computes with: without sizes and parameters."""
    if node.target in CONVOLUTIONS:
        return [node.args[0]]  # type: ignore[list-item]
    if node.target is aten.cat.default:
        return list(node.args[0])  # type: ignore[arg-type]
    if node.target in (MATMUL, ADD):
        return [a for a in node.args[:2] if isinstance(a, Node)]
    return [a for a in node.args[:1] if isinstance(a, Node)]


def channel_axis(node: Node) -> int:
    """Which axis of a convolution's weight counts its output channels: transposed ones have in×out×k×k."""
    return 1 if node.target is TRANSPOSED else 0
