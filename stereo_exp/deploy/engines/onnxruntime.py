"""ONNX Runtime takes ONNX as it is."""

from __future__ import annotations

from pathlib import Path

import onnx

from stereo_exp.atomic import write_bytes
from stereo_exp.runtime.manifest import FileEntry, file_entry


def write(model: onnx.ModelProto, folder: Path, name: str, opt: int) -> tuple[FileEntry, dict[str, int]]:
    """`onnxruntime/<name>.onnx`."""
    path = f"onnxruntime/{name}.onnx"
    write_bytes(folder / path, model.SerializeToString(deterministic=True))
    return file_entry(folder, path), {}
