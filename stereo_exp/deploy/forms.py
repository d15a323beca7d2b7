"""What stands before and behind the trunk in the deployed graphs: images in, disparity and confidence out.

Both parts are ONNX, written out here, and joined to the exported trunk, which is exported once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper, parser

from stereo_exp.deploy.onnx_export import export_readout
from stereo_exp.deploy.pixels import CONFIDENCE, DISPARITY, Pixels, offset_constants
from stereo_exp.deploy.source import LOGITS, VIEWS
from stereo_exp.geometry import LEVELS, Reliability
from stereo_exp.model import YUV_FROM_RGB, Regression

NETWORK_OUTPUTS = ("unfolded", "weights")
IMAGES, READOUT, PIXELS, REGRESSION, JUDGEMENT = "images", "readout", "pixels", "regression", "judgement"
"""How nodes before and behind the trunk are named: `images/…`, and so on."""
UNROLLED = {"onnxruntime": 2}
"""Engines that are faster with the last softmax plane by plane, and from which `compile.opt` on they get it."""
_HEADER = '<ir_version: {ir}, opset_import: ["" : {opset}]>'

# YUV in multiples of 1/256, floored: sums of products below 2^17 over 2^8, which float32 holds exactly.
_IMAGES = """
images (uint8[N, H, W, 3] left, uint8[N, H, W, 3] right)
    => (float[N, 3, H, W] left_yuv, float[N, 3, H, W] right_yuv) {
    left_float = Cast <to = 1> (left)
    left_rgb = Transpose <perm = [0, 3, 1, 2]> (left_float)
    left_fraction = Conv (left_rgb, yuv_from_rgb, yuv_offset)
    left_floor = Floor (left_fraction)
    left_yuv = Mul (left_floor, yuv_step)
    right_float = Cast <to = 1> (right)
    right_rgb = Transpose <perm = [0, 3, 1, 2]> (right_float)
    right_fraction = Conv (right_rgb, yuv_from_rgb, yuv_offset)
    right_floor = Floor (right_fraction)
    right_yuv = Mul (right_floor, yuv_step)
}
"""

# What the deployed reference puts out; its post-process runs on the CPU.
_REGRESSION = """
regression (float[N, 1, h, w] low, float[N, C, H, W] superpixel_logits)
    => (float[N, C, h, w] unfolded, float[N, C, H, W] weights) {
    padded = Pad <mode = "MODE"> (low, border)
    unfolded = Conv (padded, neighbours)
    weights = Softmax <axis = 1> (superpixel_logits)
}
"""
_REFINED_REGRESSION = """
regression (float[N, 1, h, w] low, float[N, 1, h, w] peak, float[N, C, H, W] superpixel_logits)
    => (float[N, C, h, w] unfolded, float[N, C, H, W] weights) {
    padded = Pad <mode = "MODE"> (low, border)
    around = Conv (padded, neighbours)
    shifted = Add (peak, beside)
    within = Clip (shifted, nothing, most)
    unfolded = Concat <axis = 1> (around, within)
    weights = Softmax <axis = 1> (superpixel_logits)
}
"""


def network_form(trunk: onnx.ModelProto, regression: Regression) -> onnx.ModelProto:
    """Normalised images N×3×H×W -> `unfolded` and `weights`, N×C×h×w and N×C×H×W, C being neighbours and offsets.

    What `stereo_exp.model.readout` makes disparity of, see `StereoOutput`.

    Args:
        trunk: normalised images -> logits.
        regression: what the network has behind its trunk.
    """
    number = regression.neighbours
    side = round(number**0.5)
    constants = {
        "border": np.asarray([0, 0, *[int(side > 1)] * 2, 0, 0, *[int(side > 2)] * 2]),
        "neighbours": np.eye(number, dtype=np.float32).reshape(number, 1, side, side),
    }
    text = _REGRESSION
    if regression.offsets:
        text = _REFINED_REGRESSION
        constants |= offset_constants(regression)
    tail = _graph(
        trunk, text.replace("MODE", "edge" if side > 2 else "constant"), constants, REGRESSION, NETWORK_OUTPUTS
    )
    return _join_regression(trunk, tail, regression, REGRESSION, ("low",))


def _join_regression(
    trunk: onnx.ModelProto, tail: onnx.ModelProto, regression: Regression, prefix: str, read: Sequence[str]
) -> onnx.ModelProto:
    """`trunk`, the network's read-out of its disparity logits, and `tail` behind both."""
    disparity, superpixel = LOGITS
    readout = export_readout(regression, trunk, f"{READOUT}/")
    cells = _joined(trunk, readout, [(disparity, f"{READOUT}/logits")], kept=[superpixel])
    read = (*read, "peak") if regression.offsets else read
    edges = [(f"{READOUT}/{name}", f"{prefix}/{name}") for name in read]
    return _joined(cells, tail, [*edges, (superpixel, f"{prefix}/{superpixel}")])


def trunk_form(trunk: onnx.ModelProto) -> onnx.ModelProto:
    """uint8 N×H×W×3 RGB views -> the trunk's two maps of logits.

    Args:
        trunk: normalised images N×3×H×W, named as the views, -> logits.
    """
    images = _graph(trunk, _IMAGES, _image_constants(), IMAGES, VIEWS)
    inner = onnx.ModelProto()
    inner.CopyFrom(trunk)
    for view in VIEWS:
        _rename(inner.graph, view, f"{view}_normalised")
    _fix_axes(images.graph, trunk.graph)
    return _joined(images, inner, [(f"{IMAGES}/{view}_yuv", f"{view}_normalised") for view in VIEWS])


