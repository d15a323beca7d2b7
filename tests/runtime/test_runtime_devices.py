"""Where an engine computes: devices of OpenVINO, providers of ONNX Runtime; configured here, without such hardware."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stereo_exp.base import ArgumentError
from stereo_exp.runtime import choose_engine, load_engine, read_manifest
from stereo_exp.runtime.engines.onnxruntime import OnnxRuntimeEngine, choose_providers
from stereo_exp.runtime.engines.openvino import OpenVinoEngine, has_device
from stereo_exp.weights import SLIM, find_compiled_release

EVERY = ["Tensorrt", "CUDA", "CoreML", "Dml", "Azure", "CPU"]


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """An ONNX Runtime with every provider, which notes what sessions are asked for instead of opening them."""
    import onnxruntime

    asked: list[dict[str, Any]] = []

    def session(path: str, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
        asked.append({"options": options, "providers": providers})
        return SimpleNamespace(
            get_providers=lambda: [name for name, _ in providers], get_outputs=list, run=lambda names, views: [views]
        )

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [f"{name}ExecutionProvider" for name in EVERY])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    return asked


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ("cpu", ["CPU"]),
        ("CPU", ["CPU"]),
        ("cuda", ["CUDA", "CPU"]),
        ("tensorrt", ["Tensorrt", "CUDA", "CPU"]),
        ("CoreML", ["CoreML", "CPU"]),
        ("directml", ["Dml", "CPU"]),
        ("dml", ["Dml", "CPU"]),
    ],
)
def test_providers_are_asked_for_in_their_order(
    everything: list[dict[str, Any]], device: str, wanted: list[str]
) -> None:
    OnnxRuntimeEngine(Path("x.onnx"), ("left", "right"), 1, 1, False, device)
    assert [name for name, _ in everything[0]["providers"]] == [f"{name}ExecutionProvider" for name in wanted]
    # DirectML wants memory that is not planned; the others keep what is faster.
    assert everything[0]["options"].enable_mem_pattern == ("Dml" not in wanted)


def test_what_providers_are_told(everything: list[dict[str, Any]]) -> None:
    cuda = choose_providers("cuda:1")
    assert cuda["CUDAExecutionProvider"] == {"use_tf32": "0", "device_id": "1"}
    assert cuda["CPUExecutionProvider"] == {}
    assert choose_providers("tensorrt")["TensorrtExecutionProvider"]["trt_int8_enable"] == "1"


@pytest.mark.parametrize("device", ["rocm", "cuda:first", "azure", ""])
def test_a_provider_that_is_not_there(everything: list[dict[str, Any]], device: str) -> None:
    told = "ONNX Runtime finds tensorrt, cuda, coreml, directml, cpu here; try device=cpu"
    with pytest.raises(ArgumentError, match=told) as caught:
        choose_providers(device)
    assert "\n" not in str(caught.value)


def test_a_provider_that_cannot_start(everything: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime only logs that its CUDA libraries are missing, and computes on the processor."""
    import onnxruntime

    alone = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"], get_outputs=list)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: alone)
    with pytest.raises(ArgumentError, match="device=cuda: ONNX Runtime has it but cannot start it here, only cpu"):
        OnnxRuntimeEngine(Path("x.onnx"), ("left", "right"), 1, 1, False, "cuda")


class Core:
    """An OpenVINO that has a graphics card and a neural processor."""

    def __init__(self, is_dynamic: bool = False, devices: tuple[str, ...] = ("CPU", "GPU.0", "GPU.1", "NPU")) -> None:
        self.available_devices = list(devices)
        self.compiled: list[tuple[str, dict[str, Any]]] = []
        self._model = SimpleNamespace(is_dynamic=lambda: is_dynamic, inputs=[], get_ordered_ops=list)

    def read_model(self, path: str) -> Any:
        return self._model

    def compile_model(self, model: Any, device: str, settings: dict[str, Any]) -> Any:
        self.compiled.append((device, settings))
        return SimpleNamespace(outputs=[], create_infer_request=object)


def opened(monkeypatch: pytest.MonkeyPatch, core: Core, device: str) -> dict[str, Any]:
    import openvino

    monkeypatch.setattr(openvino, "Core", lambda: core)
    OpenVinoEngine(Path("x.xml"), ("left", "right"), 2, 1, False, device)
    assert [name for name, _ in core.compiled] == [device.upper()]
    return core.compiled[0][1]


def test_devices_of_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu, npu = (opened(monkeypatch, Core(), device) for device in ("cpu", "gpu", "NPU"))
    assert cpu["INFERENCE_NUM_THREADS"] == 2 and cpu["INFERENCE_PRECISION_HINT"] == "f32"
    # Threads and streams are the processor's.
    assert "INFERENCE_NUM_THREADS" not in gpu and gpu["INFERENCE_PRECISION_HINT"] == "f32"
    assert "INFERENCE_PRECISION_HINT" not in npu


def test_a_neural_processor_takes_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="device=NPU: takes models of one size alone"):
        opened(monkeypatch, Core(is_dynamic=True), "NPU")
    opened(monkeypatch, Core(is_dynamic=True), "GPU.1")


def test_which_devices_are_the_same() -> None:
    assert has_device("gpu", ["CPU", "GPU.0", "GPU.1"]) and has_device("GPU.0", ["CPU", "GPU"])
    assert not has_device("GPU.1", ["CPU", "GPU"]) and not has_device("GPU", ["CPU"]) and not has_device("", ["CPU"])


def test_a_device_chooses_the_engine(everything: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    monkeypatch.setattr(openvino, "Core", Core)
    manifest = read_manifest(find_compiled_release(SLIM), check_files=False)
    wanted = {"cpu": "openvino", "NPU": "openvino", "gpu": "openvino", "cuda:1": "onnxruntime", "coreml": "onnxruntime"}
    assert {device: choose_engine(manifest, device=device) for device in wanted} == wanted
    with pytest.raises(ArgumentError, match=r"device=tpu: no engine finds it here \(openvino CPU, GPU.0, GPU.1, NPU; "):
        choose_engine(manifest, device="tpu")


def test_on_this_machine() -> None:
    """The processor by name is the processor, the same bits."""
    manifest = read_manifest(find_compiled_release(SLIM), check_files=False)
    views = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 96, 3), np.uint8)
    engines = [load_engine(manifest, "full", "onnxruntime", 1, device=device) for device in (None, "cpu")]
    given, named = (engine.run(*views) for engine in engines)
    assert all(np.array_equal(a, b) for a, b in zip(given, named, strict=True))
