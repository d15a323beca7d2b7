"""Rewrites of what comes before the trunk: sizes, colours and views, from images' bytes to the trunk's integers.

Normalising and quantising cancel, floors and roundings become one, and in the end colours are converted in bytes: no
float image is written and read between the bytes that come and the bytes that go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import Var

from stereo_exp.deploy.surgery import (
    add_constant,
    constant,
    find_producer,
    nodes_of,
    only_user,
    repeat_node,
    replace_nodes,
    replace_pattern,
)

_STEPS = 256
"""Of a colour's matrix to one."""
_LARGEST = 127
_WIDTH = 2
"""Axis of an image N×H×W×3."""
_TOGETHER = 4
"""Pixels."""
_PERMUTATION = [0, 3, 1, 2]  # N×H×W×C -> N×C×H×W
_SAME_SIZE = ("Cast", "Mul", "Floor")
_IMAGE_BY_IMAGE = ("Cast", "Conv", "DequantizeLinear", "Floor", "Mul", "QuantizeLinear", "Transpose")


def read_input_sizes(model: ir.Model) -> int:
    """Sizes read off the images themselves instead of off what was made of them, which then may be fused away.

    Returns:
        How many Shape operators were moved up.
    """
    changed = 0
    for node in nodes_of(model, "Shape"):
        start, end = (node.attributes[k].as_int() if k in node.attributes else None for k in ("start", "end"))
        image = _find_image(node.inputs[0])
        # One axis at a time; the channels' is not asked for.
        if image is None or start not in (0, 2, 3) or end != start + 1:
            continue
        axis = _PERMUTATION[start]
        node.attributes["start"], node.attributes["end"] = ir.AttrInt64("start", axis), ir.AttrInt64("end", axis + 1)
        node.replace_input_with(0, image)
        changed += 1
    return changed


def _find_image(value: ir.Value | None) -> ir.Value | None:
    """The N×H×W×C input of the graph behind a normalised N×C×H×W image."""
    transposed = False
    while value is not None and (node := value.producer()) is not None:
        if node.op_type == "Transpose" and not transposed and list(node.attributes["perm"].as_ints()) == _PERMUTATION:
            transposed = True
        elif node.op_type == "Conv":
            weight = constant(node.inputs[1])
            if weight is None or weight.shape[2:] != (1, 1) or "strides" in node.attributes:
                return None
        elif node.op_type not in _SAME_SIZE:
            return None
        value = node.inputs[0]
    return value if transposed and value is not None and value.is_graph_input() else None


def take_integers(model: ir.Model) -> int:
    """Images as integers at once: normalising by 1/128 and quantising by 1/128 cancel.

    Multiply by a power of two, then quantise: quantise by the quotient instead; both are exact.

    Returns:
        How many products went.
    """

    def pattern(op: Any, x: Any, factor: Any, scale: Any, zero_point: Any) -> Any:
        return op.QuantizeLinear(op.Mul(x, factor), scale, zero_point, _outputs=["integers"])

    def condition(context: Any, factor: ir.Value, scale: ir.Value, **_: ir.Value) -> bool:
        array, step = constant(factor), constant(scale)
        return array is not None and step is not None and step.size == 1 and _is_power(array)

    def replacement(
        op: Any, x: ir.Value, factor: ir.Value, scale: ir.Value, zero_point: ir.Value, integers: ir.Value
    ) -> ir.Value:
        array, step = constant(factor), constant(scale)
        assert array is not None and step is not None
        quotient = (step / array.reshape(step.shape)).astype(np.float32)
        return repeat_node(
            op, integers, x, add_constant(model, f"{find_producer(integers).name}.scale", quotient), zero_point
        )

    # Sizes may still be read off the product.
    return replace_pattern(model, pattern, replacement, condition, is_shared=True)


def _is_power(factor: np.ndarray) -> bool:
    return factor.size == 1 and bool(factor > 0) and float(np.frexp(factor.item())[0]) == 0.5


def round_once(model: ir.Model) -> int:
    """Colour conversion rounded by the quantise operator itself instead of by a floor before it.

    The sums are whole multiples of 1/256, so floor(x) = round(x − 1/2 + 1/512): never a tie, nothing left to break it.

    Returns:
        How many floors behind a convolution of such sums were removed.
    """

    def pattern(op: Any, x: Any, weight: Any, bias: Any) -> Any:
        return op.Floor(op.Conv(x, weight, bias, _outputs=["sums"]), _outputs=["floor"])

    def condition(context: Any, weight: ir.Value, bias: ir.Value, floor: ir.Value, **_: ir.Value) -> bool:
        quantise, terms = only_user(floor), [constant(value) for value in (weight, bias)]
        is_on_grid = all(term is not None and np.all(term * _STEPS == np.rint(term * _STEPS)) for term in terms)
        if not is_on_grid or quantise is None or quantise.op_type != "QuantizeLinear":
            return False
        step = constant(quantise.inputs[1])
        return step is not None and step.size == 1 and float(step.item()) == 1

    def replacement(op: Any, x: ir.Value, weight: ir.Value, bias: ir.Value, sums: ir.Value, **_: ir.Value) -> ir.Value:
        exact = constant(bias)
        assert exact is not None
        shifted = exact - np.float32(0.5) + np.float32(0.5 / _STEPS)
        offset = add_constant(model, f"{find_producer(sums).name}.offset", shifted.astype(np.float32))
        return repeat_node(op, sums, x, weight, offset)

    return replace_pattern(model, pattern, replacement, condition)


