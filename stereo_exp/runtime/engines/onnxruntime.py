"""ONNX Runtime, on the CPU unless another of its providers is asked for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.runtime.engines.base import OperatorTime, explain_refusal, mean_times, sums_bytes_exactly

_SUFFIX = "ExecutionProvider"
_SPELLED = {"dml": "directml"}
"""What people call a provider, where that is not its own name."""
_REMOTE = "azure"
"""A provider that computes nothing here: it sends what it gets to a server."""
_BEHIND = {"tensorrt": ("cuda",)}
"""Who takes the operators that a provider leaves, before the processor does."""
_SETTINGS = {
    # Otherwise products of float32 lose 13 bits.
    "cuda": {"use_tf32": "0"},
    # Without it integers are not computed as such.
    "tensorrt": {"trt_int8_enable": "1"},
}


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

        wanted = choose_providers(device)
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
        self._lock: Lock | None = None
        if next(iter(wanted)).startswith("Dml"):
            # It asks for both: memory that is not planned ahead, and one call at a time.
            options.enable_mem_pattern, self._lock = False, Lock()
        if profiling:
            self._scratch = tempfile.TemporaryDirectory()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._scratch.name) / "profile")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=list(wanted.items()))
        except Exception as error:
            # Its exceptions have no common base class below Exception.
            raise explain_refusal(path, self.name, error) from None
        taken = self._session.get_providers()
        if next(iter(wanted)) not in taken:
            # It logs that, and goes on with the processor.
            rule = f"ONNX Runtime has it but cannot start it here, only {_list(taken)}"
            raise ArgumentError("device", device, rule, "install what the provider needs, or try {device}=cpu")
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        views = dict(zip(self._inputs, (left, right), strict=True))
        with self._lock or nullcontext():
            found: list[np.ndarray] = self._session.run(None, views)
        return found

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        for _ in range(warm_up + runs):
            self.run(left, right)
        events = json.loads(Path(self._session.end_profiling()).read_text())
        return mean_times(_by_run(events)[-runs:])


def list_devices() -> list[str]:
    """What `device` may be here: providers of this build by the names that people give them, small."""
    import onnxruntime

    return _names(onnxruntime.get_available_providers())


def choose_providers(device: str) -> dict[str, dict[str, str]]:
    """Providers in the order in which they are offered an operator, each with its settings; the processor is the last.

    Args:
        device: cpu, cuda, tensorrt, coreml, directml, or any other provider; `cuda:1` is the second of its kind.

    Raises:
        ArgumentError: this build of ONNX Runtime lacks it; tells which there are.
    """
    import onnxruntime

    there = onnxruntime.get_available_providers()
    by_name = {short: name for name in there for short in _names([name])}
    name, _, number = device.lower().partition(":")
    name = _SPELLED.get(name, name)
    if name not in by_name or (number and not number.isdigit()):
        raise ArgumentError("device", device, f"ONNX Runtime finds {', '.join(by_name)} here", "try {device}=cpu")
    place = {"device_id": number} if number else {}
    order = [each for each in (name, *_BEHIND.get(name, ()), "cpu") if each in by_name]
    return {by_name[each]: {**_SETTINGS.get(each, {}), **(place if each != "cpu" else {})} for each in order}


def _names(providers: Sequence[str]) -> list[str]:
    short = (name.removesuffix(_SUFFIX).lower() for name in providers)
    return [_SPELLED.get(name, name) for name in short if name != _REMOTE]


def _list(providers: Sequence[str]) -> str:
    return ", ".join(_names(providers))


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
