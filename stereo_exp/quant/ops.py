"""The operators of an exported network, by what they do to integers."""

from __future__ import annotations

import torch
import torch.ao.quantization.fx._decomposed
from torch.fx import Graph, Node

from stereo_exp import model

aten = torch.ops.aten

CONV = aten.conv2d.default
TRANSPOSED = aten.conv_transpose2d.input
MATMUL = aten.matmul.default
# Products and sums: their results are accumulators on a finer grid than what went in.
CONVOLUTIONS = {CONV, TRANSPOSED}
COMPUTE = {*CONVOLUTIONS, MATMUL}
WARP = model.WARP
NEAREST = aten.upsample_nearest2d.vec
CAT = aten.cat.default
PAD = aten.pad.default
SHUFFLE = aten.pixel_shuffle.default
# Values are moved, repeated, padded with zeros or left out; the grid stays.
MOVES = {
    aten.slice.Tensor,
    aten.permute.default,
    aten.transpose.int,
    aten.flip.default,
    PAD,
    aten.flatten.using_ints,
    aten.reshape.default,
    CAT,
    NEAREST,
    SHUFFLE,
    WARP,
}
# Of those, what leaves channels with grids of their own where they are.
KEEPS_CHANNELS = {PAD, NEAREST}
ADD = aten.add.Tensor
RELU = aten.relu.default
CLAMP = aten.hardtanh.default
LEAKY = aten.leaky_relu.default
RESIZE = aten.upsample_bilinear2d.vec
# By a constant; a product of two tensors is `is_product`, and computes as a convolution does.
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
    if node.target is CAT:
        return list(node.args[0])  # type: ignore[arg-type]
    if node.target in (MATMUL, ADD) or is_product(node):
        return [a for a in node.args[:2] if isinstance(a, Node)]
    return [a for a in node.args[:1] if isinstance(a, Node)]


def is_product(node: Node) -> bool:
    """Whether `node` multiplies two tensors, value by value: a gate."""
    return node.target is SCALE and isinstance(node.args[1], Node)


def is_computing(node: Node) -> bool:
    """Whether integers go in and accumulators on a finer grid come out."""
    return node.target in COMPUTE or is_product(node)


def is_move(node: Node) -> bool:
    """Whether what comes out lies on the grid of what goes in.

    A concatenation does where all its parts come from one tensor, or are views of the network's input; others are put
    on one grid behind it.
    """
    if node.target is CAT:
        sources = {source for part in tensor_inputs(node) for source in sources_of(part)}
        return len(sources) == 1 or all(source.op == "placeholder" for source in sources)
    return node.target in MOVES


def sources_of(node: Node) -> list[Node]:
    """The nodes whose values arrive at `node` through operators that only move them."""
    if not is_move(node):
        return [node]
    return [source for value in tensor_inputs(node) for source in sources_of(value)]


def channel_axis(node: Node) -> int:
    """Which axis of a convolution's weight counts its output channels: transposed ones have in×out×k×k."""
    return 1 if node.target is TRANSPOSED else 0


# Stable names for the tensors of an exported network: by module, not by the exporter's counters.


def label_nodes(graph: Graph) -> dict[Node, str]:
    """Every computing node's label: the path of the module that made it.

    Functional operators of our own modules get the operator's name behind it (`neck.add`); a module used more than
    once, or an operator that comes more than once, counts on: `aggregation.stages.0.act`, `aggregation.stages.0.act.1`.
    """
    labels: dict[Node, str] = {}
    seen: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            labels[node] = node.name
            continue
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        # Arithmetic on sizes is not of the network's tensors.
        if not isinstance(node.target, torch._ops.OpOverload) or not stack:
            continue
        path, kind = stack[-1]
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        base = path if kind.startswith("torch.nn.") else f"{path}.{_operator(node)}".lstrip(".")
        count = seen.get(base, 0)
        seen[base] = count + 1
        labels[node] = f"{base}.{count}" if count else base
    return labels


def _operator(node: Node) -> str:
    # aten.add.Tensor -> add
    return str(node.target).split(".")[1]
