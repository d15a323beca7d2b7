"""Rewrites that keep arithmetic in integers: activations without a sign, ReLU and products of them.

ONNX Runtime's kernels take bytes only where a graph is laid out for them, and both engines move a quarter of the
memory then. All sums stay what they are: integers, or integers times powers of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import ANY_VALUE, Var

from stereo_exp.deploy.surgery import (
    add_constant,
    constant,
    find_producer,
    input_of,
    nodes_of,
    only_user,
    replace_pattern,
)

_HALF = {np.dtype(np.int8): (128, np.uint8), np.dtype(np.int16): (32768, np.uint16)}
_ONNXRUNTIME = "com.microsoft"
"""Domain of its own operators."""


def make_unsigned(model: ir.Model) -> int:
    """Signed activations to unsigned ones: the same numbers, 128 added to every integer and to the zero point.

    OpenVINO computes wrong values with signed ones through Concat on processors without AMX, and ONNX Runtime's integer
    kernels multiply unsigned activations with signed weights.

    Returns:
        How many quantise and dequantise operators were changed.
    """
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


_MOVES = ("Slice", "Transpose", "Concat", "Reshape", "Flatten", "Gather")


def _retype(model: ir.Model) -> None:
    """What lies between a quantise and a dequantise operator has the new type, and pads with the new zero."""
    zeros: dict[ir.Value, np.ndarray] = {}
    for node in list(model.graph):
        if node.op_type == "QuantizeLinear":
            zero_point = constant(input_of(node, 2))
            if zero_point is not None:
                node.outputs[0].type = ir.TensorType(ir.DataType.from_numpy(zero_point.dtype))
                zeros[node.outputs[0]] = zero_point
        elif node.op_type in (*_MOVES, "Pad"):
            moved = [value for value in node.inputs if value is not None and value in zeros]
            if not moved or moved[0].dtype not in (ir.DataType.UINT8, ir.DataType.UINT16):
                continue
            if node.op_type == "Pad":
                # Behind the pads' own input; who pads with the old zero had it left out or as a constant.
                node.resize_inputs(max(3, len(node.inputs)))
                node.replace_input_with(2, add_constant(model, f"{node.outputs[0].name}.zero", zeros[moved[0]]))
            node.outputs[0].type = moved[0].type
            zeros[node.outputs[0]] = zeros[moved[0]]


def clip_integers(model: ir.Model) -> int:
    """ReLU behind the quantise operator instead of before it, as a maximum of integers.

    max(round(x), 0) = round(max(x, 0)), saturation included. The convolution then stands right before the quantise
    operator, which is what ONNX Runtime fuses into an integer convolution.

    Returns:
        How many activations were moved.
    """

    def pattern(op: Any, sums: Any, scale: Any, zero_point: Any) -> Any:
        return op.QuantizeLinear(op.Relu(sums, _outputs=["clipped"]), scale, zero_point, _outputs=["integers"])

    def condition(context: Any, sums: ir.Value, zero_point: ir.Value, clipped: ir.Value, **_: ir.Value) -> bool:
        source, zero = sums.producer(), constant(zero_point)
        is_convolved = source is not None and source.op_type == "Conv" and only_user(sums) is clipped.producer()
        return is_convolved and zero is not None and zero.size == 1

    def replacement(
        op: Any, sums: ir.Value, scale: ir.Value, zero_point: ir.Value, clipped: ir.Value, integers: ir.Value
    ) -> ir.Value:
        names = {"_name": find_producer(integers).name, "_outputs": [f"{integers.name}.before_relu"]}
        before = op.QuantizeLinear(sums, scale, zero_point, **names)
        before.type = integers.type
        return op.Max(before, zero_point, _name=f"{find_producer(clipped).name}/Max")

    return replace_pattern(model, pattern, replacement, condition)


def multiply_integers(model: ir.Model) -> int:
    """1×1 convolutions whose sums go on unrounded (into a residual add, a resize) as integer matrix products.

    ONNX Runtime has an integer convolution only where a quantise operator follows. Its `MatMulIntegerToFloat`
    multiplies integers and puts out the sums times their scales.

    Returns:
        How many convolutions were replaced.
    """

    def pattern(op: Any, x: Any, scale: Any, zero_point: Any, taps: Any, scales: Any) -> Any:
        values, kernel = op.DequantizeLinear(x, scale, zero_point), op.DequantizeLinear(taps, scales, ANY_VALUE)
        return op.Conv(values, kernel, Var("bias", can_match_none=True), _outputs=["sums"])

    def replacement(
        op: Any,
        x: ir.Value,
        scale: ir.Value,
        zero_point: ir.Value,
        taps: ir.Value,
        scales: ir.Value,
        bias: ir.Value | None,
        sums: ir.Value,
    ) -> ir.Value | None:
        conv, user = find_producer(sums), only_user(sums)
        kernel, zero, factors, offset = constant(taps), constant(zero_point), constant(scales), _read_floats(bias)
        # Right before a quantise operator the integer convolution is as good.
        if (user is not None and user.op_type == "QuantizeLinear") or conv.attributes.get_int("group", 1) != 1:
            return None
        if kernel is None or kernel.shape[2:] != (1, 1) or kernel.dtype != np.int8 or factors is None:
            return None
        if zero is None or zero.dtype not in (np.uint8, np.int8) or (bias is not None and offset is None):
            return None
        name = str(conv.name)

        def new(key: str, array: np.ndarray) -> ir.Value:
            return add_constant(model, f"{name}.{key}", array)

        strides = tuple(conv.attributes.get_ints("strides", (1, 1)))
        if strides != (1, 1):
            bounds = {"from": [0, 0], "to": [2**62] * 2, "axes": [2, 3], "step": strides}
            x = op.Slice(x, *(new(k, np.asarray(v, np.int64)) for k, v in bounds.items()), _name=f"{name}/Slice")
        addend = None if offset is None else new("bias", offset)
        product = op.MatMulIntegerToFloat(
            op.Transpose(x, perm=[0, 2, 3, 1], _name=f"{name}/last"),
            new("matrix", np.ascontiguousarray(kernel[:, :, 0, 0].T)),
            scale,
            new("scales", factors.astype(np.float32)),
            zero_point,
            new("zero", np.zeros(len(factors), np.int8)),
            addend,
            _domain=_ONNXRUNTIME,
            _version=1,
            _name=name,
        )
        return op.Transpose(product, perm=[0, 3, 1, 2], _name=f"{name}/back")

    return replace_pattern(model, pattern, replacement, is_shared=True)


def _read_floats(value: ir.Value | None) -> np.ndarray | None:
    """What a dequantised constant stands for; exact for power-of-two scales: integers below 2^24."""
    dequantise = None if value is None else value.producer()
    integers, scales = (constant(v) for v in dequantise.inputs[:2]) if dequantise is not None else (None, None)
    return None if integers is None or scales is None else (integers * scales).astype(np.float32)
