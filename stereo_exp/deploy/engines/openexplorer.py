"""What the tool chain of Horizon's and D-Robotics' boards takes; it cannot be run here.

A float ONNX file of a fixed size, calibration arrays, and a configuration for `hb_mapper makertbin`, after the public
documentation (D-Robotics, rdk_doc, "PTQ process": parameters of the YAML file).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stereo_exp.base import ArgumentError, write_bytes, write_text
from stereo_exp.data import StereoBatch, first_views
from stereo_exp.deploy.align import fit
from stereo_exp.deploy.forms import network_form
from stereo_exp.deploy.onnx_export import OLDEST_OPSET, export_trunk_onnx
from stereo_exp.deploy.source import VIEWS, Source
from stereo_exp.deploy.surgery import lower
from stereo_exp.model import normalize

OPSET = 11
FOLDER = "openexplorer"
# The architecture of RDK Ultra; other boards' names stand in the tool's documentation.
_MARCH = "bayes"


def write(
    source: Source, folder: Path, batches: Iterable[StereoBatch], pairs: int, size: tuple[int, int]
) -> list[Path]:
    """Leave `openexplorer/` in `folder`: `network.onnx`, `calibration/<view>_f32/*.bin`, `config.yaml`.

    Args:
        batches: of training pairs, to calibrate with.
        pairs: how many of them.
        size: height and width of the network's images, its multiples; the tools want them fixed.

    Raises:
        UserError: the checkpoint is not float: the tools calibrate and quantise themselves.
    """
    if source.stage != "float":
        rule = "takes the float network; its tools calibrate and quantise themselves"
        raise ArgumentError("engine", "openexplorer", rule, "take the float network")
    base = folder / FOLDER
    trunk = export_trunk_onnx(source, OLDEST_OPSET, size, 1)
    model = lower(network_form(trunk, source.regression), OPSET)
    write_bytes(base / "network.onnx", model.SerializeToString(deterministic=True))
    count = _write_calibration(base / "calibration", size, batches, pairs)
    write_text(base / "config.yaml", _config(source.network, size, count))
    return [base / "network.onnx", base / "config.yaml"]


def _write_calibration(folder: Path, size: tuple[int, int], batches: Iterable[StereoBatch], pairs: int) -> int:
    """Raw float32, 1×3×H×W each, little-endian; returns how many pairs."""
    count = 0
    for pair in first_views(batches, pairs):
        for name, view in zip(VIEWS, pair, strict=True):
            values = normalize(fit(view, size)).numpy().astype(np.dtype("<f4"))
            write_bytes(folder / f"{name}_f32" / f"{count:04d}.bin", values.tobytes())
        count += 1
    return count


def _config(name: str, size: tuple[int, int], count: int) -> str:
    shape = f"1x3x{size[0]}x{size[1]}"

    def twice(value: str) -> str:
        return ";".join([value] * len(VIEWS))

    config: dict[str, Any] = {
        "model_parameters": {
            "onnx_model": "network.onnx",
            "march": _MARCH,
            "output_model_file_prefix": name,
            "working_dir": "model_output",
            "layer_out_dump": False,
        },
        "input_parameters": {
            "input_name": ";".join(VIEWS),
            # Normalised YUV, made on the host: the tools know no rounding like ours.
            "input_type_train": twice("featuremap"),
            "input_layout_train": twice("NCHW"),
            "input_type_rt": twice("featuremap"),
            "input_layout_rt": twice("NCHW"),
            "input_shape": twice(shape),
            "norm_type": twice("no_preprocess"),
        },
        "calibration_parameters": {
            "cal_data_dir": ";".join(f"calibration/{view}_f32" for view in VIEWS),
            "cal_data_type": twice("float32"),
            "calibration_type": "default",
        },
        "compiler_parameters": {"compile_mode": "latency", "debug": True, "optimize_level": "O3"},
    }
    head = (
        "# In this folder, inside the vendor's docker: hb_mapper makertbin --config config.yaml --model-type onnx\n"
        f"# {count} calibration pairs: raw float32 {shape}, YUV in multiples of 1/128. Choose march after your board.\n"
    )
    return head + yaml.safe_dump(config, sort_keys=False)
