"""Convolutions of ONNX in those of TFLite, int8 where what they read and what they give is.

Where a sum comes before the rounding, a convolution is computed in floats of the same value: whole numbers times powers
of two, whose sums float32 holds exactly as long as they stay below 2^24.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx

from stereo_exp.deploy.sizes import read_convolution
from stereo_exp.deploy.tflite.values import LAST, NAME, Values, refuse

_SAME, _VALID = 0, 1


class _Inputs(NamedTuple):
    """Tensors of a convolution, its activation, and the node that rounds its result, whose result it then gives."""

    source: int
    weight: int
    bias: int
    activation: dict[str, int]
    quantize: onnx.NodeProto | None


def write_convolution(values: Values, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
    """Conv, in groups or not, without dilation."""
    kernel = values.shape(node.input[1])[2:]
    strides, (top, left, bottom, right) = read_convolution(NAME, node, attributes, kernel)
    options = {"strideH": strides[0], "strideW": strides[1], "padding": _SAME}
    is_same = [(top, bottom), (left, right)] == _same_pads(values.shape(node.input[0])[2:], kernel, strides)
    read = _read(values, node, (0, 2, 3, 1))
    source = read.source
    if not is_same:
        # With an even size and a stride of 2, SAME would add its row at the other end.
        options["padding"] = _VALID
        if top or bottom or left or right:
            source = values.pad(source, [(0, 0), (top, bottom), (left, right), (0, 0)], node.name)
    _give(values, node, "CONV_2D", [source, read.weight, read.bias], read, options)


def write_transposed(values: Values, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
    """ConvTranspose that enlarges by its stride, in one group."""
    kernel = values.shape(node.input[1])[2:]
    strides, (top, left, bottom, right) = read_convolution(NAME, node, attributes, kernel)
    size = values.shape(node.output[0])[2:]
    is_same = [(top, bottom), (left, right)] == _same_pads(size, kernel, strides)
    enlarged = [length * stride for length, stride in zip(values.shape(node.input[0])[2:], strides, strict=True)]
    if attributes.get("group", 1) != 1 or not is_same or list(size) != enlarged:
        raise refuse(node, "in groups, or with other padding")
    read = _read(values, node, (1, 2, 3, 0))
    shape = np.asarray([values.shape(node.output[0])[axis] for axis in LAST])
    tensors = [values.program.add_constant(f"{node.name}.size", shape), read.weight, read.source, read.bias]
    options = {"strideH": strides[0], "strideW": strides[1], "padding": _SAME}
    _give(values, node, "TRANSPOSE_CONV", tensors, read, options)


def _give(
    values: Values, node: onnx.NodeProto, kind: str, tensors: Sequence[int], read: _Inputs, options: dict[str, int]
) -> None:
    values.give(node.output[0], kind, tensors, LAST, **read.activation, **options)
    if read.quantize is not None:
        values.set_steps(read.quantize)


def _read(values: Values, node: onnx.NodeProto, order: tuple[int, ...]) -> _Inputs:
    """What a convolution reads; `node` then puts out what its ReLU and its quantise operator would.

    Args:
        order: of the weights' axes: outputs, height, width, inputs.
    """
    source, name = node.input[:2]
    outputs = values.shape(node.output[0])[1]
    activation, quantize = values.take_relu(node), values.reader(node.output[0], "QuantizeLinear")
    bias = values.constants[node.input[2]] if len(node.input) > 2 else np.zeros(outputs, np.float32)
    steps, integers = values.steps.get(name), values.integers.get(source)
    in_bytes = steps is not None and integers is not None and values.types[integers] == "int8"
    if quantize is None or not in_bytes or values.types[quantize.output[0]] != "int8":
        weight, biases = values.operand(name, order), values.program.add_constant(f"{node.name}.bias", bias)
        return _Inputs(values.operand(source, LAST), weight, biases, activation, None)
    assert steps is not None and integers is not None
    values.skip(node, quantize)
    tensor = values.operand(integers, LAST)
    taken = values.program.tensors[tensor].scales
    assert taken is not None
    scales = np.broadcast_to(steps.scale.reshape(-1), outputs).astype(np.float32)
    weight = values.program.add_constant(name, steps.integers.transpose(order), scales)
    whole = np.rint(bias / (taken * scales)).astype(np.int32)
    biases = values.program.add_constant(f"{node.name}.bias", whole, taken * scales)
    return _Inputs(tensor, weight, biases, activation, quantize)


def _same_pads(size: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """What TFLite's SAME adds above and below, left and right."""
    found = []
    for length, taps, stride in zip(size, kernel, strides, strict=True):
        total = max((math.ceil(length / stride) - 1) * stride + taps - length, 0)
        found.append((total // 2, total - total // 2))
    return found
