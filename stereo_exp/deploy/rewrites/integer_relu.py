"""ReLU behind the quantise operator instead of before it, as a maximum of integers.

max(round(x), 0) = round(max(x, 0)), saturation included. The convolution then stands right before the quantise
operator, which is what ONNX Runtime fuses into an integer convolution.
"""

from __future__ import annotations

import onnx_ir as ir

from stereo_exp.deploy.surgery import constant, input_of, nodes_of, only_user, replace_nodes


def rewrite(model: ir.Model) -> int:
    """Returns how many activations were moved."""
    changed = 0
    for relu in nodes_of(model, "Relu"):
        source, quantise = relu.inputs[0], only_user(relu.outputs[0])
        if source is None or quantise is None or quantise.op_type != "QuantizeLinear" or only_user(source) is not relu:
            continue
        producer = source.producer()
        if producer is None or producer.op_type != "Conv":
            continue
        zero_point = input_of(quantise, 2)
        array = constant(zero_point)
        if array is None or array.size != 1:
            continue
        before = ir.node("QuantizeLinear", [source, *quantise.inputs[1:]], name=quantise.name)
        before.outputs[0].name = f"{quantise.outputs[0].name}.before_relu"
        before.outputs[0].type = quantise.outputs[0].type
        maximum = ir.node("Max", [before.outputs[0], zero_point], name=f"{relu.name}/Max")
        maximum.outputs[0].type = before.outputs[0].type
        replace_nodes(model, [quantise, relu], [before, maximum])
        changed += 1
    return changed
