"""ExecuTorch with XNNPACK's kernels, on the processor; its Python binding brings torch along."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.runtime.engines.base import OperatorTime, explain_refusal

_OUTPUTS = {"full": ("disparity", "confidence"), "trunk": ("disparity_logits", "superpixel_logits")}
"""By the form that the file is called after: a program does not name its outputs."""


def list_devices() -> list[str]:
    """What `device` may be here."""
    return ["cpu"]


class ExecuTorchEngine:
    """A program, one call at a time; see `Engine`. Its threads are those of ExecuTorch's own pool, every core."""

    name = "executorch"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "cpu"
    ) -> None:
        if device.lower() not in list_devices():
            raise ArgumentError("device", device, "ExecuTorch finds cpu here", "try {device}=cpu")
        # Its binding takes tensors of torch and nothing else; boards run programs from C++, without either.
        self._as_tensor: Any = import_module("torch").from_numpy
        runtime = import_module("executorch.runtime").Runtime.get()
        self.version, self.threads = import_module("importlib.metadata").version("executorch"), threads
        self.outputs = _OUTPUTS[path.stem]
        self._lock = Lock()
        try:
            self._method: Any = runtime.load_program(path).load_method("forward")
        except RuntimeError as error:
            raise explain_refusal(path, self.name, error) from None

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        with self._lock:
            found = self._method.execute([self._as_tensor(np.ascontiguousarray(view)) for view in (left, right)])
            # Its buffers are overwritten by the next call.
            return [each.numpy().copy() for each in found]

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        """Nothing: its wheel is built without the tracer; the whole is timed all the same."""
        return []
