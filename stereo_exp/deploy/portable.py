"""Graphs for engines that take less of ONNX than ONNX Runtime: each view for itself, biases in float.

The trunk lays both views on the batch axis, which mobile runtimes do not know or do not slice (ncnn has none). TensorRT
takes no integer biases. Neither change makes another number of anything.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir

from stereo_exp.deploy.surgery import add_constant, constant, edit, find_producer, input_of, insert_before, nodes_of

_SIZED = {"Reshape": 1, "Expand": 1, "Resize": 3}
"""Operators that are told whole shapes, and which of their inputs says them."""
_Halves = dict[ir.Value, tuple[ir.Value, ir.Value]]


def with_views_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, of a fixed size and batch, with every operator on both views twice: for the left one and for the right.

    Args:
        model: left, right N×3×H×W in; the views are joined once on the batch axis and taken apart by slices.

    Raises:
        ValueError: the graph does not join its views, or does something with both that cannot be told apart.
    """
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    if not batch:
        raise ValueError("views are taken apart in graphs of a fixed batch")

    def change(edited: ir.Model) -> None:
        halves: _Halves = {}
        for node in nodes_of(edited):
            if node.op_type == "Concat" and node.attributes["axis"].as_int() == 0 and len(node.inputs) == 2:
                left, right = node.inputs
                assert left is not None and right is not None
                halves[node.outputs[0]] = left, right
            elif any(value in halves for value in node.inputs):
                _take_apart(edited, node, halves, batch)
        if not halves:
            raise ValueError("the graph does not join its views on the batch axis")

    return edit(model, change)


def _take_apart(model: ir.Model, node: ir.Node, halves: _Halves, batch: int) -> None:
    if node.op_type == "Slice" and _constant_list(node, 3) == [0]:
        first = _constant_list(node, 1)
        assert node.inputs[0] is not None
        half = halves[node.inputs[0]][0 if first == [0] else 1]
        node.outputs[0].replace_all_uses_with(half, replace_graph_outputs=True)
        return
    if node.op_type in ("Shape", "Slice", "Gather", "MatMul") or node.outputs[0].is_graph_output():
        raise ValueError(f"{node.op_type} ({node.name}) looks at both views at once")
    made = []
    for side, name in enumerate(("left", "right")):
        inputs = [halves[value][side] if value in halves else value for value in node.inputs]
        place = _SIZED.get(node.op_type)
        if place is not None and (shape := constant(input_of(node, place))) is not None and shape[0] == 2 * batch:
            inputs[place] = add_constant(
                model, f"{node.name}.size", np.concatenate([[batch], shape[1:]]).astype(np.int64)
            )
        copy = ir.node(node.op_type, inputs, dict(node.attributes), domain=node.domain, name=f"{node.name}.{name}")
        copy.outputs[0].name = f"{node.outputs[0].name}.{name}"
        insert_before(model, node, copy)
        made.append(copy.outputs[0])
    halves[node.outputs[0]] = made[0], made[1]


def _constant_list(node: ir.Node, index: int) -> list[int] | None:
    found = constant(input_of(node, index))
    return None if found is None else found.tolist()


def with_float_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the float value of every bias in place of its integers and the operator that scales them."""

    def change(edited: ir.Model) -> None:
        for node in nodes_of(edited, "Conv", "ConvTranspose"):
            bias = input_of(node, 2)
            if bias is None or bias.producer() is None:
                continue
            dequantise = find_producer(bias)
            integers, scale = (constant(input_of(dequantise, i)) for i in range(2))
            if dequantise.op_type != "DequantizeLinear" or integers is None or scale is None:
                continue
            node.replace_input_with(2, add_constant(edited, f"{node.name}.bias", integers.astype(np.float32) * scale))

    return edit(model, change)
