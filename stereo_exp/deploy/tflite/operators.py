"""ONNX's operators in those of TFLite, one function for each that is not the same in both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper

from stereo_exp.deploy.sizes import find_block, read_pad, read_resize, read_slice
from stereo_exp.deploy.tflite.convolutions import write_convolution, write_transposed
from stereo_exp.deploy.tflite.program import Program
from stereo_exp.deploy.tflite.values import LAST, Steps, Values, refuse, regroup

_Attributes = dict[str, Any]
_SYMMETRIC = 1
_PLAIN = {
    "Add": "ADD", "Sub": "SUB", "Mul": "MUL", "Div": "DIV", "Exp": "EXP", "Floor": "FLOOR", "Abs": "ABS",
    "Relu": "RELU", "Min": "MINIMUM", "Max": "MAXIMUM", "GreaterOrEqual": "GREATER_EQUAL",
    "LessOrEqual": "LESS_EQUAL",
}  # fmt: skip
"""Operators that work value by value."""


def translate(model: onnx.ModelProto) -> Program:
    """A graph as a program.

    Args:
        model: of operator set 21, every size of which is known (`fix_sizes`); changed.

    Raises:
        ArgumentError: it has an operator that has no counterpart here.
    """
    values = Values(model)
    for node in model.graph.node:
        if node.output[0] in values.done:
            continue
        if node.op_type in _PLAIN:
            activation = values.take_relu(node) if node.op_type == "Add" else {}
            values.give_plain(node, _PLAIN[node.op_type], **activation)
            continue
        if node.op_type not in _WRITERS:
            raise refuse(node)
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        _WRITERS[node.op_type](values, node, attributes)
    return values.finish()


# Integers and floats.


def _write_quantize(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    value = values.find(node.input[0])
    values.give(node.output[0], "QUANTIZE", [value.tensor], value.order)
    values.set_steps(node)


def _write_dequantize(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    source, scale, zero = node.input
    if source not in values.constants:
        values.integers[node.output[0]] = source
        return
    integers, steps = values.constants[source], values.constants[scale]
    shape = [1] * integers.ndim
    if steps.ndim:
        shape[attributes.get("axis", 1)] = -1
    middle = values.constants[zero].astype(np.int32).reshape(shape)
    whole = integers.astype(np.int32) - middle
    values.constants[node.output[0]] = whole.astype(np.float32) * steps.reshape(shape)
    if not middle.any():
        values.steps[node.output[0]] = Steps(integers, steps)


def _write_cast(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    value, target = values.find(node.input[0]), values.types[node.output[0]]
    if values.types[node.input[0]] == target:
        values.put(node.output[0], *value)
        return
    values.give_plain(node, "CAST", inDataType=values.types[node.input[0]], outDataType=target)


def _write_leaky(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    values.give_plain(node, "LEAKY_RELU", alpha=attributes.get("alpha", 0.01))


def _write_clip(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    tensor, order = values.find(node.input[0])
    for kind, limit in zip(("MAXIMUM", "MINIMUM"), node.input[1:3], strict=False):
        if limit:
            tensor = values.add(node.output[0], kind, [tensor, values.operand(limit, order)], order)
    values.put(node.output[0], tensor, order)


# Axes: which is which, how they are split, joined and cut.


def _write_identity(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    values.put(node.output[0], *values.find(node.input[0]))


def _write_transpose(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    value, places = values.find(node.input[0]), list(attributes["perm"])
    values.put(node.output[0], value.tensor, [places.index(axis) for axis in value.order])


def _write_reshape(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    tensor, given = values.find(node.input[0])
    before, after = values.shape(node.input[0]), values.shape(node.output[0])
    order = regroup(before, given, after)
    if order is None:
        tensor, order = values.operand(node.input[0], range(len(before))), tuple(range(len(after)))
    values.put(node.output[0], values.reshape(tensor, [after[axis] for axis in order]), order)


def _write_concat(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    rank = len(values.shape(node.output[0]))
    order = next((each for each in map(values.order_of, node.input) if each is not None), tuple(range(rank)))
    tensors = [values.operand(name, order) for name in node.input]
    values.give(node.output[0], "CONCATENATION", tensors, order, axis=order.index(attributes["axis"] % rank))


def _write_slice(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    value, shape = values.find(node.input[0]), values.shape(node.input[0])
    starts, ends, axes, steps = read_slice(node, values.constants, len(shape))
    if steps == [-1] and values.shape(node.output[0]) == shape:
        axis = values.program.add_constant(f"{node.name}.axis", np.asarray([value.order.index(axes[0])]))
        values.give(node.output[0], "REVERSE_V2", [value.tensor, axis], value.order)
        return
    if set(steps) != {1}:
        raise refuse(node, f"with steps of {steps}")
    begins = [0] * len(shape)
    for start, end, axis in zip(starts, ends, axes, strict=True):
        begins[value.order.index(axis)] = slice(start, end).indices(shape[axis])[0]
    values.slice(node.output[0], value, begins)


def _write_split(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    value, begin = values.find(node.input[0]), 0
    axis = attributes.get("axis", 0) % len(value.order)
    for name in node.output:
        values.slice(name, value, [begin if each == axis else 0 for each in value.order])
        begin += values.shape(name)[axis]


def _write_gather(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    value = values.find(node.input[0])
    axis = attributes.get("axis", 0) % len(value.order)
    rows, length = values.constants.get(node.input[1]), values.shape(node.input[0])[axis]
    if len(values.shape(node.input[1])) != 1:
        raise refuse(node, "of anything but rows")
    if (first := find_block(rows, length)) is not None:
        values.slice(node.output[0], value, [first if each == axis else 0 for each in value.order])
        return
    if rows is None:
        index = values.operand(node.input[1], [0])
    else:
        # TFLite does not count from the end.
        index = values.program.add_constant(f"{node.name}.rows", rows % length)
    tensors = [value.tensor, index]
    values.give(node.output[0], "GATHER", tensors, value.order, axis=value.order.index(axis))


def _write_pad(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    value, read = values.find(node.input[0]), read_pad(node, values.constants)
    if read is None:
        raise refuse(node, "that cuts off, or names its axes")
    widths, filled = read
    sides = [(widths[axis], widths[axis + len(widths) // 2]) for axis in value.order]
    mode, given = attributes.get("mode", b"constant"), values.program.tensors[value.tensor]
    if mode == b"constant" and filled == given.zero_point:
        values.put(node.output[0], values.pad(value.tensor, sides, node.name), value.order)
    elif mode == b"edge" and max(map(max, sides)) <= 1:
        # The mirror image of one row is that row.
        pads = values.program.add_constant(f"{node.name}.pads", np.asarray(sides))
        values.give(node.output[0], "MIRROR_PAD", [value.tensor, pads], value.order, mode=_SYMMETRIC)
    else:
        raise refuse(node, "of this mode")


def _write_shuffle(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    if attributes.get("mode", b"DCR") != b"DCR" and values.shape(node.output[0])[1] > 1:
        raise refuse(node, "of mode CRD")
    tensor = values.operand(node.input[0], LAST)
    values.give(node.output[0], "DEPTH_TO_SPACE", [tensor], LAST, blockSize=attributes["blocksize"])


def _write_resize(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    if (mode := read_resize(attributes)) is None:
        raise refuse(node, "of this mode")
    is_linear = mode == "linear"
    size = values.program.add_constant(f"{node.name}.size", np.asarray(values.shape(node.output[0])[2:]))
    kind = "RESIZE_BILINEAR" if is_linear else "RESIZE_NEAREST_NEIGHBOR"
    values.give(node.output[0], kind, [values.operand(node.input[0], LAST), size], LAST, halfPixelCenters=is_linear)


# Products and sums over axes.


def _write_matmul(values: Values, node: onnx.NodeProto, _: _Attributes) -> None:
    whole = tuple(range(len(values.shape(node.output[0]))))
    swapped = (*whole[:-2], whole[-1], whole[-2])
    is_swapped = values.order_of(node.input[1]) == swapped
    tensors = [values.operand(node.input[0], whole), values.operand(node.input[1], swapped if is_swapped else whole)]
    values.give(node.output[0], "BATCH_MATMUL", tensors, whole, adjY=is_swapped)


def _write_softmax(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
    given = values.find(node.input[0]).order
    axis = attributes.get("axis", -1) % len(given)
    # TFLite knows the last axis alone.
    order = (*(each for each in given if each != axis), axis)
    values.give(node.output[0], "SOFTMAX", [values.operand(node.input[0], order)], order, beta=1.0)


def _writer_of_reduction(kind: str) -> Callable[[Values, onnx.NodeProto, _Attributes], None]:
    def write(values: Values, node: onnx.NodeProto, attributes: _Attributes) -> None:
        value, keeps = values.find(node.input[0]), bool(attributes.get("keepdims", 1))
        axes = [axis % len(value.order) for axis in values.constants[node.input[1]].tolist()]
        order = value.order
        if not keeps:
            order = tuple(axis - sum(each < axis for each in axes) for axis in order if axis not in axes)
        places = np.asarray([value.order.index(axis) for axis in axes])
        tensors = [value.tensor, values.program.add_constant(f"{node.name}.axes", places)]
        values.give(node.output[0], kind, tensors, order, keepDims=keeps)

    return write


_WRITERS: dict[str, Callable[[Values, onnx.NodeProto, _Attributes], None]] = {
    "Cast": _write_cast,
    "Clip": _write_clip,
    "Concat": _write_concat,
    "Conv": write_convolution,
    "ConvTranspose": write_transposed,
    "DepthToSpace": _write_shuffle,
    "DequantizeLinear": _write_dequantize,
    "Gather": _write_gather,
    "Identity": _write_identity,
    "LeakyRelu": _write_leaky,
    "MatMul": _write_matmul,
    "Pad": _write_pad,
    "QuantizeLinear": _write_quantize,
    "ReduceMax": _writer_of_reduction("REDUCE_MAX"),
    "ReduceSum": _writer_of_reduction("SUM"),
    "Reshape": _write_reshape,
    "Resize": _write_resize,
    "Slice": _write_slice,
    "Softmax": _write_softmax,
    "Split": _write_split,
    "Squeeze": _write_reshape,
    "Transpose": _write_transpose,
    "Unsqueeze": _write_reshape,
}
"""ONNX operator -> what writes it: values so far, node, its attributes."""
