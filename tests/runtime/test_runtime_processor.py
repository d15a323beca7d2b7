"""Processors without 8-bit dot products: engines must not use kernels that saturate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stereo_exp.runtime.engines import base as processor

FLAGS = {
    "flags\t\t: fpu avx2 avx512f avx512_vnni": True,
    "flags\t\t: fpu avx2 avx_vnni": True,
    "flags\t\t: fpu avx2 avx512f avx512bw": False,
    "processor: 0": False,
}


@pytest.mark.parametrize("text", FLAGS)
def test_flags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"vendor_id : x\n{text}\n")
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    assert processor.sums_bytes_exactly.__wrapped__() is FLAGS[text]


def test_unknown_is_not_exact_and_other_architectures_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(processor.platform, "machine", lambda: "AMD64")
    assert processor.sums_bytes_exactly.__wrapped__() is False
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    assert processor.sums_bytes_exactly.__wrapped__() is True


# A 3×3 convolution of bytes whose pairs of products exceed 16 bits; the engine runs on the instructions that the
# environment allows, and is told whether they are exact.
SCRIPT = """
import sys
import numpy as np, onnx
from onnx import helper, numpy_helper as to
from stereo_exp.runtime.engines import openvino as engine
engine.sums_bytes_exactly = lambda: sys.argv[2] == "exact"
rng = np.random.default_rng(0)
weight = rng.integers(100, 128, (16, 16, 3, 3)).astype(np.int8)
one, zero = np.float32(1), np.uint8(0)
constants = dict(w=weight, ws=np.ones(16, np.float32), wz=np.zeros(16, np.int8), s=one, z=zero)
node = helper.make_node
nodes = [
    node("Cast", ["left"], ["lf"], to=1), node("Cast", ["right"], ["rf"], to=1), node("Max", ["lf", "rf"], ["x"]),
    node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["d"]),
    node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0), node("Conv", ["d", "wd"], ["y"], pads=[1, 1, 1, 1]),
]
info = helper.make_tensor_value_info
shape = [1, 16, 32, 32]
graph = helper.make_graph(
    nodes, "g", [info(n, onnx.TensorProto.UINT8, shape) for n in ("left", "right")],
    [info("y", onnx.TensorProto.FLOAT, shape)], [to.from_array(np.asarray(v), k) for k, v in constants.items()],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), sys.argv[1])
from pathlib import Path
image = rng.integers(200, 256, shape, dtype=np.uint8)
(found,) = engine.OpenVinoEngine(Path(sys.argv[1]), ("left", "right"), 1, 1, False).run(image, image)
padded = np.pad(image.astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
wanted = sum(
    np.einsum("oc,bchw->bohw", weight[:, :, i, j].astype(np.int64), padded[:, :, i:i + 32, j:j + 32])
    for i in range(3) for j in range(3)
)
print("equal" if np.array_equal(found, wanted) else "different")
"""


def test_openvino_is_exact_on_old_instructions_too(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")

    def run(told: str) -> str:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "conv.onnx"), told]
        environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert run("saturating") == "equal"
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        # Were it not so, the test above would show nothing.
        assert run("exact") == "different"
