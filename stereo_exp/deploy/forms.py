"""What stands before and behind the trunk in the deployed graphs: images in, disparity and confidence out.

Both parts are ONNX, written out here, and joined to the exported trunk, which is exported once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import compose, numpy_helper, parser

from stereo_exp.data.colour import YUV_FROM_RGB
from stereo_exp.model.confidence import NEIGHBOURHOOD
from stereo_exp.model.postprocess import UPSAMPLING

VIEWS = ("left", "right")
LOGITS = ("disparity_logits", "superpixel_logits")
DISPARITY, CONFIDENCE = "disparity", "confidence"
NETWORK_OUTPUTS = ("unfolded", "weights")
IMAGES, PIXELS, REGRESSION = "images", "pixels", "regression"
"""How nodes before and behind the trunk are named: `images/…`, `pixels/…`, `regression/…`."""
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

# `low` and `near` are one map of two channels from the padding on: both are up-sampled by the same weights.
_COARSE = """
pixels (float[N, D, h, w] disparity_logits, float[N, 4, H, W] superpixel_logits)
    => (float[N, H, W] disparity, float[N, H, W] confidence) {
    probability = Softmax <axis = 1> (disparity_logits)
    expected = Conv (probability, indices)
    distance = Sub (index_of, expected)
    magnitude = Abs (distance)
    is_near = LessOrEqual (magnitude, neighbourhood)
    near_float = Cast <to = 1> (is_near)
    near_probability = Mul (probability, near_float)
    near = ReduceSum <keepdims = 1> (near_probability, channel_axis)
    low = Mul (expected, index_px)
    pair = Concat <axis = 1> (low, near)
    padded = Pad (pair, border)
    above_left = Slice (padded, from_00, to_00, image_axes)
    above = Slice (padded, from_01, to_01, image_axes)
    left_of = Slice (padded, from_10, to_10, image_axes)
    four = Concat <axis = 1> (above_left, above, left_of, pair)
"""
# Nearest enlargement: along the rows it is made, an eighth of the work; down the columns one row serves eight.
_SOFTMAX = """
    weights = Softmax <axis = 1> (superpixel_logits)
    wide = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">
        (four, , enlargement_of_rows)
    low_wide = Gather <axis = 1> (wide, low_channels)
    near_wide = Gather <axis = 1> (wide, near_channels)
    coarse_h = Shape <start = 2, end = 3> (low)
    full_w = Shape <start = 3, end = 4> (superpixel_logits)
    full_size = Shape <start = 2> (superpixel_logits)
    in_bands = Concat <axis = 0> (rest, count_4, coarse_h, count_8, full_w)
    of_bands = Concat <axis = 0> (rest, count_4, coarse_h, count_1, full_w)
    weight_bands = Reshape (weights, in_bands)
    low_bands = Reshape (low_wide, of_bands)
    near_bands = Reshape (near_wide, of_bands)
    parts_low = Mul (weight_bands, low_bands)
    parts_near = Mul (weight_bands, near_bands)
    sum_low = ReduceSum <keepdims = 0> (parts_low, channel_axis)
    sum_near = ReduceSum <keepdims = 0> (parts_near, channel_axis)
    image = Concat <axis = 0> (rest, full_size)
    disparity = Reshape (sum_low, image)
    confidence = Reshape (sum_near, image)
}
"""


def _unrolled() -> str:
    """The same as `_SOFTMAX` plane by plane, divided once at the end; some engines' softmax over channels is slow."""
    lines = [
        'spread = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> '
        "(four, , enlargement)"
    ]
    for k in range(4):
        lines += [f"logit_{k} = Slice (superpixel_logits, at_{k}, at_{k + 1}, channel_axis)"]
    lines += ["largest = Max (logit_0, logit_1, logit_2, logit_3)"]
    for k in range(4):
        lines += [
            f"shifted_{k} = Sub (logit_{k}, largest)",
            f"power_{k} = Exp (shifted_{k})",
            f"low_{k} = Slice (spread, at_{2 * k}, at_{2 * k + 1}, channel_axis)",
            f"near_{k} = Slice (spread, at_{2 * k + 1}, at_{2 * k + 2}, channel_axis)",
            f"low_part_{k} = Mul (power_{k}, low_{k})",
            f"near_part_{k} = Mul (power_{k}, near_{k})",
        ]
    for name, part in (("total", "power"), ("low", "low_part"), ("near", "near_part")):
        lines += [
            f"{name}_01 = Add ({part}_0, {part}_1)",
            f"{name}_012 = Add ({name}_01, {part}_2)",
            f"{name}_sum = Add ({name}_012, {part}_3)",
        ]
    lines += [
        "low_mean = Div (low_sum, total_sum)",
        "near_mean = Div (near_sum, total_sum)",
        "disparity = Squeeze (low_mean, channel_axis)",
        "confidence = Squeeze (near_mean, channel_axis)",
    ]
    return "\n".join(f"    {line}" for line in lines) + "\n}\n"


