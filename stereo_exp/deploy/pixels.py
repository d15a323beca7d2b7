"""Everything behind the trunk as an ONNX graph: logits in, disparity in px and confidence out.

Written out as text in ONNX's own syntax. There are two ways to spell the last softmax, for engines that are faster with
one or the other, and each of them either for the image or, in front of a pixel shuffle, for its four parities.
"""

from __future__ import annotations

import re

import numpy as np

from stereo_exp.base import CELL
from stereo_exp.model import NEIGHBOURHOOD

DISPARITY, CONFIDENCE = "disparity", "confidence"
SHUFFLE = 2
"""Block size of the pixel shuffle that may follow instead of preceding."""

# `low` and `near` are one map of two channels from the padding on: both are up-sampled by the same weights.
_COARSE = """
pixels (float[N, D, h, w] disparity_logits, float[N, C, H, W] superpixel_logits)
    => (float[N, Y, X] disparity, float[N, Y, X] confidence) {
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
_NEAREST = (
    'Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (four, , {})'
)
_RESULTS = (("low", DISPARITY), ("near", CONFIDENCE))


def pixels_text(unrolled: bool, parities: bool) -> str:
    """The graph `pixels`: N×D×h×w and N×4×H×W logits -> N×H×W disparity in px, N×H×W confidence in 0…1.

    Args:
        unrolled: the softmax over the four neighbours plane by plane.
        parities: the second input is N×16×H/2×W/2, channel c·4 + parity, what a pixel shuffle would make N×4×H×W of. A
            cell's four pixels mix the same coarse values.
    """
    if unrolled:
        lines = _unrolled(parities)
    else:
        lines = _softmax_of_parities() if parities else _softmax()
    return _COARSE + "\n".join(f"    {line}" for line in lines) + "\n}\n"


def pixels_constants(text: str, num_candidates: int, maxdisp: int) -> dict[str, np.ndarray]:
    """The constants that `text` names."""
    words = set(re.findall(r"\w+", text))
    return {k: v for k, v in _constants(num_candidates, maxdisp).items() if k in words}


def _softmax() -> list[str]:
    # Nearest enlargement: along the rows it is made, an eighth of the work; down the columns one row serves eight.
    lines = [
        "weights = Softmax <axis = 1> (superpixel_logits)",
        f"spread = {_NEAREST.format('enlargement_of_rows')}",
        "coarse_h = Shape <start = 2, end = 3> (low)",
        "full_w = Shape <start = 3, end = 4> (superpixel_logits)",
        "full_size = Shape <start = 2> (superpixel_logits)",
        "in_bands = Concat <axis = 0> (rest, count_4, coarse_h, count_8, full_w)",
        "of_bands = Concat <axis = 0> (rest, count_4, coarse_h, count_1, full_w)",
        "weight_planes = Reshape (weights, in_bands)",
        "image = Concat <axis = 0> (rest, full_size)",
    ]
    for name, result in _RESULTS:
        lines += [*_mixed(name, "of_bands"), f"{result} = Reshape ({name}_sum, image)"]
    return lines


def _softmax_of_parities() -> list[str]:
    lines = [
        "by_parity = Reshape (superpixel_logits, to_planes)",
        "weight_planes = Softmax <axis = 1> (by_parity)",
        f"spread = {_NEAREST.format('enlargement_to_half')}",
        "half_size = Shape <start = 2> (superpixel_logits)",
        "of_parities = Concat <axis = 0> (rest, count_4, half_size)",
    ]
    for name, result in _RESULTS:
        lines += [*_mixed(name, "to_one_plane"), f"{name}_mean = Reshape ({name}_sum, of_parities)"]
        lines += _result(name, result, parities=True)
    return lines


def _mixed(name: str, shape: str) -> list[str]:
    """The sum over the four neighbours of `spread` times `weight_planes`, once `spread` has a shape that fits."""
    return [
        f"{name}_spread = Gather <axis = 1> (spread, {name}_channels)",
        f"{name}_planes = Reshape ({name}_spread, {shape})",
        f"{name}_parts = Mul (weight_planes, {name}_planes)",
        f"{name}_sum = ReduceSum <keepdims = 0> ({name}_parts, channel_axis)",
    ]


def _result(name: str, result: str, parities: bool) -> list[str]:
    """N×1×H×W, or N×4×H/2×W/2 parities of it, -> N×H×W."""
    if not parities:
        return [f"{result} = Squeeze ({name}_mean, channel_axis)"]
    return [
        f"{name}_image = DepthToSpace <blocksize = {SHUFFLE}> ({name}_mean)",
        f"{result} = Squeeze ({name}_image, channel_axis)",
    ]


def _unrolled(parities: bool) -> list[str]:
    """Plane by plane, divided once at the end; some engines' softmax over channels is slow."""
    planes = SHUFFLE**2 if parities else 1
    lines = [f"spread = {_NEAREST.format('enlargement_to_half' if parities else 'enlargement')}"]
    for k in range(4):
        lines += [f"logit_{k} = Slice (superpixel_logits, at_{planes * k}, at_{planes * (k + 1)}, channel_axis)"]
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
    for name, result in _RESULTS:
        lines += [f"{name}_mean = Div ({name}_sum, total_sum)", *_result(name, result, parities)]
    return lines


def _constants(num_candidates: int, maxdisp: int) -> dict[str, np.ndarray]:
    indices = np.arange(num_candidates, dtype=np.float32).reshape(1, -1, 1, 1)
    starts = {f"from_{y}{x}": np.asarray([y, x]) for y, x in ((0, 0), (0, 1), (1, 0))}
    # Up to the last row or column, or up to the one before it.
    far = np.iinfo(np.int64).max
    ends = {f"to_{y}{x}": np.asarray([far if y else -1, far if x else -1]) for y, x in ((0, 0), (0, 1), (1, 0))}
    half = CELL // SHUFFLE
    return {
        "indices": indices,
        "index_of": indices,
        "index_px": np.asarray(maxdisp / num_candidates, np.float32),
        "neighbourhood": np.asarray(NEIGHBOURHOOD, np.float32),
        "channel_axis": np.asarray([1]),
        "image_axes": np.asarray([2, 3]),
        "border": np.asarray([0, 0, 1, 1, 0, 0, 0, 0]),
        "enlargement": np.asarray([1, 1, CELL, CELL], np.float32),
        "enlargement_of_rows": np.asarray([1, 1, 1, CELL], np.float32),
        "enlargement_to_half": np.asarray([1, 1, half, half], np.float32),
        "low_channels": np.asarray([0, 2, 4, 6]),
        "near_channels": np.asarray([1, 3, 5, 7]),
        "rest": np.asarray([-1]),
        # A zero keeps the axis as it is.
        "to_planes": np.asarray([0, 4, SHUFFLE**2, -1]),
        "to_one_plane": np.asarray([0, 4, 1, -1]),
        **{f"count_{n}": np.asarray([n]) for n in (1, 4, CELL)},
        **{f"at_{k}": np.asarray([k]) for k in range(4 * SHUFFLE**2 + 1)},
        **starts,
        **ends,
    }
