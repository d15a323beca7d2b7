"""Colour conversion rounded by the quantise operator itself instead of by a floor before it.

The sums are whole multiples of 1/256, so floor(x) = round(x − 1/2 + 1/512): never a tie, nothing left to break it.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, nodes_of, only_user

_STEPS = 256


def rewrite(model: ir.Model) -> int:
    """Returns how many floors behind a convolution of such sums were removed."""
    changed = 0
    for floor in nodes_of(model, "Floor"):
        quantise = only_user(floor.outputs[0])
        conv = floor.inputs[0].producer() if floor.inputs[0] is not None else None
        if quantise is None or quantise.op_type != "QuantizeLinear" or conv is None or conv.op_type != "Conv":
            continue
        scale = constant(quantise.inputs[1])
        weight, bias = (constant(value) for value in conv.inputs[1:3]) if len(conv.inputs) > 2 else (None, None)
        if scale is None or scale.size != 1 or float(scale.item()) != 1 or weight is None or bias is None:
            continue
        on_grid = all(np.all(values * _STEPS == np.rint(values * _STEPS)) for values in (weight, bias))
        if not on_grid or only_user(conv.outputs[0]) is not floor:
            continue
        shifted = bias - np.float32(0.5) + np.float32(0.5 / _STEPS)
        conv.replace_input_with(2, add_constant(model, f"{conv.name}.offset", shifted.astype(np.float32)))
        quantise.replace_input_with(0, conv.outputs[0])
        changed += 1
    return changed
