"""Down to the operator sets of chip tool chains: 11 to 17, for graphs of fixed size.

Only what these networks consist of; anything else is refused.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import shape_inference

from stereo_exp.deploy.surgery import add_constant, edit, nodes_of, replace_nodes

# The operators of a fixed-size network, and since when they mean what they mean in 18.
_SINCE = {
    "Conv": 11, "ConvTranspose": 11, "Relu": 6, "LeakyRelu": 6, "Clip": 11, "Add": 7, "Mul": 7, "Div": 7, "MatMul": 9,
    "Concat": 11, "Slice": 11, "Transpose": 1, "Reshape": 5, "Pad": 11, "Resize": 11, "Softmax": 11,
    "QuantizeLinear": 10, "DequantizeLinear": 10,
}  # fmt: skip
# Attributes that came later and whose default is what we have.
_LATER = {"Reshape": ("allowzero",), "Resize": ("antialias", "axes", "exclude_outside", "keep_aspect_ratio_policy")}


def lower(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """`model`, of a fixed size and operator set 18 or later, in an earlier one.

    Raises:
        ValueError: an operator that has no earlier form here.
    """

    def change(edited: ir.Model) -> None:
        for node in nodes_of(edited):
            if _SINCE.get(node.op_type, 99) > opset:
                raise ValueError(f"{node.op_type} ({node.name}) has no form in operator set {opset}")
            for attribute in _LATER.get(node.op_type, ()):
                node.attributes.pop(attribute, None)
            if node.op_type == "Resize" and opset < 13:
                # Its region of interest may be left out only later; it is not looked at.
                node.replace_input_with(1, add_constant(edited, "no_region", np.zeros(0, np.float32)))
            if node.op_type == "Softmax" and opset < 13:
                _softmax_last(edited, node)
        edited.graph.opset_imports[""] = opset
        edited.ir_version = min(edited.ir_version or 10, 8)

    inferred = shape_inference.infer_shapes(model)
    return edit(inferred, change)


def _softmax_last(model: ir.Model, node: ir.Node) -> None:
    """Before 13 it ran over everything from its axis on: over the last axis alone it means the same."""
    there = ir.node("Transpose", [node.inputs[0]], {"perm": [0, 2, 3, 1]}, name=f"{node.name}/last")
    softmax = ir.node("Softmax", [there.outputs[0]], {"axis": 3}, name=node.name)
    back = ir.node("Transpose", [softmax.outputs[0]], {"perm": [0, 3, 1, 2]}, name=f"{node.name}/back")
    replace_nodes(model, [node], [there, softmax, back])
