"""What a model can be compiled for: one module for each engine or tool chain, found by name.

An engine's `write(model, folder, name, opt)` leaves the files of one form in `folder` and returns their entry for the
manifest, and which rewrites of its own format it made at that `compile.opt`, in how many places. A tool chain's
`write(source, folder, batches, pairs, size)` leaves what a vendor's tools take, in a folder of its own, and returns the
files to begin with; it cannot be run here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import onnx

from stereo_exp.base import ArgumentError, declare, write_bytes
from stereo_exp.runtime import FileEntry, file_entry

ENGINES = declare(
    "compile.engines",
    onnxruntime="stereo_exp.deploy.engines:write",
    openvino="stereo_exp.deploy.engines.openvino:write",
    executorch="stereo_exp.deploy.engines.executorch:write",
    litert="stereo_exp.deploy.engines.litert:write",
    ncnn="stereo_exp.deploy.engines.ncnn:write",
)
OF_ONE_SIZE = ("executorch", "litert", "ncnn")
"""Their files are for one pair of one size: `write(pair, folder, forms)` leaves every form that they have, `pair` being
a `stereo_exp.deploy.sizes.OnePair`."""
TOOL_CHAINS = declare("compile.tool_chains", openexplorer="stereo_exp.deploy.engines.openexplorer:write")
# Package -> the extra that brings it; what an engine's files and the report beside them are written with.
_EXPORT = {"jinja2": "export", "onnx": "export", "onnx_ir": "export", "onnxscript": "export"}
_NEEDS = {
    "onnxruntime": _EXPORT,
    "openvino": {**_EXPORT, "openvino": "openvino"},
    "executorch": {**_EXPORT, "executorch": "executorch"},
    "litert": {**_EXPORT, "ai_edge_litert": "litert"},
    "openexplorer": _EXPORT,
}


def check_installed(engine: str) -> None:
    """Can models be written for an engine here?

    Raises:
        UserError: a package is missing; names the extra to install.
    """
    for package, extra in _NEEDS.get(engine, _EXPORT).items():
        if find_spec(package) is None:
            fix = f'pip install "stereo_exp[{extra}]"'
            raise ArgumentError("engine", engine, f"needs {package}, which is not installed", fix)


# ONNX Runtime takes ONNX as it is.


def write(model: onnx.ModelProto, folder: Path, name: str, opt: int) -> tuple[FileEntry, dict[str, int]]:
    """`onnxruntime/<name>.onnx`."""
    path = f"onnxruntime/{name}.onnx"
    write_bytes(folder / path, model.SerializeToString(deterministic=True))
    return file_entry(folder, path), {}
