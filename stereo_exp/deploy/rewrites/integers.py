"""1×1 convolutions whose sums go on unrounded (into a residual add, a resize) as integer matrix products.

ONNX Runtime has an integer convolution only where a quantise operator follows. Its `MatMulIntegerToFloat` multiplies
integers and puts out the sums times their scales.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, input_of, nodes_of, only_user, replace_nodes

_DOMAIN = "com.microsoft"


def multiply_integers(model: ir.Model) -> int:
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


# Concatenate integers, then dequantise once: a quarter of the bytes, and the convolution behind sees integers.


def concat_integers(model: ir.Model) -> int:
    """Returns how many concatenations of dequantised tensors on one grid were changed."""
    changed = 0
    for node in nodes_of(model, "Concat"):
        sources = [value.producer() if value is not None else None for value in node.inputs]
        if any(s is None or s.op_type != "DequantizeLinear" for s in sources) or not _one_grid(sources):
            continue
        first = sources[0]
        assert first is not None
        axis = node.attributes["axis"].as_int()
        joined = ir.node("Concat", [s.inputs[0] for s in sources if s is not None], {"axis": axis}, name=str(node.name))
        joined.outputs[0].name = f"{node.outputs[0].name}.integers"
        joined.outputs[0].type = first.inputs[0].type if first.inputs[0] is not None else None
        back = ir.node("DequantizeLinear", [joined.outputs[0], *first.inputs[1:]], name=f"{node.name}/DequantizeLinear")
        replace_nodes(model, [node], [joined, back])
        changed += 1
    return changed


def _one_grid(nodes: list[ir.Node | None]) -> bool:
    grids = [[constant(value) for value in node.inputs[1:]] for node in nodes if node is not None]
    if any(value is None or value.size != 1 for grid in grids for value in grid):
        return False
    return all(
        len(grid) == len(grids[0]) and all(np.array_equal(a, b) for a, b in zip(grid, grids[0], strict=True))  # type: ignore[arg-type]
        for grid in grids
    )


# ReLU behind the quantise operator instead of before it, as a maximum of integers.
#
# max(round(x), 0) = round(max(x, 0)), saturation included. The convolution then stands right before the quantise
# operator, which is what ONNX Runtime fuses into an integer convolution.


def clip_integers(model: ir.Model) -> int:
    """Returns how many activations were moved."""
    changed = 0
    for relu in nodes_of(model, "Relu"):
        source, quantise = relu.inputs[0], only_user(relu.outputs[0])
        if source is None or quantise is None or quantise.op_type != "QuantizeLinear" or only_user(source) is not relu:
            continue
        producer = source.producer()
        if producer is None or producer.op_type != "Conv":
            continue
        zero_point = input_of(quantise, 2)
        array = constant(zero_point)
        if array is None or array.size != 1:
            continue
        before = ir.node("QuantizeLinear", [source, *quantise.inputs[1:]], name=quantise.name)
        before.outputs[0].name = f"{quantise.outputs[0].name}.before_relu"
        before.outputs[0].type = quantise.outputs[0].type
        maximum = ir.node("Max", [before.outputs[0], zero_point], name=f"{relu.name}/Max")
        maximum.outputs[0].type = before.outputs[0].type
        replace_nodes(model, [quantise, relu], [before, maximum])
        changed += 1
    return changed


# Signed activations to unsigned ones: the same numbers, 128 added to every integer and to the zero point.
#
# OpenVINO computes wrong values with signed ones through Concat on processors without AMX, and ONNX Runtime's integer
# kernels multiply unsigned activations with signed weights.


_HALF = {np.dtype(np.int8): (128, np.uint8), np.dtype(np.int16): (32768, np.uint16)}


def make_unsigned(model: ir.Model) -> int:
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
