"""The values of an ONNX graph while it becomes a program: where they are, and the order of their axes in memory.

TFLite's convolutions want channels last. A transposition moves nothing: it only says that the order is another one.
Where an operator wants a certain order, the value is moved to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper

from stereo_exp.base import ArgumentError
from stereo_exp.deploy.sizes import read_constants, read_shapes, read_types, refuse_operator
from stereo_exp.deploy.tflite.program import Program, Tensor

NAME = "litert"
LAST = (0, 2, 3, 1)
"""Where N, C, H and W lie in memory: channels last."""
_NO_ACTIVATION, _RELU = 0, 1


class Value(NamedTuple):
    """A tensor of the program, and which axis of the graph's value each of its axes is."""

    tensor: int
    order: tuple[int, ...]


class Steps(NamedTuple):
    """Constant integers around zero: real value = integer · scale."""

    integers: np.ndarray
    scale: np.ndarray


class Values:
    """What of a graph is translated so far, and the program that it becomes.

    Args:
        model: every size of which is known, see `stereo_exp.deploy.sizes`; nodes that become one operator are
            changed.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.program = Program()
        self.constants, self._shapes = read_constants(graph), read_shapes(graph)
        self.steps: dict[str, Steps] = {}
        """Constants that are dequantised, as integers."""
        self.integers: dict[str, str] = {}
        """A value that is dequantised -> its integers."""
        self.done: set[str] = set()
        """Outputs of nodes that were translated together with the one before."""
        self._values: dict[str, Value] = {}
        self.types = {name: _dtype(kind.elem_type) for name, kind in read_types(graph).items()}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._outputs = [each.name for each in graph.output]
        for each in graph.input:
            tensor = self.program.add_tensor(Tensor(each.name, self.types[each.name], self.shape(each.name)))
            self.program.inputs.append(tensor)
            self._values[each.name] = Value(tensor, tuple(range(len(self.shape(each.name)))))

    def finish(self) -> Program:
        """The program, with its outputs called and laid out as the graph's."""
        for name in self._outputs:
            tensor = self.operand(name, range(len(self.shape(name))))
            self.program.tensors[tensor].name = name
            self.program.outputs.append(tensor)
        return self.program

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a value or a constant, its axes as the graph has them."""
        return self.constants[name].shape if name in self.constants else self._shapes[name]

    def find(self, name: str) -> Value:
        """Where a value is. Floats are made of integers here, when somebody asks for them; so are constants."""
        if name in self.constants:
            order = tuple(range(self.constants[name].ndim))
            return Value(self.operand(name, order), order)
        if name not in self._values and name in self.integers:
            of = self._values[self.integers[name]]
            self._values[name] = Value(self.add(name, "DEQUANTIZE", [of.tensor], of.order), of.order)
        return self._values[name]

    def order_of(self, name: str) -> tuple[int, ...] | None:
        """In which order a value has its axes in memory; None of a constant."""
        found = self._values.get(name) or self._values.get(self.integers.get(name, ""))
        return None if found is None else found.order

    def operand(self, name: str, order: Sequence[int]) -> int:
        """The tensor of a value with its axes in that order; one of fewer axes has others of size 1 in front."""
        order = tuple(order)
        if name in self.constants:
            data = self.constants[name]
            data = data.reshape((1,) * (len(order) - data.ndim) + data.shape).transpose(order)
            return self.program.add_constant(name, data)
        value = self.find(name)
        missing = len(order) - len(value.order)
        if missing:
            shape = (*(1,) * missing, *self.program.tensors[value.tensor].shape)
            whole = (*range(missing), *(axis + missing for axis in value.order))
            value = Value(self.reshape(value.tensor, shape), whole)
        return self._move(value, order)

    def _move(self, value: Value, order: tuple[int, ...]) -> int:
        if value.order == order:
            return value.tensor
        given = self.program.tensors[value.tensor]
        moves = [value.order.index(axis) for axis in order]
        shape = tuple(given.shape[axis] for axis in moves)
        wide = [axis for axis in moves if given.shape[axis] > 1]
        if wide == sorted(wide):
            return self.reshape(value.tensor, shape)
        axes = self.program.add_constant(f"{given.name}.axes", np.asarray(moves))
        return self.program.add_operator("TRANSPOSE", [value.tensor, axes], f"{given.name}.moved", given.dtype, shape)

    def reshape(self, tensor: int, shape: Sequence[int]) -> int:
        """As many values in another shape, none of them moved."""
        given = self.program.tensors[tensor]
        size = self.program.add_constant(f"{given.name}.shape", np.asarray(shape))
        return self.program.add_operator(
            "RESHAPE", [tensor, size], f"{given.name}.shaped", given.dtype, shape, newShape=list(shape)
        )

    def pad(self, tensor: int, sides: Sequence[tuple[int, int]], name: str) -> int:
        """With zeros, before and behind each axis in memory."""
        given = self.program.tensors[tensor]
        widths = self.program.add_constant(f"{name}.pads", np.asarray(sides))
        shape = [length + sum(side) for length, side in zip(given.shape, sides, strict=True)]
        return self.program.add_operator("PAD", [tensor, widths], f"{name}.padded", given.dtype, shape)

    def slice(self, name: str, value: Value, begins: Sequence[int]) -> None:
        """Give the block of `value` that begins there, in memory, and is as large as `name` is."""
        sizes = [self.shape(name)[axis] for axis in value.order]
        limits = [self.program.add_constant(f"{name}.{i}", np.asarray(each)) for i, each in enumerate((begins, sizes))]
        self.give(name, "SLICE", [value.tensor, *limits], value.order)

    def add(self, name: str, kind: str, tensors: Sequence[int], order: Sequence[int], **options: Any) -> int:
        """An operator whose result has the type and the shape of a value of the graph, its axes in that order."""
        shape = [self.shape(name)[axis] for axis in order]
        return self.program.add_operator(kind, tensors, name, self.types[name], shape, **options)

    def give(self, name: str, kind: str, tensors: Sequence[int], order: Sequence[int], **options: Any) -> None:
        """A value of the graph, by an operator."""
        self.put(name, self.add(name, kind, tensors, order, **options), order)

    def put(self, name: str, tensor: int, order: Sequence[int]) -> None:
        """A value of the graph is there: this tensor, its axes in that order."""
        self._values[name] = Value(tensor, tuple(order))

    def give_plain(self, node: onnx.NodeProto, kind: str, **options: Any) -> None:
        """What works value by value: the axes stay as the first whole input has them."""
        rank = len(self.shape(node.output[0]))
        found = (self.order_of(name) for name in node.input)
        order = next((each for each in found if each is not None and len(each) == rank), tuple(range(rank)))
        self.give(node.output[0], kind, [self.operand(name, order) for name in node.input], order, **options)

    def set_steps(self, quantize: onnx.NodeProto) -> None:
        """Of what a quantise operator puts out: its scale and zero point."""
        made = self.program.tensors[self._values[quantize.output[0]].tensor]
        made.scales = self.constants[quantize.input[1]].reshape(-1)
        made.zero_point = int(self.constants[quantize.input[2]])

    def reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The one node that reads a value, if it is of that kind."""
        readers = self._readers.get(name, [])
        alone = len(readers) == 1 and name not in self._outputs and readers[0].op_type == kind
        return readers[0] if alone else None

    def take_relu(self, node: onnx.NodeProto) -> dict[str, int]:
        """The option of an operator that takes a ReLU along; `node` then puts out what that would."""
        relu = self.reader(node.output[0], "Relu")
        if relu is None:
            return {"fusedActivationFunction": _NO_ACTIVATION}
        self.skip(node, relu)
        return {"fusedActivationFunction": _RELU}

    def skip(self, node: onnx.NodeProto, behind: onnx.NodeProto) -> None:
        """`node` puts out what `behind` would, which is translated together with it."""
        node.output[0] = behind.output[0]
        self.done.add(behind.output[0])