def full_form(trunk: onnx.ModelProto, regression: Regression, unrolled: bool = False) -> onnx.ModelProto:
    """`trunk_form` with read-out, confidence and superpixel up-sampling behind it.

    -> disparity float32 N×H×W in px, confidence float32 N×H×W in 0…1 (`stereo_exp.model.readout`). A pixel shuffle
    that a rewrite has left at the trunk's end moves behind the up-sampling: two maps are shuffled instead of four.

    Args:
        trunk: what `trunk_form` made, rewritten or not.
        regression: what the network has behind its trunk.
        unrolled: the softmax over the neighbours plane by plane.
    """
    trunk, block = _without_last_shuffle(trunk, regression.stride // regression.pixel)
    pixels = Pixels(regression, unrolled, block)
    tail = _graph(trunk, pixels.text, pixels.constants, PIXELS, (DISPARITY, CONFIDENCE))
    return _join_regression(trunk, tail, regression, PIXELS, ("low", "near"))


_JUDGEMENT = """
judgement (float[N, H, W] sureness) => (float[N, H, W] confidence) {
    scaled = Mul (sureness, levels)
    level = Cast <to = 6> (scaled)
    confidence = Gather (table, level)
}
"""


def judge_form(full: onnx.ModelProto, reliability: Reliability) -> onnx.ModelProto:
    """`full_form` whose confidence is what `stereo_exp.runtime` says: the probability to be within 2 px, of a pair that
    is seen as it is given.

    Args:
        reliability: of the network's weights.
    """
    table, _ = reliability.tables(1.0, refined=False)
    constants = {"levels": np.asarray(LEVELS, np.float32), "table": table}
    tail = _graph(full, _JUDGEMENT, constants, JUDGEMENT, (CONFIDENCE,))
    sure = onnx.ModelProto()
    sure.CopyFrom(full)
    _rename(sure.graph, CONFIDENCE, "sureness")
    return _joined(sure, tail, [("sureness", f"{JUDGEMENT}/sureness")], kept=[DISPARITY])


def _without_last_shuffle(trunk: onnx.ModelProto, stride: int) -> tuple[onnx.ModelProto, int]:
    """`trunk` with what its pixel shuffle reads in place of the superpixel logits, and the side of its blocks; where it
    ends in none of whose blocks cells are made, itself and 1."""
    logits = LOGITS[1]
    last = next(node for node in trunk.graph.node if logits in node.output)
    settings = {a.name: helper.get_attribute_value(a) for a in last.attribute}
    if last.op_type != "DepthToSpace" or settings.get("mode") != b"CRD" or stride % settings["blocksize"]:
        return trunk, 1
    cut = onnx.ModelProto()
    cut.CopyFrom(trunk)
    cut.graph.node.remove(last)
    _rename(cut.graph, last.input[0], logits)
    for value in cut.graph.output:
        if value.name == logits:
            value.CopyFrom(helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, [None] * 4))
    return cut, int(settings["blocksize"])


def _graph(
    like: onnx.ModelProto, text: str, constants: dict[str, np.ndarray], prefix: str, kept: Sequence[str]
) -> onnx.ModelProto:
    """The graph that `text` spells, of the same version as `like`; all names but `kept` get a prefix."""
    opset = next(o.version for o in like.opset_import if o.domain == "")
    model = parser.parse_model(_HEADER.format(ir=like.ir_version, opset=opset) + text)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    for node in model.graph.node:
        node.name = node.output[0]
    model = compose.add_prefix(model, f"{prefix}/")
    for name in kept:
        _rename(model.graph, f"{prefix}/{name}", name)
    return model


def _joined(
    first: onnx.ModelProto, second: onnx.ModelProto, edges: list[tuple[str, str]], kept: Sequence[str] = ()
) -> onnx.ModelProto:
    """`second` behind `first`; what comes out is `kept`, of the first, and all of the second."""
    outputs = [*kept, *(value.name for value in second.graph.output)]
    model = compose.merge_models(first, second, edges, outputs=outputs)
    onnx.checker.check_model(model)
    return model


def _fix_axes(images: onnx.GraphProto, trunk: onnx.GraphProto) -> None:
    """Axes that the trunk has fixed are fixed in the images too: engines then choose kernels for that size."""
    for view, normalised in zip(images.input, trunk.input, strict=True):
        axes = [normalised.type.tensor_type.shape.dim[axis] for axis in (0, 2, 3)]
        for axis, dim in enumerate(axes):
            if dim.HasField("dim_value"):
                view.type.tensor_type.shape.dim[axis].dim_value = dim.dim_value


def _image_constants() -> dict[str, np.ndarray]:
    return {
        "yuv_from_rgb": np.asarray(YUV_FROM_RGB, np.float32).reshape(3, 3, 1, 1) / np.float32(256),
        # Half a step to round; luma moves to the middle of its range, U and V stand there already.
        "yuv_offset": np.asarray([0.5 - 128, 0.5, 0.5], np.float32),
        "yuv_step": np.asarray(1 / 128, np.float32),
    }


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new
