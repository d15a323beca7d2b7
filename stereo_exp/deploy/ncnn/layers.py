"""A network of ncnn in the making: layers, the text that names them, and the numbers beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_MAGIC = 7767517
_FLOATS = np.zeros(1, np.uint32).tobytes()
"""In front of weights: they are float32."""
_ARRAYS = 23300
"""Parameters that are lists have this added to their number, and a minus sign."""
Parameter = float | Sequence[int]


@dataclass
class Layer:
    """What is computed, of which blobs."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    parameters: Mapping[int, Parameter]
    numbers: bytes = b""


class Layers:
    """In the order in which they run. A blob without batch: one to four axes."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._scalars: dict[bytes, str] = {}

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        parameters: Mapping[int, Parameter] | None = None,
        weights: Sequence[np.ndarray] = (),
    ) -> str:
        """A layer with one output, whose name is returned.

        Args:
            weights: float32; ncnn reads the first as of a type that is told, those behind as they are.
        """
        numbers = b"".join(np.asarray(each, np.float32).tobytes() for each in weights)
        self.layers.append(
            Layer(kind, list(inputs), [output], parameters or {}, (_FLOATS if numbers else b"") + numbers)
        )
        return output

    def add_constant(self, name: str, values: np.ndarray) -> str:
        """A blob of numbers, axes as they are; a single number is kept once."""
        data = np.asarray(values, np.float32)
        if data.size == 1:
            known = self._scalars.get(data.tobytes())
            if known is not None:
                return known
            data, name = data.reshape(1), f"number_{len(self._scalars)}"
            self._scalars[data.tobytes()] = name
        self.layers.append(Layer("MemoryData", [], [name], shape_parameters(data.shape), data.tobytes()))
        return name

    def files(self) -> tuple[str, bytes]:
        """The text of `.param` and the bytes of `.bin`."""
        split = self._split()
        blobs = sum(len(layer.outputs) for layer in split)
        lines = [str(_MAGIC), f"{len(split)} {blobs}"]
        for number, layer in enumerate(split):
            words = [layer.kind, f"{layer.kind}_{number}", str(len(layer.inputs)), str(len(layer.outputs))]
            words += [*layer.inputs, *layer.outputs]
            words += [_parameter(key, value) for key, value in layer.parameters.items()]
            lines.append(" ".join(words))
        return "\n".join(lines) + "\n", b"".join(layer.numbers for layer in split)

    def _split(self) -> list[Layer]:
        """The layers with a copy of a blob for each that reads it: ncnn gives a blob up once it was read."""
        readers = Counter(name for layer in self.layers for name in layer.inputs)
        taken: Counter[str] = Counter()
        found: list[Layer] = []
        for layer in self.layers:
            inputs = []
            for name in layer.inputs:
                inputs.append(f"{name}.{taken[name]}" if readers[name] > 1 else name)
                taken[name] += 1
            found.append(Layer(layer.kind, inputs, layer.outputs, layer.parameters, layer.numbers))
            for name in layer.outputs:
                if readers[name] > 1:
                    found.append(Layer("Split", [name], [f"{name}.{copy}" for copy in range(readers[name])], {}))
        return found


def shape_parameters(shape: Sequence[int]) -> dict[int, Parameter]:
    """How layers are told a shape: width, height, depth, channels."""
    keys = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}[len(shape)]
    return dict(sorted(zip(keys, shape, strict=True)))


def _parameter(key: int, value: Parameter) -> str:
    if isinstance(value, int | float):
        return f"{key}={value}"
    return f"-{_ARRAYS + key}={','.join(map(str, (len(value), *value)))}"
