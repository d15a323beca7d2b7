"""A TFLite program in the making: tensors, operators, and the flatbuffer that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

IDENTIFIER = b"TFL3"
_FORMAT = 3
_ALIGNMENT = 16
"""Of constants within the file, in bytes, as the format asks for."""
_TYPES = {
    "float32": "FLOAT32", "int8": "INT8", "int16": "INT16", "int32": "INT32", "uint8": "UINT8", "bool": "BOOL"
}  # fmt: skip
# The version of an operator that has what is asked of it here; 1 where none is named.
_VERSIONS = {
    "CONV_2D": 6, "TRANSPOSE_CONV": 4, "DEQUANTIZE": 2, "PAD": 2, "SLICE": 2, "CONCATENATION": 2, "TRANSPOSE": 2,
    "RESIZE_BILINEAR": 3, "RESIZE_NEAREST_NEIGHBOR": 3, "GATHER": 2, "REVERSE_V2": 2,
}  # fmt: skip
# The table of an operator's options, where it is not called after the operator.
_OPTIONS = {
    "CONV_2D": "Conv2DOptions", "BATCH_MATMUL": "BatchMatMulOptions", "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions", "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions",
    "REVERSE_V2": "ReverseV2Options",
}  # fmt: skip


@dataclass
class Tensor:
    """A value of the program."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray | None = None
    """Of a constant."""
    scales: np.ndarray | None = None
    """Of integers: one, or one for each channel. Real value = (integer − zero_point) · scale."""
    zero_point: int = 0
    axis: int = 0
    """Of the channels."""


@dataclass
class Operator:
    """What is computed, of which tensors; -1 is an input that is left out."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: dict[str, Any] = field(default_factory=dict)


class Program:
    """Tensors by number, operators in the order in which they run."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def add_tensor(self, tensor: Tensor) -> int:
        """Returns its number."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_constant(
        self, name: str, data: np.ndarray, scales: np.ndarray | None = None, zero_point: int = 0, axis: int = 0
    ) -> int:
        """Whole numbers of 64 bits are held in 32, as all indices and shapes are."""
        if data.dtype == np.int64:
            limits = np.iinfo(np.int32)
            data = np.clip(data, limits.min, limits.max).astype(np.int32)
        data = np.ascontiguousarray(data)
        return self.add_tensor(Tensor(name, data.dtype.name, data.shape, data, scales, zero_point, axis))

    def add_operator(
        self, kind: str, inputs: Sequence[int], name: str, dtype: str, shape: Sequence[int], **options: Any
    ) -> int:
        """An operator and the tensor that it gives, whose number is returned; integers keep the first input's scale."""
        first = self.tensors[inputs[0]]
        made = Tensor(name, dtype, tuple(shape))
        if dtype in ("int8", "int16") and first.dtype == dtype:
            made.scales, made.zero_point = first.scales, first.zero_point
        output = self.add_tensor(made)
        self.operators.append(Operator(kind, tuple(inputs), output, options))
        return output

    def pack(self) -> bytes:
        """The file's bytes, the same for the same program."""
        schema: Any = import_module("ai_edge_litert.schema_py_generated")
        flatbuffers: Any = import_module("flatbuffers")
        kinds = sorted({operator.kind for operator in self.operators})
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.description = _FORMAT, "stereo_exp"
        model.operatorCodes = [_operator_code(schema, kind) for kind in kinds]
        # The first buffer is empty: tensors that are computed name it.
        model.buffers = [_buffer(schema, b"")]
        graph.name, graph.inputs, graph.outputs = "main", self.inputs, self.outputs
        graph.tensors = [_tensor(schema, tensor, model.buffers) for tensor in self.tensors]
        graph.operators = [_operator(schema, operator, kinds) for operator in self.operators]
        model.subgraphs = [graph]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())


def _operator_code(schema: Any, kind: str) -> Any:
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, kind)
    # Older readers have the first alone, a byte, in which 127 says: see the second.
    code.deprecatedBuiltinCode, code.builtinCode = min(number, 127), number
    code.version = _VERSIONS.get(kind, 1)
    return code


def _tensor(schema: Any, tensor: Tensor, buffers: list[Any]) -> Any:
    made = schema.TensorT()
    made.name, made.shape, made.type = tensor.name, list(tensor.shape), type_number(schema, tensor.dtype)
    made.hasRank, made.buffer = True, 0
    if tensor.data is not None:
        made.buffer = len(buffers)
        buffers.append(_buffer(schema, tensor.data.tobytes()))
    if tensor.scales is not None:
        steps = schema.QuantizationParametersT()
        steps.scale = tensor.scales.astype(np.float32).ravel()
        steps.zeroPoint = np.full(tensor.scales.size, tensor.zero_point, np.int64)
        steps.quantizedDimension = tensor.axis
        made.quantization = steps
    return made


def _operator(schema: Any, operator: Operator, kinds: list[str]) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = kinds.index(operator.kind), list(operator.inputs), [operator.output]
    table = _OPTIONS.get(operator.kind)
    if table is None:
        table = "".join(part.capitalize() for part in operator.kind.split("_")) + "Options"
    if hasattr(schema, f"{table}T"):
        made.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        made.builtinOptions = getattr(schema, f"{table}T")()
        for name, value in operator.options.items():
            if not hasattr(made.builtinOptions, name):
                raise ValueError(f"{operator.kind} has no option {name}")
            setattr(made.builtinOptions, name, type_number(schema, value) if name.endswith("DataType") else value)
    return made


def type_number(schema: Any, dtype: str) -> int:
    """How the format writes a type of numpy."""
    return int(getattr(schema.TensorType, _TYPES[dtype]))


def _buffer(schema: Any, data: bytes) -> Any:
    """A buffer that begins at a multiple of 16 bytes; the generated code would let it begin anywhere."""

    class Aligned(schema.BufferT):
        def Pack(self, builder: Any) -> Any:
            vector = None
            if data:
                builder.Prep(_ALIGNMENT, len(data))
                vector = builder.CreateByteVector(data)
            schema.BufferStart(builder)
            if vector is not None:
                schema.BufferAddData(builder, vector)
            return schema.BufferEnd(builder)

    return Aligned()
