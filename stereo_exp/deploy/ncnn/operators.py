"""ONNX's operators in ncnn's layers, one function for each; what is quantised is computed as floats of the same value.

Whole numbers times powers of two are exact in float32 as long as they stay below 2^24, and ncnn rounds halves to even.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import onnx
from onnx import helper

from stereo_exp.base import ArgumentError
from stereo_exp.deploy.ncnn.layers import Layers, shape_parameters
from stereo_exp.deploy.sizes import (
    ANOTHER,
    find_block,
    read_constants,
    read_convolution,
    read_pad,
    read_resize,
    read_shapes,
    read_slice,
    refuse_operator,
)

NAME = "ncnn"
_Attributes = dict[str, Any]
_MOST_AXES = 4
_BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Max": 4, "Min": 5}
_UNARY = {"Abs": 0, "Floor": 2, "Exp": 7}
_ROUND = 18
_STEEP = 2.0**60
"""Makes more than 1 of any difference of two floats that are above 2^-36, or whole steps of that size."""


class _Graph:
    """What of a graph is translated so far."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.layers = Layers()
        self.constants, self._shapes = read_constants(graph), read_shapes(graph)
        self.outputs = {each.name for each in graph.output}
        self._blobs: dict[str, str] = {}
        self._widened: dict[tuple[str, int], str] = {}
        for each in graph.input:
            self._blobs[each.name] = self.layers.add("Input", [], each.name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Without the batch, which ncnn does not know."""
        return self._shapes[name][1:]

    def whole_shape(self, name: str) -> tuple[int, ...]:
        """As the graph has it."""
        return self.constants[name].shape if name in self.constants else self._shapes[name]

    def blob(self, name: str, rank: int = 0) -> str:
        """Of a value or a constant, with at least so many axes; 0: those that it has, without the batch."""
        if name not in self.constants:
            missing = rank - len(self.shape(name))
            return self._blobs[name] if missing <= 0 else self._widen(name, missing)
        data = self.constants[name]
        if data.size > 1:
            data = data.reshape((1,) * (rank + 1 - data.ndim) + data.shape)
            if data.shape[0] != 1:
                raise ArgumentError("engines", NAME, f"{name} is a constant of several pairs", ANOTHER)
            data = data[0]
        return self.layers.add_constant(name, data)

    def _widen(self, name: str, missing: int) -> str:
        """With so many axes of 1 in front: ncnn would lay those that are there along the channels."""
        if (name, missing) not in self._widened:
            shape = (*(1,) * missing, *self.shape(name))
            made = self.layers.add("Reshape", [self._blobs[name]], f"{name}.{len(shape)}", shape_parameters(shape))
            self._widened[name, missing] = made
        return self._widened[name, missing]

    def place(self, node: onnx.NodeProto, axis: int) -> int:
        """An axis of what a node reads, counted without the batch.

        Raises:
            ArgumentError: it is the batch.
        """
        found = axis % len(self.whole_shape(node.input[0])) - 1
        if found < 0:
            raise _refuse(node, "over the batch")
        return found

    def give(
        self, name: str, kind: str, inputs: Sequence[str], parameters: dict[int, Any], *weights: np.ndarray
    ) -> None:
        """A value of the graph, by a layer."""
        self._blobs[name] = self.layers.add(kind, inputs, name, parameters, weights)

    def put(self, name: str, source: str) -> None:
        """A value that is another one."""
        if name in self.outputs:
            self.give(name, "Noop", [self._blobs[source]], {})
        else:
            self._blobs[name] = self._blobs[source]


def translate(model: onnx.ModelProto) -> Layers:
    """A graph as a network.

    Args:
        model: of operator set 21, one pair at a time, its views apart, every size known (`fix_sizes`).

    Raises:
        ArgumentError: it has an operator that has no counterpart here, or does something with the batch.
    """
    graph = _Graph(model)
    for node in model.graph.node:
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type != "DequantizeLinear" or node.input[0] not in graph.constants:
            _check_shapes(graph, node)
        if node.op_type in _BINARY:
            rank = len(graph.shape(node.output[0]))
            blobs = [graph.blob(name, rank) for name in node.input]
            graph.give(node.output[0], "BinaryOp", blobs, {0: _BINARY[node.op_type]})
        elif node.op_type in _UNARY:
            graph.give(node.output[0], "UnaryOp", [graph.blob(node.input[0])], {0: _UNARY[node.op_type]})
        elif node.op_type in _WRITERS:
            _WRITERS[node.op_type](graph, node, attributes)
        else:
            raise _refuse(node)
    return graph.layers


def _check_shapes(graph: _Graph, node: onnx.NodeProto) -> None:
    for shape in map(graph.whole_shape, filter(None, node.output)):
        if shape[:1] != (1,):
            raise _refuse(node, "over the batch")
        if not 1 <= len(shape) - 1 <= _MOST_AXES:
            raise _refuse(node, f"of {len(shape)} axes")


def _refuse(node: onnx.NodeProto, why: str = "") -> ArgumentError:
    return refuse_operator(NAME, node, why)


def _number(graph: _Graph, value: float) -> str:
    return graph.layers.add_constant("", np.asarray(value, np.float32))


# Integers, as floats.


def _write_quantize(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    name, (scale, zero) = node.output[0], (graph.constants[each] for each in node.input[1:3])
    # Not divided: ncnn's quotients of whole numbers can be a little less than whole.
    inverse = _number(graph, float(np.float32(1) / scale))
    blob = graph.layers.add("BinaryOp", [graph.blob(node.input[0]), inverse], f"{name}.steps", {0: _BINARY["Mul"]})
    blob = graph.layers.add("UnaryOp", [blob], f"{name}.whole", {0: _ROUND})
    if zero.any():
        blob = graph.layers.add("BinaryOp", [blob, _number(graph, float(zero))], f"{name}.moved", {0: _BINARY["Add"]})
    limits = np.iinfo(zero.dtype)
    graph.give(name, "Clip", [blob], {0: float(limits.min), 1: float(limits.max)})


def _write_dequantize(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    source, scale, zero = (graph.constants.get(each) for each in node.input)
    assert scale is not None and zero is not None
    if source is not None:
        shape = [1] * source.ndim
        if scale.ndim:
            shape[attributes.get("axis", 1)] = -1
        whole = source.astype(np.int32) - zero.astype(np.int32).reshape(shape)
        graph.constants[node.output[0]] = whole.astype(np.float32) * scale.reshape(shape)
        return
    blob, name = graph.blob(node.input[0]), node.output[0]
    if zero.any():
        blob = graph.layers.add("BinaryOp", [blob, _number(graph, float(zero))], f"{name}.middle", {0: _BINARY["Sub"]})
    graph.give(name, "BinaryOp", [blob, _number(graph, float(scale))], {0: _BINARY["Mul"]})


def _write_same(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    # Everything is a float: bytes, and what is true.
    graph.put(node.output[0], node.input[0])


def _write_relu(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    graph.give(node.output[0], "ReLU", [graph.blob(node.input[0])], {})


def _write_leaky(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    # The greater of both: ncnn reads the slope as text, and might round it otherwise.
    blob, slope = graph.blob(node.input[0]), _number(graph, attributes.get("alpha", 0.01))
    less = graph.layers.add("BinaryOp", [blob, slope], f"{node.output[0]}.less", {0: _BINARY["Mul"]})
    graph.give(node.output[0], "BinaryOp", [blob, less], {0: _BINARY["Max"]})


def _write_clip(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    blob = graph.blob(node.input[0])
    # An empty name is a limit that is not there.
    least, most = (*node.input[1:3], "", "")[:2]
    if least and most:
        blob = graph.layers.add("BinaryOp", [blob, graph.blob(least)], f"{node.output[0]}.least", {0: _BINARY["Max"]})
    if not least and not most:
        graph.put(node.output[0], node.input[0])
    else:
        kind, limit = ("Min", most) if most else ("Max", least)
        graph.give(node.output[0], "BinaryOp", [blob, graph.blob(limit)], {0: _BINARY[kind]})


def _write_comparison(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    """1 where the first is at least, or at most, the second, else 0."""
    name, rank = node.output[0], len(graph.shape(node.output[0]))
    blobs = [graph.blob(each, rank) for each in node.input]
    if node.op_type == "LessOrEqual":
        blobs.reverse()
    blob = graph.layers.add("BinaryOp", blobs, f"{name}.more", {0: _BINARY["Sub"]})
    blob = graph.layers.add("BinaryOp", [blob, _number(graph, _STEEP)], f"{name}.steep", {0: _BINARY["Mul"]})
    blob = graph.layers.add("BinaryOp", [blob, _number(graph, 1.0)], f"{name}.one", {0: _BINARY["Add"]})
    graph.give(name, "Clip", [blob], {0: 0.0, 1: 1.0})


# Convolutions.


def _write_convolution(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    weight, group, is_up = graph.constants[node.input[1]], attributes.get("group", 1), node.op_type == "ConvTranspose"
    strides, (top, left, bottom, right) = read_convolution(NAME, node, attributes, weight.shape[2:])
    if is_up and group > 1:
        raise _refuse(node, "in groups")
    if is_up:
        weight = weight.swapaxes(0, 1)
    outputs, _, height, width = weight.shape
    bias = graph.constants[node.input[2]] if len(node.input) > 2 else np.zeros(outputs)
    parameters = {
        0: outputs, 1: width, 11: height, 3: strides[1], 13: strides[0], 4: left, 14: top, 15: right, 16: bottom,
        5: 1, 6: weight.size,
    }  # fmt: skip
    kind = "Deconvolution" if is_up else "Convolution"
    if group > 1:
        kind, parameters[7] = "ConvolutionDepthWise", group
    graph.give(node.output[0], kind, [graph.blob(node.input[0], 3)], parameters, weight, bias)


def _write_matmul(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    rank = len(graph.shape(node.output[0]))
    graph.give(node.output[0], "MatMul", [graph.blob(each, rank) for each in node.input], {})


# Axes.


def _write_transpose(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    places = tuple(axis - 1 for axis in attributes["perm"][1:])
    if attributes["perm"][0] != 0:
        raise _refuse(node, "of the batch")
    orders = list(permutations(range(len(places))))
    graph.give(node.output[0], "Permute", [graph.blob(node.input[0])], {0: orders.index(places)})


def _write_reshape(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    parameters = shape_parameters(graph.shape(node.output[0]))
    graph.give(node.output[0], "Reshape", [graph.blob(node.input[0])], parameters)


def _write_concat(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    rank, axis = len(graph.shape(node.output[0])), graph.place(node, attributes["axis"])
    graph.give(node.output[0], "Concat", [graph.blob(each, rank) for each in node.input], {0: axis})


def _crop(graph: _Graph, name: str, source: str, axes: Sequence[int], starts: Sequence[int]) -> None:
    """A block that begins there, on axes without the batch, and is as large as `name` is."""
    ends = [start + graph.shape(name)[axis] for start, axis in zip(starts, axes, strict=True)]
    graph.give(name, "Crop", [graph.blob(source)], {9: starts, 10: ends, 11: axes})


def _write_slice(graph: _Graph, node: onnx.NodeProto, _: _Attributes) -> None:
    shape, name = graph.shape(node.input[0]), node.output[0]
    starts, ends, axes, steps = read_slice(node, graph.constants, len(shape) + 1)
    if steps == [-1] and graph.shape(name) == shape:
        graph.give(name, "Flip", [graph.blob(node.input[0])], {0: [graph.place(node, axes[0])]})
        return
    axes = [axis - 1 for axis in axes]
    if set(steps) != {1}:
        raise _refuse(node, f"with steps of {steps}")
    # A batch of one is cut nowhere.
    cuts = [cut for cut in zip(axes, starts, ends, strict=True) if cut[0] >= 0]
    begins = [slice(start, end).indices(shape[axis])[0] for axis, start, end in cuts]
    _crop(graph, name, node.input[0], [axis for axis, *_ in cuts], begins)


def _write_split(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    axis, begin = graph.place(node, attributes.get("axis", 0)), 0
    for name in node.output:
        _crop(graph, name, node.input[0], [axis], [begin])
        begin += graph.shape(name)[axis]


def _write_gather(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    axis = graph.place(node, attributes.get("axis", 0))
    first = find_block(graph.constants.get(node.input[1]), graph.shape(node.input[0])[axis])
    if first is None:
        raise _refuse(node, "of anything but neighbours")
    _crop(graph, node.output[0], node.input[0], [axis], [first])


def _write_pad(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    read = read_pad(node, graph.constants)
    if read is None:
        raise _refuse(node, "that cuts off, or names its axes")
    widths, filled = read
    half, mode = len(widths) // 2, attributes.get("mode", b"constant")
    if not any(widths):
        graph.put(node.output[0], node.input[0])
        return
    if half != 4 or mode not in (b"constant", b"edge") or any((widths[0], widths[1], widths[half], widths[half + 1])):
        raise _refuse(node, "of these axes")
    parameters = {0: widths[2], 1: widths[half + 2], 2: widths[3], 3: widths[half + 3], 4: int(mode == b"edge")}
    graph.give(node.output[0], "Padding", [graph.blob(node.input[0])], parameters | {5: filled})


def _write_shuffle(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    parameters = {0: attributes["blocksize"], 1: int(attributes.get("mode", b"DCR") == b"DCR")}
    graph.give(node.output[0], "PixelShuffle", [graph.blob(node.input[0])], parameters)


def _write_resize(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    if (mode := read_resize(attributes)) is None:
        raise _refuse(node, "of this mode")
    (_, height, width), (_, before_h, before_w) = graph.shape(node.output[0]), graph.shape(node.input[0])
    parameters = {
        0: 2 if mode == "linear" else 1,
        1: height / before_h,
        2: width / before_w,
        3: height,
        4: width,
    }
    graph.give(node.output[0], "Interp", [graph.blob(node.input[0])], parameters)


def _write_softmax(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    axis = graph.place(node, attributes.get("axis", -1))
    graph.give(node.output[0], "Softmax", [graph.blob(node.input[0])], {0: axis, 1: 1})


def _write_reduction(graph: _Graph, node: onnx.NodeProto, attributes: _Attributes) -> None:
    axes = [graph.place(node, axis) for axis in graph.constants[node.input[1]].tolist()]
    kind = {"ReduceSum": 0, "ReduceMax": 4}[node.op_type]
    parameters = {0: kind, 1: 0, 3: axes, 4: int(attributes.get("keepdims", 1)), 5: 1}
    graph.give(node.output[0], "Reduction", [graph.blob(node.input[0])], parameters)


_WRITERS: dict[str, Callable[[_Graph, onnx.NodeProto, _Attributes], None]] = {
    "Cast": _write_same,
    "Clip": _write_clip,
    "Concat": _write_concat,
    "Conv": _write_convolution,
    "ConvTranspose": _write_convolution,
    "DepthToSpace": _write_shuffle,
    "DequantizeLinear": _write_dequantize,
    "Gather": _write_gather,
    "GreaterOrEqual": _write_comparison,
    "Identity": _write_same,
    "LeakyRelu": _write_leaky,
    "LessOrEqual": _write_comparison,
    "MatMul": _write_matmul,
    "Pad": _write_pad,
    "QuantizeLinear": _write_quantize,
    "ReduceMax": _write_reduction,
    "ReduceSum": _write_reduction,
    "Relu": _write_relu,
    "Reshape": _write_reshape,
    "Resize": _write_resize,
    "Slice": _write_slice,
    "Softmax": _write_softmax,
    "Split": _write_split,
    "Squeeze": _write_reshape,
    "Transpose": _write_transpose,
    "Unsqueeze": _write_reshape,
}
"""ONNX operator -> what writes it: the graph so far, node, its attributes."""
