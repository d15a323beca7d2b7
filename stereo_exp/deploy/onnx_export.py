"""Graphs of ATen operators to ONNX, by torch's dynamo exporter."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import onnx
import onnx_ir as ir
import torch
from onnx import compose, numpy_helper
from torch import Tensor, nn

from stereo_exp.deploy.operators import write_warp
from stereo_exp.deploy.source import LOGITS, VIEWS, QuantisedTensor, Source
from stereo_exp.deploy.surgery import add_constant, constant, edit, insert_before, nodes_of, quiet
from stereo_exp.model import WARP, Regression

OPSET = 21
"""Of what is compiled."""
OLDEST_OPSET = 18
"""The earliest operator set that torch's exporter writes."""
_EXAMPLE = (4, 13)
"""Height and width in multiples of the network's, where they stay open. So wide that a row has several blocks of a
volume (`model.cost_volume.BLOCK`) at any stride: the exporter takes what counts 1 in the example for 1 everywhere."""


def export_onnx(
    module: nn.Module,
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
    multiple: int,
    size: tuple[int, int] | None = None,
    batch: int | None = None,
) -> onnx.ModelProto:
    """`module`, whose inputs are float images N×3×H×W, as ONNX.

    Args:
        multiple: of what height and width are multiples.
        size: height and width; None leaves them open.
        batch: None leaves it open.
    """
    height, width = size or tuple(side * multiple for side in _EXAMPLE)
    example = tuple(torch.zeros(batch or 2, 3, height, width) for _ in inputs)
    open_axes: dict[int, torch.export.Dim] = {}
    if batch is None:
        open_axes[0] = torch.export.Dim("batch", min=1, max=4096)
    if size is None:
        rows, columns = (torch.export.Dim(name, min=1, max=1024) for name in ("rows", "columns"))
        open_axes |= {2: multiple * rows, 3: multiple * columns}
    with quiet():
        program = torch.onnx.export(
            module.eval() if not isinstance(module, torch.fx.GraphModule) else module,
            example,
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=tuple(dict(open_axes) for _ in inputs) if open_axes else None,
            input_names=list(inputs),
            output_names=list(outputs),
            custom_translation_table={WARP: write_warp},
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _name_axes(model, open_axes)
    _name_nodes(model)
    return model


def export_trunk_onnx(
    source: Source, opset: int, size: tuple[int, int] | None = None, batch: int | None = None
) -> onnx.ModelProto:
    """The trunk, float or quantised, as ONNX: normalised images N×3×H×W in, the two maps of logits out."""
    model = export_onnx(source.trunk, VIEWS, LOGITS, opset, source.multiple, size, batch)
    name_tensors(model, source.tensors)
    give_weights_own_zero_points(model)
    return model


# Each engine's form has the same read-out behind it: exported once for a network.
_READOUTS: WeakKeyDictionary[nn.Module, dict[tuple[int, int], onnx.ModelProto]] = WeakKeyDictionary()


def export_readout(regression: Regression, like: onnx.ModelProto, prefix: str = "") -> onnx.ModelProto:
    """The network's read-out as its module computes it: `logits` N×D×h×w -> `low` and `near`, N×1×h×w, and `peak` where
    pixels mix what lies beside it.

    Args:
        like: the version is this one's.
        prefix: of all names.
    """
    opset = next(o.version for o in like.opset_import if o.domain == "")
    found = _READOUTS.setdefault(regression, {})
    key = (max(opset, OLDEST_OPSET), like.ir_version)
    if key not in found:
        found[key] = _export_cells(regression, *key)
    model = onnx.ModelProto()
    model.CopyFrom(found[key])
    return compose.add_prefix(model, prefix)


def _export_cells(regression: Regression, opset: int, ir_version: int) -> onnx.ModelProto:
    sizes = {axis: torch.export.Dim(name, min=1, max=2**20) for axis, name in ((0, "n"), (2, "h"), (3, "w"))}
    example = torch.zeros(2, regression.maxdisp // regression.stride, 3, 5)
    with quiet():
        program = torch.onnx.export(
            _Cells(regression).eval(),
            (example,),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=(sizes,),
            input_names=["logits"],
            output_names=["low", "near", "peak"][: 3 if regression.offsets else 2],
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = ir_version
    _name_nodes(model)
    for value in (*model.graph.input, *model.graph.output):
        for axis in (0, 2, 3):
            value.type.tensor_type.shape.dim[axis].dim_param = "Nchw"[axis]
    del model.graph.value_info[:]
    return model


class _Cells(nn.Module):
    """Logits to what each cell gets, how sure it is, and its strongest candidate."""

    def __init__(self, regression: Regression) -> None:
        super().__init__()
        self.readout: Any = regression.readout
        self.find_peak = regression.find_peak if regression.offsets else None

    def forward(self, logits: Tensor) -> tuple[Tensor, ...]:
        low = self.readout(logits)
        found = (low, self.readout.confidence(logits, low))
        return found if self.find_peak is None else (*found, self.find_peak(logits))


def _name_axes(model: onnx.ModelProto, open_axes: dict[int, torch.export.Dim]) -> None:
    """N, H, W for the open axes of the inputs; the exporter's names are formulas that engines stumble over."""
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis in open_axes:
                dim.Clear()
                dim.dim_param = {0: "N", 2: "H", 3: "W"}[axis]
    for value in model.graph.output:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis in open_axes:
                dim.Clear()
                dim.dim_param = f"{value.name}_{axis}" if axis else "N"
    # Shapes inside follow from the inputs; those noted by the exporter name axes that are gone now.
    del model.graph.value_info[:]


def _name_nodes(model: onnx.ModelProto) -> None:
    """Nodes after the module that they come from; the exporter's notes, with paths of this machine, go."""
    counts: dict[str, int] = {}
    for node in model.graph.node:
        scopes = next((p.value for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"), "['']")
        # ['', 'neck', 'neck.lateral.0', 'conv2d_12']: the last is the operator, before it the innermost module.
        module = (ast.literal_eval(scopes) or [""])[:-1]
        name = f"{module[-1] if module else ''}/{node.op_type}".lstrip("/")
        counts[name] = counts.get(name, -1) + 1
        node.name = f"{name}.{counts[name]}" if counts[name] else name
        del node.metadata_props[:]
        node.doc_string = ""


def name_tensors(model: onnx.ModelProto, tensors: Sequence[QuantisedTensor]) -> None:
    """Call every quantised activation `<name>.integers`, so that an engine's output can be told from the name.

    Raises:
        ValueError: the graph does not quantise what the source quantises.
    """
    constants = {i.name: i for i in model.graph.initializer}
    found = [n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] not in constants]
    scales = [float(numpy_helper.to_array(constants[n.input[1]])) for n in found]
    if scales != [t.scale for t in tensors]:
        raise ValueError(f"the graph quantises {len(scales)} activations, the network {len(tensors)}, or others")
    names = {node.output[0]: integers_name(tensor.name) for node, tensor in zip(found, tensors, strict=True)}
    for node in model.graph.node:
        for values in (node.input, node.output):
            for i, value in enumerate(values):
                values[i] = names.get(value, value)


def give_weights_own_zero_points(model: onnx.ModelProto) -> None:
    """One zero point for each constant that is dequantised, called `<constant>.zero_point`, in place of shared ones.

    Where a processor makes ONNX Runtime turn signed weights into unsigned ones (`session.x64quantprecision`), 1.32
    replaces weight and zero point by name, and refuses the whole graph when it meets a zero point for the second time.
    """
    constants = {i.name: i for i in model.graph.initializer}
    replaced = set()
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in constants or len(node.input) < 3:
            continue
        own = f"{node.input[0]}.zero_point"
        if own not in constants:
            constants[own] = model.graph.initializer.add()
            constants[own].CopyFrom(constants[node.input[2]])
            constants[own].name = own
        replaced.add(node.input[2])
        node.input[2] = own
    used = {name for node in model.graph.node for name in node.input}
    for name in replaced - used:
        model.graph.initializer.remove(constants[name])


def integers_name(tensor: str) -> str:
    """What the integers of a quantised tensor are called in a graph."""
    return f"{tensor}.integers"


# Fake-quantised ONNX: weights stay float and are quantised in the graph, as QAT has them.


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
