"""What rewriting a graph takes: reading constants, putting nodes in place of others, sweeping up.

Where what is replaced always looks the same, `replace_pattern` finds it; where it does not, `nodes_of` and `only_user`
walk the graph, and `replace_nodes` puts in what was made. Exporters are kept `quiet` meanwhile.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import shape_inference
from onnx_ir.passes.common import RemoveUnusedNodesPass, TopologicalSortPass
from onnxscript.rewriter.pattern import RewriteRule

_TALKATIVE = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "nncf")


@contextmanager
def quiet() -> Iterator[None]:
    """Only errors: no remarks on optional packages, names of axes, modes of graphs and merged constants."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def edit(model: onnx.ModelProto, change: Callable[[ir.Model], object]) -> onnx.ModelProto:
    """A copy of `model` after `change`, sorted, without nodes and constants that nothing uses any more."""
    edited = ir.from_proto(model)
    change(edited)
    sweep(edited)
    proto = ir.to_proto(edited)
    onnx.checker.check_model(proto)
    return proto


def sweep(model: ir.Model) -> ir.Model:
    """`model` itself, sorted, without nodes and constants that nothing uses."""
    with quiet():
        TopologicalSortPass()(model)
        RemoveUnusedNodesPass()(model)
    return model


def nodes_of(model: ir.Model, *kinds: str) -> Iterator[ir.Node]:
    """The nodes of some operator types (none named: all), in order; safe against changes while they are walked."""
    yield from [node for node in model.graph if not kinds or node.op_type in kinds]


