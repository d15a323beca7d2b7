"""Graphs whose sizes are all known, for engines whose programs are for one size."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator


def fix_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, whose inputs have a fixed size, with the size and the type of every value written down.

    Whatever is computed of sizes alone becomes a constant.

    Raises:
        ValueError: a size stays open.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for value in made.graph.output:
        if _known(value.type.tensor_type) is None:
            # Names of open axes are inferred anew.
            value.type.tensor_type.ClearField("shape")
    while True:
        inferred = shape_inference.infer_shapes(made, data_prop=True)
        folded = _fold(inferred)
        if len(folded.graph.node) == len(inferred.graph.node):
            break
        made = folded
    graph = inferred.graph
    values = (*graph.value_info, *graph.output)
    sizes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    for node in graph.node:
        for name in node.output:
            if name not in sizes or 0 in sizes[name]:
                raise ValueError(f"the size of {name} is open")
    return inferred


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` without nodes that read constants or known sizes alone; what is dequantised stays."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.value_info[:]
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    typed = {v.name: v.type.tensor_type for v in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        feeds = {name: constants[name] for name in node.input if name in constants}
        if node.op_type == "Shape" and (size := _known(typed.get(node.input[0]))) is not None:
            bounds = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            found = [np.asarray(size[bounds.get("start", 0) : bounds.get("end")], np.int64)]
        elif node.op_type == "DequantizeLinear" or len(feeds) < sum(map(bool, node.input)):
            made.graph.node.append(node)
            continue
        else:
            found = ReferenceEvaluator(node).run(None, feeds)
        for name, value in zip(node.output, found, strict=True):
            constants[name] = np.asarray(value)
            made.graph.initializer.append(numpy_helper.from_array(constants[name], name))
    return made


def _known(kind: onnx.TypeProto.Tensor | None) -> list[int] | None:
    """A shape in which nothing is open."""
    if kind is None or not kind.HasField("shape"):
        return None
    sizes = [each.dim_value for each in kind.shape.dim]
    return None if 0 in sizes else sizes
