"""Layers of a graph: shapes, bits, multiply-accumulates, parameters, bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx
from onnx import helper, shape_inference
from onnxscript import optimizer

from stereo_exp.deploy.surgery import quiet

PARTS = ("images", "backbone", "neck", "volume", "aggregation", "upsampling", "readout", "pixels", "trunk")
"""In the order of the graph; last, what belongs to none."""
# Operators that compute; what moves or views, constants and arithmetic on sizes are no layers.
_COMPUTE = {
    "Conv", "ConvTranspose", "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "LeakyRelu", "Clip", "Resize", "Softmax",
    "ReduceSum", "ReduceMax", "Exp", "Abs", "Floor", "Max", "LessOrEqual", "DepthToSpace", "Concat", "Pad", "Transpose",
    "Slice", "Gather", "Cast",
}  # fmt: skip
# A quantise or dequantise operator is part of the layer before or behind it.
_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
# In a device's fused kernels these follow a convolution without a trip to memory.
FUSED = {"Relu", "LeakyRelu", "Clip", "Add"}


@dataclass(frozen=True)
class Layer:
    """One operator of the graph."""

    name: str
    kind: str
    """Operator type."""
    part: str
    """One of `PARTS`."""
    inputs: tuple[tuple[int, ...], ...]
    """Shapes of what it reads, without parameters."""
    output: tuple[int, ...]
    bits_in: int
    bits_weight: int
    """0: no weights."""
    bits_out: int
    macs: int
    parameters: int
    bytes_read: int
    """Activations."""
    bytes_weights: int
    bytes_written: int
    is_fused: bool
    """Follows a convolution in the same kernel: neither reads that convolution's result nor writes it in between."""

    @property
    def bytes_moved(self) -> int:
        """All of them."""
        return self.bytes_read + self.bytes_weights + self.bytes_written


def count_layers(model: onnx.ModelProto, size: tuple[int, int], batch: int = 1) -> list[Layer]:
    """The layers of a `full` or `trunk` form at one size, in the order of the graph.

    Args:
        size: height and width of the images.
        batch: pairs.
    """
    return _Walk(_fixed(model, size, batch)).run()


def _fixed(model: onnx.ModelProto, size: tuple[int, int], batch: int) -> onnx.ModelProto:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        values = (batch, *size, 3) if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8 else (batch, 3, *size)
        for dim, length in zip(value.type.tensor_type.shape.dim, values, strict=True):
            dim.Clear()
            dim.dim_value = length
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    del fixed.graph.value_info[:]
    # Arithmetic on sizes becomes numbers, with which shapes follow behind every reshape.
    with quiet():
        return shape_inference.infer_shapes(optimizer.optimize(fixed, num_iterations=4))


class _Walk:
    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.nodes = list(graph.node)
        self.constants = {i.name: i for i in graph.initializer}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.bits: dict[str, int] = {}
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            self.shapes[value.name] = tuple(d.dim_value for d in kind.shape.dim)
            self.bits[value.name] = _bits(kind.elem_type)
        self.producers = {o: n for n in self.nodes for o in n.output}
        self.users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def run(self) -> list[Layer]:
        return [self._layer(node) for node in self.nodes if node.op_type in _COMPUTE and self._is_layer(node)]

    def _is_layer(self, node: onnx.NodeProto) -> bool:
        shape = self.shapes.get(node.output[0], ())
        return len(shape) >= 3 and all(n not in self.constants for n in node.input[:1])

    def _layer(self, node: onnx.NodeProto) -> Layer:
        data = [n for n in node.input if n and self._parameter(n) is None and len(self.shapes.get(n, ())) >= 3]
        parameters = [p for n in node.input if n and (p := self._parameter(n)) is not None]
        weighs = node.op_type in ("Conv", "ConvTranspose", "MatMul")
        counted = [p for p in parameters if weighs and p.dims]
        output = self.shapes[node.output[0]]
        fused = self._is_fused(node)
        # What a fused operator takes from its convolution never was in memory.
        read = [n for n in data if not (fused and self._computed_here(n))]
        bits_out = self._bits_behind(node.output[0])
        writes = 0 if self._goes_into_fused(node) else math.prod(output) * bits_out // 8
        return Layer(
            name=node.name or node.output[0],
            kind=node.op_type,
            part=_part(node.name),
            inputs=tuple(self.shapes[n] for n in data),
            output=output,
            bits_in=max((self._bits_before(n) for n in data), default=32),
            bits_weight=_bits(counted[0].data_type) if counted else 0,
            bits_out=bits_out,
            macs=self._macs(node, output),
            parameters=sum(math.prod(p.dims) for p in counted),
            bytes_read=sum(math.prod(self.shapes[n]) * self._bits_before(n) // 8 for n in read),
            bytes_weights=sum(math.prod(p.dims) * _bits(p.data_type) // 8 for p in counted),
            bytes_written=writes,
            is_fused=fused,
        )

    def _parameter(self, name: str) -> onnx.TensorProto | None:
        if name in self.constants:
            return self.constants[name]
        producer = self.producers.get(name)
        if producer is not None and producer.op_type in _QUANTISERS:
            return self._parameter(producer.input[0])
        return None

    def _macs(self, node: onnx.NodeProto, output: tuple[int, ...]) -> int:
        if node.op_type == "MatMul":
            return math.prod(output) * self.shapes[node.input[0]][-1]
        if node.op_type not in ("Conv", "ConvTranspose"):
            return 0
        weight = self._parameter(node.input[1])
        assert weight is not None
        # A convolution multiplies its kernel at every output pixel, a transposed one at every input pixel.
        pixels = output if node.op_type == "Conv" else self.shapes[node.input[0]]
        return math.prod(weight.dims) * pixels[0] * pixels[-2] * pixels[-1]

    def _is_fused(self, node: onnx.NodeProto) -> bool:
        return node.op_type in FUSED and any(self._computed_here(n) for n in node.input)

    def _computed_here(self, name: str) -> bool:
        """Is the value the result of a convolution, or of what is fused to one, that nothing else reads?"""
        producer = self.producers.get(name)
        if producer is None or len(self.users.get(name, [])) != 1:
            return False
        return producer.op_type in ("Conv", "ConvTranspose") or self._is_fused(producer)

    def _goes_into_fused(self, node: onnx.NodeProto) -> bool:
        users = self.users.get(node.output[0], [])
        return len(users) == 1 and self._computed_here(node.output[0]) and self._is_fused(users[0])

    def _bits_before(self, name: str) -> int:
        """Bits in memory: of the integers behind which a value is dequantised."""
        producer = self.producers.get(name)
        if producer is not None and producer.op_type == "DequantizeLinear":
            return self.bits.get(producer.input[0], 8)
        return self.bits.get(name, 32)

    def _bits_behind(self, name: str) -> int:
        users = self.users.get(name, [])
        if users and all(u.op_type == "QuantizeLinear" for u in users):
            return self.bits.get(users[0].output[0], 8)
        return self._bits_before(name)


def _bits(kind: int) -> int:
    return {onnx.TensorProto.BOOL: 8}.get(kind) or helper.tensor_dtype_to_np_dtype(kind).itemsize * 8


def _part(name: str) -> str:
    first = name.split("/")[0].split(".")[0]
    return first if first in PARTS else PARTS[-1]