def refuse(node: onnx.NodeProto, why: str = "") -> ArgumentError:
    """An operator, or a form of it, that has no counterpart here."""
    return refuse_operator(NAME, node, why)


def _dtype(kind: int) -> str:
    """Whole numbers of 64 bits are indices and shapes, which TFLite holds in 32."""
    name = np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name
    return "int32" if name == "int64" else name


def regroup(before: Sequence[int], order: Sequence[int], after: Sequence[int]) -> tuple[int, ...] | None:
    """In which order in memory a reshaped value has its axes, if nothing is moved; None where something must be.

    Axes are split and merged in groups of equal size. A group may lie anywhere in memory, if its axes lie there side by
    side in their order; axes of size 1 may lie anywhere.

    Args:
        before: shape.
        order: of `before`'s axes in memory.
        after: shape, with as many values.
    """
    old, new = ([axis for axis, size in enumerate(shape) if size > 1] for shape in (before, after))
    groups: list[tuple[list[int], list[int]]] = []
    while old:
        left, right = [old.pop(0)], [new.pop(0)]
        while (sizes := [math.prod(before[a] for a in left), math.prod(after[a] for a in right)])[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                left.append(old.pop(0))
            else:
                right.append(new.pop(0))
        groups.append((left, right))
    wide = [axis for axis in order if before[axis] > 1]
    made = [axis for axis, size in enumerate(after) if size == 1]
    while wide:
        left, right = next(group for group in groups if wide[0] in group[0])
        if wide[: len(left)] != left:
            return None
        made += right
        del wide[: len(left)]
    return tuple(made)
