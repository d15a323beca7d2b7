"""ExecuTorch with XNNPACK's kernels, on the processor; its Python binding brings torch along."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.runtime.engines.base import OUTPUTS, ProcessorEngine, explain_refusal, list_processors

list_devices = list_processors


class ExecuTorchEngine(ProcessorEngine):
    """A program, one call at a time; see `Engine`. Its threads are those of ExecuTorch's own pool, every core."""

    name = "executorch"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "cpu"
    ) -> None:
        super().__init__(threads, device, "ExecuTorch finds cpu here")
        # Its binding takes tensors of torch and nothing else; boards run programs from C++, without either.
        self._as_tensor: Any = import_module("torch").from_numpy
        runtime = import_module("executorch.runtime").Runtime.get()
        self.version = version("executorch")
        self.outputs = OUTPUTS[path.stem]
        try:
            self._method: Any = runtime.load_program(path).load_method("forward")
        except RuntimeError as error:
            raise explain_refusal(path, self.name, error) from None

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        with self._lock:
            found = self._method.execute([self._as_tensor(np.ascontiguousarray(view)) for view in (left, right)])
            # Its buffers are overwritten by the next call.
            return [each.numpy().copy() for each in found]