def input_of(node: ir.Node, index: int) -> ir.Value | None:
    """An input that may be left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def constant(value: ir.Value | None) -> np.ndarray | None:
    """What a constant holds; None for anything computed."""
    if value is None or value.const_value is None:
        return None
    return value.const_value.numpy()


def find_producer(value: ir.Value) -> ir.Node:
    """The operator that gives `value`, which is no input and no constant."""
    node = value.producer()
    assert node is not None
    return node


def skip_dequantize(value: ir.Value | None) -> ir.Value | None:
    """The integers behind a dequantise operator; of anything else the value itself."""
    producer = None if value is None else value.producer()
    return producer.inputs[0] if producer is not None and producer.op_type == "DequantizeLinear" else value


def add_constant(model: ir.Model, name: str, array: np.ndarray) -> ir.Value:
    """A new initialiser; where the name is taken, a number is added."""
    unique, count = name, 0
    while unique in model.graph.initializers:
        count += 1
        unique = f"{name}.{count}"
    value = ir.Value(
        name=unique,
        const_value=ir.tensor(array, name=unique),
        shape=ir.Shape(array.shape),
        type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
    )
    model.graph.initializers[unique] = value
    return value


def insert_before(model: ir.Model, place: ir.Node, *nodes: ir.Node) -> None:
    """Put new nodes in front of one."""
    model.graph.insert_before(place, list(nodes))


def replace_nodes(model: ir.Model, old: Sequence[ir.Node], new: Sequence[ir.Node]) -> None:
    """Put a chain of new nodes in place of others that nothing else reads.

    The output of the last new node takes over name, type and shape of the first old node's, and whoever read that.
    """
    value, fresh = old[0].outputs[0], new[-1].outputs[0]
    name = value.name
    insert_before(model, old[0], *new)
    fresh.type, fresh.shape = fresh.type or value.type, fresh.shape or value.shape
    value.replace_all_uses_with(fresh, replace_graph_outputs=True)
    model.graph.remove(list(old), safe=True)
    # Two outputs of a graph must not share a name, not even while one is on its way out.
    value.name = f"{name}.replaced"
    fresh.name = name


def only_user(value: ir.Value) -> ir.Node | None:
    """The node that reads `value`, where exactly one does and the graph does not put it out."""
    users = [use.node for use in value.uses()]
    return users[0] if len(users) == 1 and not value.is_graph_output() else None


def replace_pattern(
    model: ir.Model,
    pattern: Callable[..., Any],
    replacement: Callable[..., Any],
    condition: Callable[..., bool] | None = None,
    is_shared: bool = False,
) -> int:
    """Put something else wherever a pattern of operators is found, by `onnxscript.rewriter`.

    Args:
        pattern: (op, inputs...) -> the last operator's output, by what must be found. The values between are bound to
            the names that `_outputs` gives them.
        replacement: (op, **values by name) -> what takes that output's place; None leaves the place as it is.
        condition: (context, **values by name) -> whether to.
        is_shared: others may read what lies between; without it such a place is left as it is.

    Returns:
        In how many places.
    """
    rule = RewriteRule(pattern, replacement, condition, remove_nodes=not is_shared)
    return int(rule.apply_to_model(model))


def repeat_node(op: Any, value: ir.Value, *inputs: ir.Value | None) -> ir.Value:
    """For a replacement: the operator that gives `value`, with its name and attributes, on other inputs."""
    node = find_producer(value)
    return getattr(op, node.op_type)(*inputs, _domain=node.domain, _name=node.name, **node.attributes)


# Down to the operator sets of chip tool chains: 11 to 17, for graphs of fixed size.


# The operators of a fixed-size network, and since when they mean what they mean in 18.
_SINCE = {
    "Conv": 11, "ConvTranspose": 11, "Relu": 6, "LeakyRelu": 6, "Clip": 11, "Add": 7, "Mul": 7, "Div": 7, "MatMul": 9,
    "Concat": 11, "Slice": 11, "Transpose": 1, "Reshape": 5, "Pad": 11, "Resize": 11, "Softmax": 11,
    "QuantizeLinear": 10, "DequantizeLinear": 10, "Sub": 7, "Exp": 6, "Min": 8, "Cast": 9, "Expand": 8,
    "DepthToSpace": 11, "ReduceSum": 11, "ReduceMax": 11, "ReduceL2": 11, "GreaterOrEqual": 11, "Identity": 1,
}  # fmt: skip
# Since when their axes are an input; before, an attribute.
_AXES_SINCE = {"ReduceSum": 13, "ReduceMax": 18, "ReduceL2": 18}
# Attributes that came later and whose default is what we have.
_LATER = {"Reshape": ("allowzero",), "Resize": ("antialias", "axes", "exclude_outside", "keep_aspect_ratio_policy")}


def lower(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """`model`, of a fixed size and operator set 18 or later, in an earlier one.

    Raises:
        ValueError: an operator that has no earlier form here.
    """

    def change(edited: ir.Model) -> None:
        for node in nodes_of(edited):
            if _SINCE.get(node.op_type, 99) > opset:
                raise ValueError(f"{node.op_type} ({node.name}) has no form in operator set {opset}")
            for attribute in _LATER.get(node.op_type, ()):
                node.attributes.pop(attribute, None)
            if node.op_type == "Resize" and opset < 13:
                # Its region of interest may be left out only later; it is not looked at.
                node.replace_input_with(1, add_constant(edited, "no_region", np.zeros(0, np.float32)))
            if node.op_type == "Softmax" and opset < 13:
                _softmax_last(edited, node)
            if opset < _AXES_SINCE.get(node.op_type, 0):
                _axes_as_attribute(edited, node)
            if node.op_type == "GreaterOrEqual" and opset < 12:
                less = ir.node("Less", node.inputs, name=f"{node.name}/less")
                replace_nodes(edited, [node], [less, ir.node("Not", less.outputs, name=node.name)])
        edited.graph.opset_imports[""] = opset
        edited.ir_version = min(edited.ir_version or 10, 8)

    inferred = shape_inference.infer_shapes(model)
    return edit(inferred, change)


def _axes_as_attribute(model: ir.Model, node: ir.Node) -> None:
    axes = constant(input_of(node, 1))
    if axes is None:
        raise ValueError(f"{node.op_type} ({node.name}) computes its axes, and has no earlier form")
    attributes = {"axes": axes.tolist(), "keepdims": node.attributes["keepdims"].as_int()}
    replace_nodes(model, [node], [ir.node(node.op_type, node.inputs[:1], attributes, name=node.name)])


def _softmax_last(model: ir.Model, node: ir.Node) -> None:
    """Before 13 it ran over everything from its axis on: over the last axis alone it means the same."""
    there = ir.node("Transpose", [node.inputs[0]], {"perm": [0, 2, 3, 1]}, name=f"{node.name}/last")
    softmax = ir.node("Softmax", [there.outputs[0]], {"axis": 3}, name=node.name)
    back = ir.node("Transpose", [softmax.outputs[0]], {"perm": [0, 3, 1, 2]}, name=f"{node.name}/back")
    replace_nodes(model, [node], [there, softmax, back])