def join_views(model: ir.Model) -> int:
    """Both views through one chain of operators instead of through two alike: joined as bytes, not as quantised.

    The trunk begins by putting the two views into one batch. What comes before works image by image, so that the batch
    may be made first: half as many operators, and each has twice the rows to share between threads.

    Returns:
        How many operators were left of twice as many.
    """
    changed = 0
    for node in nodes_of(model, "Concat"):
        batch: ir.Node | None = node if node.attributes.get_int("axis", -1) == 0 else None
        while batch is not None and (batch := _move_up(model, batch)) is not None:
            changed += 1
    return changed


def _move_up(model: ir.Model, batch: ir.Node) -> ir.Node | None:
    """The concatenation in front of the operators that gave it its inputs; None where they are not the same."""
    sources = [value.producer() for value in batch.inputs if value is not None]
    twins = [node for node in sources if node is not None and only_user(node.outputs[0]) is batch]
    if len(twins) != len(batch.inputs) or not _are_alike(twins):
        return None
    first = twins[0]
    joined = ir.node("Concat", [node.inputs[0] for node in twins], {"axis": 0}, name=str(batch.name))
    assert first.inputs[0] is not None
    joined.outputs[0].name, joined.outputs[0].type = f"{first.inputs[0].name}.views", first.inputs[0].type
    if first.inputs[0].shape is not None:
        joined.outputs[0].shape = ir.Shape([None, *first.inputs[0].shape[1:]])
    once = ir.node(first.op_type, [joined.outputs[0], *first.inputs[1:]], first.attributes, name=str(first.name))
    once.outputs[0].type = first.outputs[0].type
    replace_nodes(model, [batch, *twins], [joined, once])
    return joined


def _are_alike(nodes: Sequence[ir.Node]) -> bool:
    first = nodes[0]
    return first.op_type in _IMAGE_BY_IMAGE and all(
        node.op_type == first.op_type
        and _settings(node) == _settings(first)
        and len(node.inputs) == len(first.inputs)
        and all(map(_same_constant, node.inputs[1:], first.inputs[1:]))
        for node in nodes
    )


def _settings(node: ir.Node) -> dict[str, object]:
    return {name: attribute.value for name, attribute in node.attributes.items()}


def _same_constant(one: ir.Value | None, other: ir.Value | None) -> bool:
    a, b = constant(one), constant(other)
    return a is not None and b is not None and np.array_equal(a, b)


class _Matrix(NamedTuple):
    """The conversion in bytes.

    Attributes:
        weight: int8 4×3 in 1/256, the last row in wholes.
        offset: float32 4.
        luma: the channel that is a difference to the last one.
    """

    weight: np.ndarray
    offset: np.ndarray
    luma: int


def convert_in_bytes(model: ir.Model) -> int:
    """Colour conversion in bytes, for OpenVINO.

    Luma, (77 R + 150 G + 29 B + 128) >> 8, has a weight that no signed byte holds. It is G + ((77 R − 106 G + 29 B +
    128) >> 8): what is whole leaves the floor as it is. So the conversion gives that difference, and G as a fourth
    channel, and the convolution behind it takes luma's weights for both.

    Where the width is fixed, in whole fours, four neighbours in a row are converted at once, as 12 channels of one
    pixel to 16: three or four leave most of an engine's registers empty. Their bytes lie in memory as those of single
    pixels do.

    Returns:
        How many conversions were changed.
    """

    def pattern(op: Any, image: Any, weight: Any, bias: Any, scale: Any, zero_point: Any, taps: Any) -> Any:
        planes = op.Transpose(op.Cast(image), _outputs=["planes"])
        sums = op.Conv(planes, weight, bias, _outputs=["sums"])
        integers = op.QuantizeLinear(sums, scale, zero_point, _outputs=["integers"])
        values = op.DequantizeLinear(integers, Var("step"), Var("zero"), _outputs=["values"])
        kernel = op.DequantizeLinear(taps, Var("taps_scale"), Var("taps_zero"), _outputs=["kernel"])
        return op.Conv(values, kernel, Var("features_bias", can_match_none=True), _outputs=["features"])

    def replacement(op: Any, image: ir.Value, taps: ir.Value, features: ir.Value, **found: Any) -> ir.Value | None:
        matrix = _read_matrix(*(constant(found[key]) for key in ("weight", "bias", "scale", "zero_point")))
        old, conv = constant(taps), find_producer(features)
        if matrix is None or image.dtype != ir.DataType.UINT8 or conv.attributes.get_int("group", 1) != 1:
            return None
        if old is None or old.dtype != np.int8:
            return None
        colours = _convert(op, model, image, matrix, found)
        doubled = np.concatenate([old, old[:, matrix.luma : matrix.luma + 1]], axis=1)
        new = add_constant(model, f"{conv.name}.weight", doubled)
        kernel = repeat_node(op, found["kernel"], new, found["taps_scale"], found["taps_zero"])
        return repeat_node(op, features, colours, kernel, found["features_bias"])

    return replace_pattern(model, pattern, replacement)


