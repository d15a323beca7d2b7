"""Signed activations to unsigned ones: the same numbers, 128 added to every integer and to the zero point.

OpenVINO computes wrong values with signed ones through Concat on processors without AMX, and ONNX Runtime's integer
kernels multiply unsigned activations with signed weights.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, input_of, nodes_of

_HALF = {np.dtype(np.int8): (128, np.uint8), np.dtype(np.int16): (32768, np.uint16)}


def rewrite(model: ir.Model) -> int:
    """Returns how many quantise and dequantise operators were changed."""
    zero_points: dict[ir.Value, ir.Value] = {}
    changed = 0
    for node in nodes_of(model, "QuantizeLinear", "DequantizeLinear"):
        zero_point = input_of(node, 2)
        array = constant(zero_point)
        # Weights have their integers as constants; they stay signed.
        if array is None or zero_point is None or array.dtype not in _HALF or constant(node.inputs[0]) is not None:
            continue
        if zero_point not in zero_points:
            half, unsigned = _HALF[array.dtype]
            shifted = (array.astype(np.int64) + half).astype(unsigned)
            zero_points[zero_point] = add_constant(model, f"{zero_point.name}.unsigned", shifted)
        node.replace_input_with(2, zero_points[zero_point])
        changed += 1
    if changed:
        _retype(model)
    return changed


def _retype(model: ir.Model) -> None:
    """What lies between a quantise and a dequantise operator has the new type, and pads with the new zero."""
    for node in model.graph:
        if node.op_type == "QuantizeLinear":
            zero_point = constant(input_of(node, 2))
            if zero_point is not None:
                node.outputs[0].type = ir.TensorType(ir.DataType.from_numpy(zero_point.dtype))
        elif node.op_type != "DequantizeLinear":
            types = {
                v.type for v in node.inputs if v is not None and v.dtype in (ir.DataType.UINT8, ir.DataType.UINT16)
            }
            if len(types) == 1 and node.op_type in ("Slice", "Transpose", "Concat", "Reshape", "Flatten", "Gather"):
                node.outputs[0].type = types.pop()
            elif types and node.op_type == "Pad":
                raise NotImplementedError("integers padded with zeros would be padded with −zero_point")
