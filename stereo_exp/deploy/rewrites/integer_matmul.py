"""1×1 convolutions whose sums go on unrounded (into a residual add, a resize) as integer matrix products.

ONNX Runtime has an integer convolution only where a quantise operator follows. Its `MatMulIntegerToFloat` multiplies
integers and puts out the sums times their scales.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, input_of, nodes_of, only_user, replace_nodes

_DOMAIN = "com.microsoft"


def rewrite(model: ir.Model) -> int:
    """Returns how many convolutions were replaced."""
    changed = 0
    for node in nodes_of(model, "Conv"):
        user = only_user(node.outputs[0])
        # Right before a quantise operator the integer convolution is as good.
        if user is not None and user.op_type == "QuantizeLinear":
            continue
        made = _product(model, node)
        if made is None:
            continue
        replace_nodes(model, [node], made)
        changed += 1
    if changed:
        model.graph.opset_imports[_DOMAIN] = 1
    return changed


def _product(model: ir.Model, node: ir.Node) -> list[ir.Node] | None:
    """The nodes in place of a convolution; None where it is another kind or not of integers."""
    dequantise, weight = (value.producer() if value is not None else None for value in node.inputs[:2])
    if dequantise is None or weight is None or {dequantise.op_type, weight.op_type} != {"DequantizeLinear"}:
        return None
    integers, scales = constant(weight.inputs[0]), constant(weight.inputs[1])
    zero_point = input_of(dequantise, 2)
    if integers is None or scales is None or integers.shape[2:] != (1, 1) or integers.dtype != np.int8:
        return None
    kind = constant(zero_point)
    if kind is None or kind.dtype not in (np.uint8, np.int8) or node.attributes.get_int("group", 1) != 1:
        return None
    name = str(node.name)
    made: list[ir.Node] = []
    value = dequantise.inputs[0]
    strides = tuple(node.attributes.get_ints("strides", (1, 1)))
    if strides != (1, 1):
        bounds = [np.asarray(v, np.int64) for v in ([0, 0], [2**62] * 2, [2, 3], strides)]
        inputs = [
            add_constant(model, f"{name}.{k}", v) for k, v in zip(("from", "to", "axes", "step"), bounds, strict=True)
        ]
        made.append(ir.node("Slice", [value, *inputs], name=f"{name}/Slice"))
        value = made[-1].outputs[0]
    made.append(ir.node("Transpose", [value], {"perm": [0, 2, 3, 1]}, name=f"{name}/last"))
    matrix = np.ascontiguousarray(integers[:, :, 0, 0].T)
    bias = None
    if len(node.inputs) > 2:
        found = node.inputs[2].producer() if node.inputs[2] is not None else None
        parts = [constant(v) for v in found.inputs[:2]] if found is not None else []
        if len(parts) < 2 or parts[0] is None or parts[1] is None:
            return None
        # Exact for power-of-two scales: integers below 2^24.
        bias = add_constant(model, f"{name}.bias", (parts[0] * parts[1]).astype(np.float32))
    made.append(
        ir.node(
            "MatMulIntegerToFloat",
            [
                made[-1].outputs[0],
                add_constant(model, f"{name}.matrix", matrix),
                dequantise.inputs[1],
                add_constant(model, f"{name}.scales", scales.astype(np.float32)),
                zero_point,
                add_constant(model, f"{name}.zero", np.zeros(len(scales), np.int8)),
                bias,
            ],
            domain=_DOMAIN,
            name=name,
        )
    )
    made.append(ir.node("Transpose", [made[-1].outputs[0]], {"perm": [0, 3, 1, 2]}, name=f"{name}/back"))
    return made
