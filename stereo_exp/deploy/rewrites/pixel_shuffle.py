"""Transposed 4×4 convolution of stride 2 as a 3×3 convolution to four times the channels and a pixel shuffle.

Output pixel (2y + p, 2x + q) of the transposed convolution (padding 1) sees 2×2 input pixels within (y − 1 … y + 1,
x − 1 … x + 1): for each of the four parities the 4×4 kernel gives 2×2 taps of a 3×3 window, the rest is zeros. Exact on
integers. Engines have faster kernels for the plain convolution.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, input_of, insert_before, nodes_of, replace_nodes


def rewrite(model: ir.Model) -> int:
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
