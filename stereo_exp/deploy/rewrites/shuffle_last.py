"""A pixel shuffle behind the ReLU and the quantise operator instead of before them.

All three work value by value, so that their order is free. The convolution then has its ReLU and rounding in its own
kernel, and what is shuffled is a quarter of the bytes.
"""

from __future__ import annotations

import onnx_ir as ir

from stereo_exp.deploy.surgery import nodes_of, only_user, replace_nodes

_MOVED = ("Relu", "QuantizeLinear")


def rewrite(model: ir.Model) -> int:
    """Returns how many operators changed places with a pixel shuffle."""
    changed = 0
    for shuffle in nodes_of(model, "DepthToSpace"):
        while (behind := only_user(shuffle.outputs[0])) is not None and behind.op_type in _MOVED:
            shuffle = _exchange(model, shuffle, behind)
            changed += 1
    return changed


def _exchange(model: ir.Model, shuffle: ir.Node, behind: ir.Node) -> ir.Node:
    """shuffle -> behind becomes behind -> shuffle; returns the new shuffle."""
    first = ir.node(behind.op_type, [shuffle.inputs[0], *behind.inputs[1:]], behind.attributes, name=str(behind.name))
    second = ir.node("DepthToSpace", [first.outputs[0]], shuffle.attributes, name=str(shuffle.name))
    first.outputs[0].name, first.outputs[0].type = f"{behind.outputs[0].name}.parities", behind.outputs[0].type
    replace_nodes(model, [behind, shuffle], [first, second])
    return second
