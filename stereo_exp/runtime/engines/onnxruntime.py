"""ONNX Runtime, on the CPU unless another of its providers is asked for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.runtime.engines.base import OperatorTime, explain_refusal, mean_times, sums_bytes_exactly


def exact_options() -> Any:
    """`SessionOptions` with which integers are computed exactly on this machine's processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not sums_bytes_exactly():
        # It then takes unsigned weights, whose kernels do not saturate.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


class OnnxRuntimeEngine:
    """A session, which any number of threads may run at once; see `Engine`."""

    name = "onnxruntime"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "cpu"
    ) -> None:
        import onnxruntime

        provider, there = f"{device}ExecutionProvider".lower(), onnxruntime.get_available_providers()
        chosen = [name for name in there if name.lower() == provider]
        if not chosen:
            names = ", ".join(name.removesuffix("ExecutionProvider").lower() for name in there)
            raise ArgumentError("device", device, f"ONNX Runtime finds {names} here", "try {device}=cpu")
        providers = list(dict.fromkeys([*chosen, "CPUExecutionProvider"]))

        self.version, self.threads = onnxruntime.__version__, threads
        self._inputs = tuple(inputs)
        options = exact_options()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        if in_flight > 1:
            # Threads that spin while they wait take the cores from those that compute another pair.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if profiling:
            self._scratch = tempfile.TemporaryDirectory()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._scratch.name) / "profile")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:
            # Its exceptions have no common base class below Exception.
            raise explain_refusal(path, self.name, error) from None
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        found: list[np.ndarray] = self._session.run(None, dict(zip(self._inputs, (left, right), strict=True)))
        return found

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        for _ in range(warm_up + runs):
            self.run(left, right)
        events = json.loads(Path(self._session.end_profiling()).read_text())
        return mean_times(_by_run(events)[-runs:])


def _by_run(events: list[dict[str, Any]]) -> list[dict[tuple[str, str, str], float]]:
    """Kernel times of every run of the session, in the order of time."""
    runs = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e.get("name") == "model_run")
    found: list[dict[tuple[str, str, str], float]] = [{} for _ in runs]
    for event in events:
        name = event.get("name", "")
        if event.get("cat") != "Node" or not name.endswith("_kernel_time"):
            continue
        run = next(i for i, (begin, end) in enumerate(runs) if begin <= event["ts"] <= end)
        facts = event["args"]
        # The type it computed in: of its first output.
        types = [kind for shape in facts.get("output_type_shape", [])[:1] for kind in shape]
        kernel = " ".join([facts.get("provider", ""), *types]).strip()
        key = (name.removesuffix("_kernel_time"), facts.get("op_name", ""), kernel)
        found[run][key] = found[run].get(key, 0.0) + event["dur"] / 1e3
    return found
