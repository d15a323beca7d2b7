"""OpenVINO, on the CPU unless another of its devices is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.runtime.engines.base import OperatorTime, explain_refusal, mean_times, sums_bytes_exactly

EXACT_SUM = "/exact"
"""How the names of operators end that round nothing: see `stereo_exp.deploy.engines.openvino`."""


class OpenVinoEngine:
    """A compiled model with as many infer requests as calls may be in flight; see `Engine`."""

    name = "openvino"

    def __init__(
        self, path: Path, inputs: Sequence[str], threads: int, in_flight: int, profiling: bool, device: str = "CPU"
    ) -> None:
        import openvino

        # 2026.4.1-22982-e213a147257-releases/2026/4: the release is what people compare.
        self.version, self.threads = openvino.get_version().split("-")[0], threads
        self._inputs = tuple(inputs)
        settings: dict[str, Any] = {
            # On CPUs with AMX or AVX512-BF16 float operators would run in bfloat16: other results, machine by machine.
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY" if in_flight == 1 else "THROUGHPUT",
            "PERF_COUNT": profiling,
        }
        core, device = openvino.Core(), device.upper()
        if not has_device(device, core.available_devices):
            there = ", ".join(core.available_devices)
            raise ArgumentError("device", device, f"OpenVINO finds {there} here", "try {device}=CPU")
        on_cpu, on_npu = device == "CPU", device.startswith("NPU")
        if on_npu:
            # It knows float16 alone, and refuses to be told otherwise.
            del settings["INFERENCE_PRECISION_HINT"]
        if on_cpu:
            settings |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": min(in_flight, threads)}
        in_bytes = not on_cpu or sums_bytes_exactly()
        if not in_bytes:
            # Without its low-precision kernels it computes the same integers in float32.
            settings["LP_TRANSFORMS_MODE"] = "NO"
        try:
            model = core.read_model(str(path))
            fix_open_batch(model)
            if on_npu and model.is_dynamic():
                rule = "takes models of one size alone, and this one was compiled for any"
                raise ArgumentError("device", device, rule, "compile it for the size of your images")
            if not in_bytes:
                unmark_exact_sums(model)
            compiled = core.compile_model(model, device, settings)
        except RuntimeError as error:
            raise explain_refusal(path, self.name, error) from None
        # Its first look at numpy's types holds a lock of C++ and lets go of Python's meanwhile: two threads that had
        # theirs at the same time waited for each other for ever (one start in three, with two pairs in flight).
        openvino.Type.u8.to_dtype()
        openvino.Tensor(np.zeros(1, np.uint8), shared_memory=True)
        self.outputs = tuple(output.get_any_name() for output in compiled.outputs)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(in_flight):
            self._idle.put(compiled.create_infer_request())

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        with self._request() as request:
            return self._infer(request, left, right)

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        per_run = []
        with self._request() as request:
            for run in range(warm_up + runs):
                self._infer(request, left, right)
                if run >= warm_up:
                    per_run.append(_executed(request.profiling_info))
        return mean_times(per_run)

    @contextmanager
    def _request(self) -> Iterator[Any]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)

    def _infer(self, request: Any, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        request.infer(dict(zip(self._inputs, (left, right), strict=True)), share_inputs=True)
        # The request's buffers are overwritten by its next run.
        return [request.get_output_tensor(i).data.copy() for i in range(len(self.outputs))]


def list_devices() -> list[str]:
    """What `device` may be here."""
    import openvino

    return list(openvino.Core().available_devices)


def has_device(device: str, there: Sequence[str]) -> bool:
    """Whether OpenVINO knows it: GPU is the first of GPU.0 and GPU.1, and GPU.0 is the only GPU."""
    device = device.upper()
    return any(device in (name, name.partition(".")[0], f"{name}.0") for name in there)


def fix_open_batch(model: Any) -> None:
    """One pair at a time, as all calls here have: with nothing left open OpenVINO fuses more, and is faster.

    Where height and width are open, the batch makes no difference, and stays.
    """
    shapes = {port.get_any_name(): list(port.partial_shape) for port in model.inputs}
    is_open = any(shape[0].is_dynamic for shape in shapes.values())
    if is_open and all(dimension.is_static for shape in shapes.values() for dimension in shape[1:]):
        model.reshape({name: [1, *shape[1:]] for name, shape in shapes.items()})


def unmark_exact_sums(model: Any) -> int:
    """Take out what only low-precision kernels are faster with; returns how many operators that were."""
    marks = [node for node in model.get_ordered_ops() if node.get_friendly_name().endswith(EXACT_SUM)]
    for mark in marks:
        for reader in list(mark.output(0).get_target_inputs()):
            reader.replace_source_output(mark.input_value(0))
    return len(marks)


def _executed(info: Any) -> dict[tuple[str, str, str], float]:
    times: dict[tuple[str, str, str], float] = {}
    for operator in info:
        if operator.status == type(operator.status).EXECUTED:
            key = (operator.node_name, operator.node_type, operator.exec_type)
            times[key] = times.get(key, 0.0) + operator.real_time.total_seconds() * 1e3
    return times
