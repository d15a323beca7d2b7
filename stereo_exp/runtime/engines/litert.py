"""LiteRT with XNNPACK's kernels, on the processor."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.runtime.engines.base import ProcessorEngine, explain_refusal, list_processors

list_devices = list_processors


class LiteRtEngine(ProcessorEngine):
    """An interpreter, one call at a time; see `Engine`."""

    name = "litert"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "cpu"
    ) -> None:
        super().__init__(threads, device, "LiteRT finds cpu here")
        interpreter = import_module("ai_edge_litert.interpreter").Interpreter
        self.version = version("ai-edge-litert")
        try:
            self._interpreter: Any = interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise explain_refusal(path, self.name, error) from None
        numbers = {each["name"]: each["index"] for each in self._interpreter.get_input_details()}
        self._inputs = [numbers[name] for name in inputs]
        found = self._interpreter.get_output_details()
        self.outputs, self._outputs = tuple(each["name"] for each in found), [each["index"] for each in found]

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        with self._lock:
            for number, view in zip(self._inputs, (left, right), strict=True):
                self._interpreter.set_tensor(number, np.ascontiguousarray(view))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(number) for number in self._outputs]
