"""Graphs whose sizes are all known, for engines whose files are for one size, and what their writers read of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from stereo_exp.base import ArgumentError
from stereo_exp.deploy.forms import full_form, trunk_form
from stereo_exp.deploy.onnx_export import OPSET, export_trunk_onnx
from stereo_exp.deploy.portable import with_views_apart
from stereo_exp.deploy.source import Source
from stereo_exp.runtime import FULL, TRUNK

FORMS = (FULL, TRUNK)
"""What these engines have: as outputs, every activation would not be computed inside their kernels any more."""


def require_size(engine: str, size: tuple[int, int] | None, rule: str) -> tuple[int, int]:
    """The size that was asked for.

    Args:
        rule: why there must be one.

    Raises:
        ArgumentError: it is open.
    """
    if size is None:
        raise ArgumentError("engines", engine, rule, "compile for one size, e.g. {size}=[544,960]")
    return size


def export_forms(
    source: Source, forms: Sequence[str], size: tuple[int, int], views_apart: bool = False
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Each of `forms` that these engines have, for one pair of one size, with every size in it known.

    Args:
        views_apart: every operator twice, for an engine without a batch.
    """
    exported = export_trunk_onnx(source, OPSET, size, 1)
    trunk = trunk_form(with_views_apart(exported) if views_apart else exported)
    for form in (form for form in FORMS if form in forms):
        yield form, fix_sizes(trunk if form == TRUNK else full_form(trunk, source.regression))


def refuse_operator(engine: str, node: onnx.NodeProto, why: str = "") -> ArgumentError:
    """An operator, or a form of it, that has no counterpart in an engine's files."""
    rule = f"its writer knows no {node.op_type}{f' {why}' if why else ''} ({node.name})"
    return ArgumentError("engines", engine, rule, "compile this network for another engine")


def read_constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """A graph's initializers by name."""
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def read_types(graph: onnx.GraphProto) -> dict[str, onnx.TypeProto.Tensor]:
    """Type and shape of every value of a graph that says so, its inputs and outputs among them."""
    return {v.name: v.type.tensor_type for v in (*graph.value_info, *graph.input, *graph.output)}


def read_shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """The shape of every value of a graph from `fix_sizes`."""
    return {name: tuple(d.dim_value for d in kind.shape.dim) for name, kind in read_types(graph).items()}


def read_slice(node: onnx.NodeProto, constants: Mapping[str, np.ndarray], rank: int) -> tuple[list[int], ...]:
    """Starts, ends, axes and steps of a Slice; axes count from the front, steps are 1 where unsaid."""
    starts, ends, *more = (constants[name].tolist() if name else [] for name in node.input[1:])
    axes, steps = [*more, [], []][:2]
    axes = [axis % rank for axis in axes] or list(range(len(starts)))
    return starts, ends, axes, steps or [1] * len(axes)


def read_resize(attributes: Mapping[str, Any]) -> str | None:
    """`linear` or `nearest`, of the two forms of Resize that these engines have; None: it is another.

    Their nearest is the pixel before each place. By default ONNX rounds to the nearer one, which is another from an
    enlargement by 3 on.
    """
    rule = attributes.get("coordinate_transformation_mode", b"half_pixel")
    mode, nearest = attributes.get("mode", b"nearest"), attributes.get("nearest_mode", b"round_prefer_floor")
    if (mode, rule) == (b"linear", b"half_pixel"):
        return "linear"
    return "nearest" if (mode, rule, nearest) == (b"nearest", b"asymmetric", b"floor") else None


def fix_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, whose inputs have a fixed size, with the size and the type of every value written down.

    Whatever is computed of sizes alone becomes a constant.

    Raises:
        ArgumentError: a size stays open.
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
                rule = f"its size stays open although the graph's inputs have one ({node.op_type})"
                raise ArgumentError("output", name, rule, "compile this network for onnxruntime, which takes any size")
    return inferred


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` without nodes that read constants or known sizes alone; what is dequantised stays."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.value_info[:]
    constants, typed = read_constants(model.graph), read_types(model.graph)
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
