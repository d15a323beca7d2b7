"""A small but real stereo matcher as a compiled folder: absolute differences, box filter, soft-argmin.

It depends on a few pixels around each pixel only, so that tiles, padding and crops can be checked exactly, and it
runs on real engines.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stereo_exp.base.files import write_text
from stereo_exp.runtime.manifest import MANIFEST, FileEntry, Manifest, ModelEntry, file_entry

MAXDISP = 32
SHARPNESS = 8.0
ENGINES = ("onnxruntime", "openvino")
_FLOAT, _UINT8 = TensorProto.FLOAT, TensorProto.UINT8


def write_matcher(
    folder: Path,
    engines: tuple[str, ...] = ENGINES,
    size: tuple[int, int] | None = None,
    batch: int | None = None,
) -> Path:
    """Make the folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, FileEntry]] = {engine: {} for engine in engines}
    for form in ("full", "trunk"):
        onnx.save(_matcher(form, size, batch), folder / f"{form}.onnx")
        if "onnxruntime" in engines:
            files["onnxruntime"][form] = file_entry(folder, f"{form}.onnx")
        if "openvino" in engines:
            import openvino

            openvino.save_model(openvino.convert_model(folder / f"{form}.onnx"), folder / f"{form}.xml", False)
            files["openvino"][form] = file_entry(folder, f"{form}.xml", f"{form}.bin")
    model = ModelEntry("matcher", "float", None, MAXDISP, "none")
    write_text(folder / MANIFEST, Manifest(model, size, batch, 0, files, multiple=32).to_json())
    return folder


def shifted_pair(height: int, width: int, disparity: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 H×W×3 views of a textured plane, all of it `disparity` px away."""
    texture = np.random.default_rng(seed).integers(0, 256, (height, width + disparity, 3), np.uint8)
    return np.ascontiguousarray(texture[:, :width]), np.ascontiguousarray(texture[:, disparity:])


def _matcher(form: str, size: tuple[int, int] | None, batch: int | None) -> onnx.ModelProto:
    height, width = size or ("height", "width")
    images = [helper.make_tensor_value_info(n, _UINT8, [batch or "batch", height, width, 3]) for n in ("left", "right")]
    constants = {
        "zero": np.array([0], np.int64),
        "end": np.array([np.iinfo(np.int64).max], np.int64),
        "rows": np.array([3], np.int64),
        "channels": np.array([1], np.int64),
        "colours": np.array([3], np.int64),
        "white": np.array(255, np.float32),
        "sharpness": np.array(-SHARPNESS * MAXDISP, np.float32),
        "pads": np.array([0, 0, 0, MAXDISP - 1, 0, 0, 0, 0], np.int64),
        "candidates": np.arange(MAXDISP, dtype=np.float32).reshape(1, -1, 1, 1),
    }
    nodes = []

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    grey = {}
    for view in ("left", "right"):
        as_float = node("Cast", [view], f"{view}_float", to=_FLOAT)
        scaled = node("Div", [as_float, "white"], f"{view}_scaled")
        mean = node("ReduceMean", [scaled, "colours"], f"{view}_mean", keepdims=1)
        grey[view] = node("Transpose", [mean], f"{view}_grey", perm=[0, 3, 1, 2])
    padded = node("Pad", [grey["right"], "pads"], "right_padded")
    costs = []
    for d in range(MAXDISP):
        constants[f"from_{d}"] = np.array([MAXDISP - 1 - d], np.int64)
        constants[f"to_{d}"] = np.array([-d if d else np.iinfo(np.int64).max], np.int64)
        moved = node("Slice", [padded, f"from_{d}", f"to_{d}", "rows"], f"moved_{d}")
        costs.append(node("Abs", [node("Sub", [grey["left"], moved], f"sub_{d}")], f"abs_{d}"))
    volume = node("Concat", costs, "volume", axis=1)
    filtered = node("AveragePool", [volume], "filtered", kernel_shape=[5, 5], pads=[2, 2, 2, 2], count_include_pad=0)
    logits = node("Mul", [filtered, "sharpness"], "disparity_logits")
    place = [batch or "batch", height, width]
    shapes = {"disparity_logits": [place[0], MAXDISP, *place[1:]], "superpixel_logits": [place[0], 1, *place[1:]]}
    if form == "full":
        probability = node("Softmax", [logits], "probability", axis=1)
        weighted = node("Mul", [probability, "candidates"], "weighted")
        node("ReduceSum", [weighted, "channels"], "disparity", keepdims=0)
        node("ReduceMax", [probability, "channels"], "confidence", keepdims=0)
        shapes = {"disparity": place, "confidence": place}
    else:
        node("Neg", [grey["left"]], "superpixel_logits")
    outputs = [helper.make_tensor_value_info(name, _FLOAT, shape) for name, shape in shapes.items()]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, form, images, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model