# What the deployed reference puts out; its post-process runs on the CPU.
_REGRESSION = """
regression (float[N, D, h, w] disparity_logits, float[N, 4, H, W] superpixel_logits)
    => (float[N, 4, h, w] unfolded, float[N, 4, H, W] weights) {
    probability = Softmax <axis = 1> (disparity_logits)
    low = Conv (probability, candidates)
    padded = Pad (low, border)
    unfolded = Conv (padded, neighbours)
    weights = Softmax <axis = 1> (superpixel_logits)
}
"""


def network_form(trunk: onnx.ModelProto, num_candidates: int) -> onnx.ModelProto:
    """Normalised images N×3×H×W -> `unfolded` N×4×H/8×W/8 and `weights` N×4×H×W.

    What `stereo_exp.model.postprocess` makes disparity of, see `StereoOutput`.

    Args:
        trunk: normalised images -> logits.
    """
    constants = {
        "candidates": np.arange(num_candidates, dtype=np.float32).reshape(1, -1, 1, 1) / np.float32(num_candidates),
        "border": np.asarray([0, 0, 1, 1, 0, 0, 0, 0]),
        "neighbours": np.eye(4, dtype=np.float32).reshape(4, 1, 2, 2),
    }
    tail = _graph(trunk, _REGRESSION, constants, REGRESSION, NETWORK_OUTPUTS)
    return _joined(trunk, tail, [(name, f"{REGRESSION}/{name}") for name in LOGITS])


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


def full_form(trunk: onnx.ModelProto, num_candidates: int, maxdisp: int, unrolled: bool = False) -> onnx.ModelProto:
    """`trunk_form` with softmaxes, expected value, confidence and superpixel up-sampling behind it.

    -> disparity float32 N×H×W in px, confidence float32 N×H×W in 0…1 (`stereo_exp.model.confidence`).

    Args:
        trunk: what `trunk_form` made.
        unrolled: the softmax over the four neighbours plane by plane.
    """
    text = _COARSE + (_unrolled() if unrolled else _SOFTMAX)
    words = set(re.findall(r"\w+", text))
    constants = {k: v for k, v in _pixel_constants(num_candidates, maxdisp).items() if k in words}
    pixels = _graph(trunk, text, constants, PIXELS, (DISPARITY, CONFIDENCE))
    return _joined(trunk, pixels, [(name, f"{PIXELS}/{name}") for name in LOGITS])


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


def _joined(first: onnx.ModelProto, second: onnx.ModelProto, edges: list[tuple[str, str]]) -> onnx.ModelProto:
    model = compose.merge_models(first, second, edges)
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


def _pixel_constants(num_candidates: int, maxdisp: int) -> dict[str, np.ndarray]:
    indices = np.arange(num_candidates, dtype=np.float32).reshape(1, -1, 1, 1)
    starts = {f"from_{y}{x}": np.asarray([y, x]) for y, x in ((0, 0), (0, 1), (1, 0))}
    # Up to the last row or column, or up to the one before it.
    far = np.iinfo(np.int64).max
    ends = {f"to_{y}{x}": np.asarray([far if y else -1, far if x else -1]) for y, x in ((0, 0), (0, 1), (1, 0))}
    return {
        "indices": indices,
        "index_of": indices,
        "index_px": np.asarray(maxdisp / num_candidates, np.float32),
        "neighbourhood": np.asarray(NEIGHBOURHOOD, np.float32),
        "channel_axis": np.asarray([1]),
        "image_axes": np.asarray([2, 3]),
        "border": np.asarray([0, 0, 1, 1, 0, 0, 0, 0]),
        "enlargement": np.asarray([1, 1, UPSAMPLING, UPSAMPLING], np.float32),
        "low_channels": np.asarray([0, 2, 4, 6]),
        "near_channels": np.asarray([1, 3, 5, 7]),
        "rest": np.asarray([-1]),
        "enlargement_of_rows": np.asarray([1, 1, 1, UPSAMPLING], np.float32),
        **{f"count_{n}": np.asarray([n]) for n in (1, 4, UPSAMPLING)},
        **{f"at_{k}": np.asarray([k]) for k in range(9)},
        **starts,
        **ends,
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
