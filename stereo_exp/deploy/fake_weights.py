"""Fake-quantised ONNX: weights stay float and are quantised in the graph, as QAT has them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_ir as ir
from torch import Tensor

from stereo_exp.deploy.surgery import add_constant, constant, edit, insert_before, nodes_of


def with_fake_weights(model: onnx.ModelProto, weights: Mapping[str, Tensor]) -> onnx.ModelProto:
    """`model` with a quantise operator and the float weights in place of every integer weight.

    Biases stay int32 with a dequantise operator: ONNX quantises to 8 and 16 bits only.

    Args:
        weights: float weights by name, `<module>.weight`.
    """

    def change(edited: ir.Model) -> None:
        for node in nodes_of(edited, "Conv", "ConvTranspose"):
            weight = node.inputs[1]
            dequantise = None if weight is None else weight.producer()
            name = f"{str(node.name).split('/')[0]}.weight"
            if dequantise is None or dequantise.op_type != "DequantizeLinear" or name not in weights:
                continue
            axis = dequantise.attributes["axis"].as_int()
            values = _within(weights[name].numpy(), constant(dequantise.inputs[1]), axis)
            quantise = ir.node(
                "QuantizeLinear",
                [add_constant(edited, name, values), *dequantise.inputs[1:]],
                {"axis": axis},
                name=f"{name}/QuantizeLinear",
            )
            quantise.outputs[0].name = f"{name}.integers"
            insert_before(edited, dequantise, quantise)
            dequantise.replace_input_with(0, quantise.outputs[0])

    return edit(model, change)


def _within(weight: np.ndarray, scale: np.ndarray | None, axis: int) -> np.ndarray:
    """Cut off at −127 steps, as the network's own quantisers do; ONNX would go on to −128."""
    assert scale is not None
    shape = [1] * weight.ndim
    shape[axis] = -1
    lowest = -127 * scale.reshape(shape)
    return np.maximum(weight, lowest).astype(np.float32)