def _read_matrix(
    weight: np.ndarray | None, offset: np.ndarray | None, scale: np.ndarray | None, zero_point: np.ndarray | None
) -> _Matrix | None:
    """None where the conversion is not one of whole 256ths, one of them too large, to steps of 1."""
    if weight is None or offset is None or scale is None or zero_point is None:
        return None
    if weight.shape[2:] != (1, 1) or scale.size != 1 or float(scale.item()) != 1 or zero_point.dtype != np.uint8:
        return None
    steps = weight[:, :, 0, 0].astype(np.float64) * _STEPS
    large = np.argwhere(np.abs(steps) > _LARGEST)
    if len(large) != 1 or np.any(steps != np.rint(steps)):
        return None
    luma, green = (int(i) for i in large[0])
    steps[luma, green] -= _STEPS
    if abs(steps[luma, green]) > _LARGEST:
        return None
    rows = np.vstack([steps, np.eye(steps.shape[1])[green]]).astype(np.int8)
    # Both parts lie around the middle, whose integer stands for the zeros that the convolution behind pads with.
    middle = float(zero_point.item())
    offsets = np.append(offset.astype(np.float64), -middle)
    offsets[luma] += middle
    return _Matrix(rows, offsets.astype(np.float32), luma)


def _convert(op: Any, model: ir.Model, image: ir.Value, matrix: _Matrix, found: dict[str, ir.Value]) -> ir.Value:
    """From the image's bytes to the four channels, dequantised.

    Args:
        found: `planes`, `sums`, `integers`, `values` of the conversion that is replaced, and its parameters.
    """
    name = find_producer(found["sums"]).name

    def new(key: str, array: np.ndarray) -> ir.Value:
        return add_constant(model, f"{name}.{key}", array)

    def regroup(source: ir.Value, channels: int, key: str) -> ir.Value:
        """N×H×W×C with as many channels, and as many more or fewer pixels in a row."""
        return op.Reshape(source, new(f"{key}.shape", np.asarray([0, 0, -1, channels])), _name=f"{name}/{key}")

    width = None if image.shape is None else image.shape[_WIDTH]
    together = _TOGETHER if isinstance(width, int) and width % _TOGETHER == 0 else 1
    channels, colours = matrix.weight.shape
    source = regroup(image, together * colours, "together") if together > 1 else image
    # Dequantised before it is transposed: the other way around OpenVINO makes it floats first.
    one, nothing = new("image_scale", np.asarray(1, np.float32)), new("image_zero_point", np.asarray(0, np.uint8))
    floats = op.DequantizeLinear(source, one, nothing, _name=f"{name}/image")
    blocks = np.kron(np.eye(together, dtype=np.int8), matrix.weight)[:, :, None, None]
    scale = new("scale", np.tile(np.asarray([1 / _STEPS] * (channels - 1) + [1], np.float32), together))
    rows, row_zeros = new("weight", blocks), new("weight.zero_point", np.zeros(len(blocks), np.int8))
    weights = op.DequantizeLinear(rows, scale, row_zeros, axis=0, _name=f"{name}/matrix")
    planes = repeat_node(op, found["planes"], floats)
    sums = repeat_node(op, found["sums"], planes, weights, new("offset", np.tile(matrix.offset, together)))
    integers = repeat_node(op, found["integers"], sums, found["scale"], found["zero_point"])
    integers.type = found["integers"].type
    values = repeat_node(op, found["values"], integers, found["step"], found["zero"])
    if together == 1:
        return values
    in_rows = op.Transpose(values, perm=[0, 2, 3, 1], _name=f"{name}/in_rows")
    return op.Transpose(regroup(in_rows, channels, "apart"), perm=_PERMUTATION, _name=f"{name}/in_planes")
