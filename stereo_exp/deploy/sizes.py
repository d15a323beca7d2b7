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
"""What these engines have. An `align` form would put every activation out, and none would stay inside a kernel."""
ANOTHER = "compile this network for another engine"


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


class OnePair:
    """A network's trunk for one pair of one size, exported when an engine first asks for it.

    Args:
        source: the network.
        size: height and width; None where they stay open, so that nobody may ask.
        known: the trunk as it is exported already, which serves where it is for one pair of that size.
    """

    def __init__(self, source: Source, size: tuple[int, int] | None, known: onnx.ModelProto) -> None:
        self.source, self.size = source, size
        self._exported = known if size is not None and _shape(known.graph.input[0]) == [1, 3, *size] else None

    def export(self) -> onnx.ModelProto:
        """Normalised images 1×3×H×W in, the two maps of logits out; not to be changed."""
        if self._exported is None:
            self._exported = export_trunk_onnx(self.source, OPSET, self.size, 1)
        return self._exported


def export_forms(
    pair: OnePair, forms: Sequence[str], views_apart: bool = False
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Each of `forms` that these engines have, for one pair of one size, with every size in it known.

    Args:
        views_apart: every operator twice, for an engine without a batch.
    """
    exported = pair.export()
    trunk = trunk_form(with_views_apart(exported) if views_apart else exported)
    for form in (form for form in FORMS if form in forms):
        yield form, fix_sizes(trunk if form == TRUNK else full_form(trunk, pair.source.regression))


def refuse_operator(engine: str, node: onnx.NodeProto, why: str = "") -> ArgumentError:
    """An operator, or a form of it, that has no counterpart in an engine's files."""
    rule = f"its writer knows no {node.op_type}{f' {why}' if why else ''} ({node.name})"
    return ArgumentError("engines", engine, rule, ANOTHER)


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


def read_convolution(
    engine: str, node: onnx.NodeProto, attributes: Mapping[str, Any], kernel: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Strides (down, right) and pads (top, left, bottom, right) of a Conv or a ConvTranspose.

    Args:
        engine: whose writer asks.
        kernel: sizes of the weights' axes behind the channels.

    Raises:
        ArgumentError: it has dilation, other axes than rows and columns, or sizes that its pads do not say.
    """
    if len(kernel) != 2:
        raise refuse_operator(engine, node, "of other axes than rows and columns")
    if set(attributes.get("dilations", [1])) != {1}:
        raise refuse_operator(engine, node, "with dilation")
    if any(attributes.get("output_padding", [])):
        raise refuse_operator(engine, node, "with output padding")
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or "output_shape" in attributes:
        raise refuse_operator(engine, node, "with pads that are not said")
    return attributes.get("strides", [1, 1]), attributes.get("pads", [0, 0, 0, 0])


def read_pad(node: onnx.NodeProto, constants: Mapping[str, np.ndarray]) -> tuple[list[int], float] | None:
    """What a Pad adds before all axes, then behind all axes, and its value; None: it cuts off, or names its axes."""
    _, widths, *more = node.input
    filled, axes = [*more, "", ""][:2]
    if axes or widths not in constants or np.any(constants[widths] < 0):
        return None
    return constants[widths].tolist(), float(constants[filled]) if filled else 0.0


def find_block(rows: np.ndarray | None, length: int) -> int | None:
    """Where a Gather begins whose rows are neighbours on an axis of `length`; None: they are none, or not known."""
    if rows is None or rows.ndim != 1:
        return None
    counted = rows % length
    return int(counted[0]) if np.all(np.diff(counted) == 1) else None


def read_resize(attributes: Mapping[str, Any]) -> str | None:
    """`linear` or `nearest`, of the two forms of Resize that these engines have; None: it is another.

    Their nearest is the pixel before each place. By default ONNX rounds to the nearer one, which is another from an
    enlargement by 3 on.
    """
    if attributes.get("antialias", 0):
        return None
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
        elif node.op_type == "DequantizeLinear" or len(feeds) < len(set(filter(None, node.input))):
            made.graph.node.append(node)
            continue
        else:
            found = ReferenceEvaluator(node).run(None, feeds)
        for name, value in zip(node.output, found, strict=True):
            constants[name] = np.asarray(value)
            made.graph.initializer.append(numpy_helper.from_array(constants[name], name))
    return made


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """0 where an axis is open."""
    return [each.dim_value for each in value.type.tensor_type.shape.dim]


def _known(kind: onnx.TypeProto.Tensor | None) -> list[int] | None:
    """A shape in which nothing is open."""
    if kind is None or not kind.HasField("shape"):
        return None
    sizes = [each.dim_value for each in kind.shape.dim]
    return None if 0 in sizes else sizes
