"""OpenVINO's own format: a graph (.xml) and its weights (.bin)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx

from stereo_exp.atomic import write_bytes
from stereo_exp.runtime.manifest import FileEntry, file_entry

EXACT_SUMS = 2
"""The lowest `compile.opt` that has them."""


def write(model: onnx.ModelProto, folder: Path, name: str, opt: int) -> tuple[FileEntry, dict[str, int]]:
    """`openvino/<name>.xml` and `.bin`."""
    import openvino

    from stereo_exp.deploy.exact_sums import mark_exact_sums

    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "model.onnx", Path(scratch) / "model.xml"
        onnx.save(model, source)
        graph = openvino.convert_model(source)
        changes = {"exact_sums": mark_exact_sums(graph)} if opt >= EXACT_SUMS else {}
        # Weights stay what they are: float16 would round biases.
        openvino.save_model(graph, made, compress_to_fp16=False)
        write_bytes(folder / f"openvino/{name}.bin", made.with_suffix(".bin").read_bytes())
        write_bytes(folder / f"openvino/{name}.xml", made.read_bytes())
    return file_entry(folder, f"openvino/{name}.xml", f"openvino/{name}.bin"), changes
