"""ncnn, on the processor."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.runtime.engines.base import OUTPUTS, ProcessorEngine, explain_refusal, list_processors

_ROUNDING = ("use_fp16", "use_bf16", "use_winograd")
"""How options begin that trade bits for speed: sums of integers would not be whole any more."""

list_devices = list_processors


class NcnnEngine(ProcessorEngine):
    """A network, one call at a time; see `Engine`."""

    name = "ncnn"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "cpu"
    ) -> None:
        super().__init__(threads, device, "ncnn computes on the cpu here")
        self._ncnn: Any = import_module("ncnn")
        self.version = str(self._ncnn.__version__)
        self._inputs, self.outputs = tuple(inputs), OUTPUTS[path.stem]
        self._net: Any = self._ncnn.Net()
        options = self._net.opt
        options.num_threads = threads
        for option in dir(options):
            if option.startswith(_ROUNDING):
                setattr(options, option, False)
        # Text first: it says how many numbers there are.
        for load, file in ((self._net.load_param, path), (self._net.load_model, path.with_suffix(".bin"))):
            if load(str(file)) != 0:
                raise explain_refusal(path, self.name, RuntimeError(f"cannot load {file.name}"))

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        with self._lock:
            extractor = self._net.create_extractor()
            for name, view in zip(self._inputs, (left, right), strict=True):
                floats = np.ascontiguousarray(view[0], np.float32)
                # A copy of its own: ncnn computes in place. What it copies from must live until then; it holds nothing.
                extractor.input(name, self._ncnn.Mat(floats).clone())
            found = []
            for name in self.outputs:
                status, blob = extractor.extract(name)
                if status != 0:
                    raise RuntimeError(f"ncnn cannot compute {name} ({status})")
                found.append(np.array(blob)[None].copy())
            return found
