"""Images as integers at once: normalising by 1/128 and quantising by 1/128 cancel."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, nodes_of


def rewrite(model: ir.Model) -> int:
    """Multiply by a power of two, then quantise: quantise by the quotient instead; both are exact."""
    changed = 0
    for quantise in nodes_of(model, "QuantizeLinear"):
        product = quantise.inputs[0].producer() if quantise.inputs[0] is not None else None
        if product is None or product.op_type != "Mul":
            continue
        factor, scale = constant(product.inputs[1]), constant(quantise.inputs[1])
        if factor is None or scale is None or factor.size != 1 or scale.size != 1 or not _is_power(factor):
            continue
        quotient = (scale / factor.reshape(scale.shape)).astype(np.float32)
        quantise.replace_input_with(0, product.inputs[0])
        quantise.replace_input_with(1, add_constant(model, f"{quantise.name}.scale", quotient))
        if not product.outputs[0].uses():
            model.graph.remove(product, safe=True)
        changed += 1
    return changed


def _is_power(factor: np.ndarray) -> bool:
    return bool(factor > 0) and float(np.frexp(factor.item())[0]) == 0.5
