"""Rewrites of transposed convolutions as plain ones and pixel shuffles, and what may change places with a shuffle.

Engines have faster kernels for plain convolutions than for transposed ones, and the faster the fewer pixels and the
more channels there are. All of it is exact on integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import (
    add_constant,
    constant,
    find_producer,
    input_of,
    insert_before,
    nodes_of,
    only_user,
    replace_nodes,
    replace_pattern,
    skip_dequantize,
)

_MAX_CHANNELS = 16
"""Above this a matrix unit has enough to do, and the zeros cost more than the shape saves."""
_VALUE_BY_VALUE = ("Relu", "QuantizeLinear")


def shuffle_pixels(model: ir.Model) -> int:
    """Transposed 4×4 convolution of stride 2 as a 3×3 convolution to four times the channels and a pixel shuffle.

    Output pixel (2y + p, 2x + q) of the transposed convolution (padding 1) sees 2×2 input pixels within (y − 1 … y + 1,
    x − 1 … x + 1): for each of the four parities the 4×4 kernel gives 2×2 taps of a 3×3 window, the rest is zeros.

    Returns:
        How many transposed convolutions were replaced.
    """
    changed = 0
    for node in nodes_of(model, "ConvTranspose"):
        if not _doubles(node):
            continue
        weight, bias = (constant(skip_dequantize(input_of(node, i))) for i in (1, 2))
        if weight is None or (input_of(node, 2) is not None and bias is None):
            continue
        inputs = [node.inputs[0], repeat_parameter(model, node, 1, shuffle_weight(weight), 0)]
        if bias is not None:
            inputs.append(repeat_parameter(model, node, 2, np.repeat(bias, 4), 0))
        conv = ir.node("Conv", inputs, {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}, name=str(node.name))
        conv.outputs[0].name = f"{node.outputs[0].name}.parities"
        # Channel order c·4 + p·2 + q: "CRD".
        shuffle = ir.node(
            "DepthToSpace", [conv.outputs[0]], {"blocksize": 2, "mode": "CRD"}, name=f"{node.name}/DepthToSpace"
        )
        replace_nodes(model, [node], [conv, shuffle])
        changed += 1
    return changed


def shuffle_weight(weight: np.ndarray) -> np.ndarray:
    """in×out×4×4 of a transposed convolution (stride 2, padding 1) -> 4·out×in×3×3, row c·4 + p·2 + q."""
    channels_in, channels_out = weight.shape[:2]
    result = np.zeros((channels_out, 2, 2, channels_in, 3, 3), weight.dtype)
    for p in range(2):
        for q in range(2):
            for row in range(3):
                for column in range(3):
                    # out = 2·in − 1 + k, so k = out + 1 − 2·in with in = y + row − 1 and out = 2·y + p.
                    i, j = p + 3 - 2 * row, q + 3 - 2 * column
                    if 0 <= i < 4 and 0 <= j < 4:
                        result[:, p, q, :, row, column] = weight[:, :, i, j].T
    return result.reshape(4 * channels_out, channels_in, 3, 3)


def _doubles(node: ir.Node) -> bool:
    weight, settings = constant(skip_dequantize(node.inputs[1])), node.attributes
    return (
        weight is not None
        and weight.shape[2:] == (4, 4)
        and tuple(settings.get_ints("kernel_shape", (4, 4))) == (4, 4)
        and tuple(settings.get_ints("strides", (1, 1))) == (2, 2)
        and tuple(settings.get_ints("pads", (0,) * 4)) == (1,) * 4
        and tuple(settings.get_ints("output_padding", (0, 0))) == (0, 0)
        and tuple(settings.get_ints("dilations", (1, 1))) == (1, 1)
        and settings.get_int("group", 1) == 1
    )


def repeat_parameter(model: ir.Model, node: ir.Node, index: int, array: np.ndarray, axis: int) -> ir.Value:
    """The new weight or bias: with a dequantise operator of its own where the old one had one."""
    old = node.inputs[index]
    assert old is not None
    fresh = add_constant(model, f"{node.name}.{'weight' if index == 1 else 'bias'}", array)
    dequantise = old.producer()
    if dequantise is None:
        return fresh
    repeated = []
    for value in dequantise.inputs[1:]:
        found = constant(value)
        assert value is not None and found is not None
        repeated.append(add_constant(model, f"{fresh.name}.{value.name}", np.repeat(found, 4)) if found.ndim else value)
    made = ir.node("DequantizeLinear", [fresh, *repeated], {"axis": axis}, name=f"{fresh.name}/DequantizeLinear")
    insert_before(model, node, made)
    return made.outputs[0]


def shuffle_behind_conv(model: ir.Model) -> int:
    """A 3×3 convolution behind a pixel shuffle as one in front of it: four times the channels, a quarter of the pixels.

    Output pixel (2y + p, 2x + q) sees the shuffled pixels (2y + p + u, 2x + q + v) with u, v in −1…1: all of them lie
    in the 3×3 window around (y, x) before the shuffle. The other taps of the new kernel are zeros, and a shuffled
    border of zeros is a border of zeros. Few channels on many pixels are what matrix units are worst at.

    Returns:
        How many convolutions were moved in front of a pixel shuffle.
    """
    blocks, settings = {"blocksize": 2, "mode": "CRD"}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}

    def pattern(op: Any, x: Any, scale: Any, zero_point: Any, kernel: Any) -> Any:
        values = op.DequantizeLinear(op.DepthToSpace(x, **blocks), scale, zero_point, _outputs=["values"])
        return op.Conv(values, kernel, **settings, _outputs=["result"])

    def condition(context: Any, kernel: ir.Value, result: ir.Value, **_: ir.Value) -> bool:
        weight = constant(skip_dequantize(kernel))
        return weight is not None and weight.shape[1] <= _MAX_CHANNELS and _is_plain(find_producer(result))

    def replacement(
        op: Any,
        x: ir.Value,
        scale: ir.Value,
        zero_point: ir.Value,
        kernel: ir.Value,
        values: ir.Value,
        result: ir.Value,
    ) -> ir.Value:
        conv, weight = find_producer(result), constant(skip_dequantize(kernel))
        assert weight is not None
        before = op.DequantizeLinear(x, scale, zero_point, _name=f"{find_producer(values).name}.parities")
        parameter = repeat_parameter(model, conv, 1, weight_before_shuffle(weight), 0)
        moved = op.Conv(before, parameter, **settings, _name=conv.name, _outputs=[f"{result.name}.parities"])
        return op.DepthToSpace(moved, **blocks, _name=f"{conv.name}/DepthToSpace")

    return replace_pattern(model, pattern, replacement, condition)


def weight_before_shuffle(weight: np.ndarray) -> np.ndarray:
    """out×in×3×3 behind a shuffle -> 4·out×4·in×3×3 in front of it; channels c·4 + p·2 + q on both sides ("CRD")."""
    channels_out, channels_in = weight.shape[:2]
    result = np.zeros((channels_out, 2, 2, channels_in, 2, 2, 3, 3), weight.dtype)
    for p in range(2):
        for q in range(2):
            for u in range(3):
                for v in range(3):
                    # Shuffled row 2y + p + u − 1 is row (p + u − 1) mod 2 of the cell at y + (p + u − 1) div 2.
                    (y, i), (x, j) = divmod(p + u - 1, 2), divmod(q + v - 1, 2)
                    result[:, p, q, :, i, j, y + 1, x + 1] = weight[:, :, u, v]
    return result.reshape(4 * channels_out, 4 * channels_in, 3, 3)


def _is_plain(conv: ir.Node) -> bool:
    """Every pixel, side by side, all channels together."""
    settings = conv.attributes
    return (
        tuple(settings.get_ints("strides", (1, 1))) == (1, 1)
        and tuple(settings.get_ints("dilations", (1, 1))) == (1, 1)
        and settings.get_string("auto_pad", "NOTSET") == "NOTSET"
        and settings.get_int("group", 1) == 1
    )


def shuffle_last(model: ir.Model) -> int:
    """A pixel shuffle behind the ReLU and the quantise operator instead of before them.

    All three work value by value, so that their order is free. The convolution then has its ReLU and rounding in its
    own kernel, and what is shuffled is a quarter of the bytes.

    Returns:
        How many operators changed places with a pixel shuffle.
    """
    changed = 0
    for shuffle in nodes_of(model, "DepthToSpace"):
        while (behind := only_user(shuffle.outputs[0])) is not None and behind.op_type in _VALUE_BY_VALUE:
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
