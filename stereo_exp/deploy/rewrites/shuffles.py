"""Transposed 4×4 convolution of stride 2 as a 3×3 convolution to four times the channels and a pixel shuffle.

Output pixel (2y + p, 2x + q) of the transposed convolution (padding 1) sees 2×2 input pixels within (y − 1 … y + 1,
x − 1 … x + 1): for each of the four parities the 4×4 kernel gives 2×2 taps of a 3×3 window, the rest is zeros. Exact on
integers. Engines have faster kernels for the plain convolution.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import (
    add_constant,
    constant,
    input_of,
    insert_before,
    nodes_of,
    only_user,
    replace_nodes,
)


def shuffle_pixels(model: ir.Model) -> int:
    """Returns how many transposed convolutions were replaced."""
    changed = 0
    for node in nodes_of(model, "ConvTranspose"):
        if not _fits(node):
            continue
        weight = _constant_behind(node.inputs[1])
        bias = _constant_behind(input_of(node, 2))
        if weight is None or (input_of(node, 2) is not None and bias is None):
            continue
        inputs = [node.inputs[0], repeated_parameter(model, node, 1, shuffled_weight(weight), 0)]
        if bias is not None:
            inputs.append(repeated_parameter(model, node, 2, np.repeat(bias, 4), 0))
        conv = ir.node("Conv", inputs, {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}, name=str(node.name))
        conv.outputs[0].name = f"{node.outputs[0].name}.parities"
        # Channel order c·4 + p·2 + q: "CRD".
        shuffle = ir.node(
            "DepthToSpace", [conv.outputs[0]], {"blocksize": 2, "mode": "CRD"}, name=f"{node.name}/DepthToSpace"
        )
        replace_nodes(model, [node], [conv, shuffle])
        changed += 1
    return changed


def shuffled_weight(weight: np.ndarray) -> np.ndarray:
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


def _fits(node: ir.Node) -> bool:
    weight, settings = constant(integers(node.inputs[1])), node.attributes
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


def integers(value: ir.Value | None) -> ir.Value | None:
    """The constant itself, or the one behind a dequantise operator."""
    producer = None if value is None else value.producer()
    return producer.inputs[0] if producer is not None and producer.op_type == "DequantizeLinear" else value


def _constant_behind(value: ir.Value | None) -> np.ndarray | None:
    return constant(integers(value))


def repeated_parameter(model: ir.Model, node: ir.Node, index: int, array: np.ndarray, axis: int) -> ir.Value:
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


# A 3×3 convolution behind a pixel shuffle as one in front of it: four times the channels, a quarter of the pixels.
#
# Output pixel (2y + p, 2x + q) sees the shuffled pixels (2y + p + u, 2x + q + v) with u, v in −1…1: all of them lie in
# the 3×3 window around (y, x) before the shuffle. The other taps of the new kernel are zeros, and a shuffled border of
# zeros is a border of zeros. Exact on integers. Few channels on many pixels are what matrix units are worst at.


_MAX_CHANNELS = 16
"""Above this a matrix unit has enough to do, and the zeros cost more than the shape saves."""


def shuffle_behind_conv(model: ir.Model) -> int:
    """Returns how many convolutions were moved in front of a pixel shuffle."""
    changed = 0
    for shuffle in nodes_of(model, "DepthToSpace"):
        dequantise = only_user(shuffle.outputs[0])
        conv = only_user(dequantise.outputs[0]) if dequantise is not None else None
        if (
            dequantise is None
            or conv is None
            or dequantise.op_type != "DequantizeLinear"
            or not _fits_in_front(shuffle, conv)
        ):
            continue
        weight = constant(integers(conv.inputs[1]))
        if weight is None or weight.shape[1] > _MAX_CHANNELS or input_of(conv, 2) is not None:
            continue
        before = ir.node(
            "DequantizeLinear", [shuffle.inputs[0], *dequantise.inputs[1:]], name=f"{dequantise.name}.parities"
        )
        parameter = repeated_parameter(model, conv, 1, weight_before_shuffle(weight), 0)
        settings = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
        moved = ir.node("Conv", [before.outputs[0], parameter], settings, name=str(conv.name))
        moved.outputs[0].name = f"{conv.outputs[0].name}.parities"
        behind = ir.node("DepthToSpace", [moved.outputs[0]], shuffle.attributes, name=f"{conv.name}/DepthToSpace")
        replace_nodes(model, [conv, dequantise, shuffle], [before, moved, behind])
        changed += 1
    return changed


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


def _fits_in_front(shuffle: ir.Node, conv: ir.Node) -> bool:
    settings = conv.attributes
    return (
        shuffle.attributes.get_int("blocksize", 0) == 2
        and shuffle.attributes.get_string("mode", "DCR") == "CRD"
        and conv.op_type == "Conv"
        and tuple(settings.get_ints("kernel_shape", ())) == (3, 3)
        and tuple(settings.get_ints("strides", (1, 1))) == (1, 1)
        and tuple(settings.get_ints("pads", (0,) * 4)) == (1,) * 4
        and tuple(settings.get_ints("dilations", (1, 1))) == (1, 1)
        and settings.get_string("auto_pad", "NOTSET") == "NOTSET"
        and settings.get_int("group", 1) == 1
    )


# A pixel shuffle behind the ReLU and the quantise operator instead of before them.
#
# All three work value by value, so that their order is free. The convolution then has its ReLU and rounding in its own
# kernel, and what is shuffled is a quarter of the bytes.


_MOVED = ("Relu", "QuantizeLinear")


def shuffle_last(model: ir.Model) -> int:
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
