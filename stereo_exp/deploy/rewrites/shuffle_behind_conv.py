"""A 3×3 convolution behind a pixel shuffle as one in front of it: four times the channels, a quarter of the pixels.

Output pixel (2y + p, 2x + q) sees the shuffled pixels (2y + p + u, 2x + q + v) with u, v in −1…1: all of them lie in
the 3×3 window around (y, x) before the shuffle. The other taps of the new kernel are zeros, and a shuffled border of
zeros is a border of zeros. Exact on integers. Few channels on many pixels are what matrix units are worst at.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.rewrites.pixel_shuffle import integers, repeated_parameter
from stereo_exp.deploy.surgery import constant, input_of, nodes_of, only_user, replace_nodes

_MAX_CHANNELS = 16
"""Above this a matrix unit has enough to do, and the zeros cost more than the shape saves."""


def rewrite(model: ir.Model) -> int:
    """Returns how many convolutions were moved in front of a pixel shuffle."""
    changed = 0
    for shuffle in nodes_of(model, "DepthToSpace"):
        dequantise = only_user(shuffle.outputs[0])
        conv = only_user(dequantise.outputs[0]) if dequantise is not None else None
        if dequantise is None or conv is None or dequantise.op_type != "DequantizeLinear" or not _fits(shuffle, conv):
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


def _fits(shuffle: ir.Node, conv: ir.Node) -> bool:
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
