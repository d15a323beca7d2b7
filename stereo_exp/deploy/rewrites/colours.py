"""Colour conversion in bytes: no float image is written and read between the bytes that come and the bytes that go on.

Luma, (77 R + 150 G + 29 B + 128) >> 8, has a weight that no signed byte holds. It is G + ((77 R − 106 G + 29 B + 128)
>> 8): what is whole leaves the floor as it is. So the conversion gives that difference, and G as a fourth channel, and
the convolution behind it takes luma's weights for both.

Where the width is fixed, four neighbours in a row are converted at once, as 12 channels of one pixel to 16: three or
four leave most of an engine's registers empty. Their bytes lie in memory as those of single pixels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.rewrites.shuffles import integers
from stereo_exp.deploy.surgery import add_constant, constant, input_of, nodes_of, only_user, replace_nodes

_STEPS = 256
_LARGEST = 127
_WIDTH = 2
"""Axis of an image N×H×W×3."""
_TOGETHER = 4
"""Pixels; any width that the network takes is a multiple of 32."""


class _Chain(NamedTuple):
    """What is replaced, in this order."""

    cast: ir.Node
    transpose: ir.Node
    conversion: ir.Node
    quantise: ir.Node
    dequantise: ir.Node
    conv: ir.Node


class _Matrix(NamedTuple):
    """The conversion in bytes.

    Attributes:
        weight: int8 4×3×1×1 in 1/256, the last row in wholes.
        offset: float32 4.
        luma: the channel that is a difference to the last one.
    """

    weight: np.ndarray
    offset: np.ndarray
    luma: int


def convert_in_bytes(model: ir.Model) -> int:
    """Returns how many conversions were changed."""
    changed = 0
    for quantise in nodes_of(model, "QuantizeLinear"):
        chain = _chain(quantise)
        matrix = _matrix(chain) if chain is not None else None
        if chain is not None and matrix is not None:
            _replace(model, chain, matrix)
            changed += 1
    return changed


def _chain(quantise: ir.Node) -> _Chain | None:
    """The nodes around one, where nothing else reads what lies between them."""
    dequantise = only_user(quantise.outputs[0])
    conv = only_user(dequantise.outputs[0]) if dequantise is not None else None
    conversion = _producer(quantise, "Conv")
    transpose = _producer(conversion, "Transpose")
    cast = _producer(transpose, "Cast")
    if dequantise is None or conv is None or conversion is None or transpose is None or cast is None:
        return None
    is_image = cast.inputs[0] is not None and cast.inputs[0].dtype == ir.DataType.UINT8
    is_convolved = (dequantise.op_type, conv.op_type) == ("DequantizeLinear", "Conv")
    if not is_image or not is_convolved or conv.attributes.get_int("group", 1) != 1 or _taps(conv) is None:
        return None
    return _Chain(cast, transpose, conversion, quantise, dequantise, conv)


def _producer(node: ir.Node | None, kind: str) -> ir.Node | None:
    value = node.inputs[0] if node is not None else None
    source = value.producer() if value is not None else None
    return source if source is not None and source.op_type == kind and only_user(source.outputs[0]) is node else None


def _taps(conv: ir.Node) -> np.ndarray | None:
    """The integers of a quantised weight; None of any other."""
    taps = constant(integers(conv.inputs[1]))
    return taps if taps is not None and taps.dtype == np.int8 else None


def _matrix(chain: _Chain) -> _Matrix | None:
    """None where the conversion is not one of whole 256ths, one of them too large, to steps of 1."""
    weight, offset = (constant(input_of(chain.conversion, i)) for i in (1, 2))
    scale, zero_point = (constant(input_of(chain.quantise, i)) for i in (1, 2))
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
    return _Matrix(rows[:, :, None, None], offsets.astype(np.float32), luma)


def _replace(model: ir.Model, chain: _Chain, matrix: _Matrix) -> None:
    colours = _converted(model, chain, matrix)
    taps, old = _taps(chain.conv), chain.conv.inputs[1]
    assert taps is not None and old is not None
    quantised_taps = old.producer()
    assert quantised_taps is not None
    doubled = np.concatenate([taps, taps[:, matrix.luma : matrix.luma + 1]], axis=1)
    weight = add_constant(model, f"{chain.conv.name}.weight", doubled)
    kernel = _again(quantised_taps, weight, *quantised_taps.inputs[1:])
    conv = _again(chain.conv, colours[-1].outputs[0], kernel.outputs[0], *chain.conv.inputs[2:])
    replace_nodes(model, list(reversed(chain)), [*colours, kernel, conv])


def _converted(model: ir.Model, chain: _Chain, matrix: _Matrix) -> list[ir.Node]:
    """From the image's bytes to the four channels, dequantised; the last node puts them out."""
    name = str(chain.conversion.name)

    def new(key: str, array: np.ndarray) -> ir.Value:
        return add_constant(model, f"{name}.{key}", array)

    def rows_of(source: ir.Value, channels: int, key: str) -> ir.Node:
        """N×H×W×C with as many channels, and as many more or fewer pixels in a row."""
        shape = new(f"{key}.shape", np.asarray([0, 0, -1, channels]))
        return ir.node("Reshape", [source, shape], name=f"{name}/{key}")

    image = chain.cast.inputs[0]
    assert image is not None
    together = _TOGETHER if image.shape is not None and isinstance(image.shape[_WIDTH], int) else 1
    channels, colours = matrix.weight.shape[:2]
    packed = [rows_of(image, together * colours, "together")] if together > 1 else []
    # Dequantised before it is transposed: the other way around OpenVINO makes it floats first.
    one, zero = new("image_scale", np.asarray(1, np.float32)), new("image_zero_point", np.asarray(0, np.uint8))
    source = packed[0].outputs[0] if packed else image
    dequantised = ir.node("DequantizeLinear", [source, one, zero], name=f"{name}/image")
    blocks = np.kron(np.eye(together, dtype=np.int8), matrix.weight[:, :, 0, 0])[:, :, None, None]
    scale = new("scale", np.tile(np.asarray([1 / _STEPS] * (channels - 1) + [1], np.float32), together))
    rows, row_zeros = new("weight", blocks), new("weight.zero_point", np.zeros(len(blocks), np.int8))
    weights = ir.node("DequantizeLinear", [rows, scale, row_zeros], {"axis": 0}, name=f"{name}/matrix")
    transpose = _again(chain.transpose, dequantised.outputs[0])
    offset = new("offset", np.tile(matrix.offset, together))
    conversion = _again(chain.conversion, transpose.outputs[0], weights.outputs[0], offset)
    quantise = _again(chain.quantise, conversion.outputs[0], *chain.quantise.inputs[1:])
    quantise.outputs[0].type = chain.quantise.outputs[0].type
    dequantise = _again(chain.dequantise, quantise.outputs[0], *chain.dequantise.inputs[1:])
    nodes = [*packed, dequantised, weights, transpose, conversion, quantise, dequantise]
    if packed:
        in_rows = ir.node("Transpose", [dequantise.outputs[0]], {"perm": [0, 2, 3, 1]}, name=f"{name}/in_rows")
        apart = rows_of(in_rows.outputs[0], channels, "apart")
        in_planes = ir.node("Transpose", [apart.outputs[0]], {"perm": [0, 3, 1, 2]}, name=f"{name}/in_planes")
        nodes += [in_rows, apart, in_planes]
    return nodes


def _again(node: ir.Node, *inputs: ir.Value | None) -> ir.Node:
    """The same operator on other inputs."""
    return ir.node(node.op_type, inputs, node.attributes, name=node.name)


# Sizes read off the images themselves instead of off what was made of them, which then may be fused away.


_PERMUTATION = [0, 3, 1, 2]  # N×H×W×C -> N×C×H×W
_SAME_SIZE = ("Cast", "Mul", "Floor")


def read_input_sizes(model: ir.Model) -> int:
    """Returns how many Shape operators were moved up."""
    changed = 0
    for node in nodes_of(model, "Shape"):
        start, end = (node.attributes[k].as_int() if k in node.attributes else None for k in ("start", "end"))
        image = _image(node.inputs[0])
        # One axis at a time; the channels' is not asked for.
        if image is None or start not in (0, 2, 3) or end != start + 1:
            continue
        axis = _PERMUTATION[start]
        node.attributes["start"], node.attributes["end"] = ir.AttrInt64("start", axis), ir.AttrInt64("end", axis + 1)
        node.replace_input_with(0, image)
        changed += 1
    return changed


def _image(value: ir.Value | None) -> ir.Value | None:
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


# Images as integers at once: normalising by 1/128 and quantising by 1/128 cancel.


def take_integers(model: ir.Model) -> int:
    """Multiply by a power of two, then quantise: quantise by the quotient instead; both are exact."""
    changed = 0
    for quantise in nodes_of(model, "QuantizeLinear"):
        product = quantise.inputs[0].producer() if quantise.inputs[0] is not None else None
        if product is None or product.op_type != "Mul":
            continue
        factor, scale = constant(product.inputs[1]), constant(quantise.inputs[1])
        if factor is None or scale is None or factor.size != 1 or scale.size != 1 or not _is_power(factor):
            continue
        quotient = (scale / factor.reshape(scale.shape)).astype(np.float32)
        quantise.replace_input_with(0, product.inputs[0])
        quantise.replace_input_with(1, add_constant(model, f"{quantise.name}.scale", quotient))
        if not product.outputs[0].uses():
            model.graph.remove(product, safe=True)
        changed += 1
    return changed


def _is_power(factor: np.ndarray) -> bool:
    return bool(factor > 0) and float(np.frexp(factor.item())[0]) == 0.5


# Colour conversion rounded by the quantise operator itself instead of by a floor before it.
#
# The sums are whole multiples of 1/256, so floor(x) = round(x − 1/2 + 1/512): never a tie, nothing left to break it.


def round_once(model: ir.Model) -> int:
    """Returns how many floors behind a convolution of such sums were removed."""
    changed = 0
    for floor in nodes_of(model, "Floor"):
        quantise = only_user(floor.outputs[0])
        conv = floor.inputs[0].producer() if floor.inputs[0] is not None else None
        if quantise is None or quantise.op_type != "QuantizeLinear" or conv is None or conv.op_type != "Conv":
            continue
        scale = constant(quantise.inputs[1])
        weight, bias = (constant(value) for value in conv.inputs[1:3]) if len(conv.inputs) > 2 else (None, None)
        if scale is None or scale.size != 1 or float(scale.item()) != 1 or weight is None or bias is None:
            continue
        on_grid = all(np.all(values * _STEPS == np.rint(values * _STEPS)) for values in (weight, bias))
        if not on_grid or only_user(conv.outputs[0]) is not floor:
            continue
        shifted = bias - np.float32(0.5) + np.float32(0.5 / _STEPS)
        conv.replace_input_with(2, add_constant(model, f"{conv.name}.offset", shifted.astype(np.float32)))
        quantise.replace_input_with(0, conv.outputs[0])
        changed += 1
    return changed


# Both views through one chain of operators instead of through two alike: joined as bytes, not behind the quantising.
#
# The trunk begins by putting the two views into one batch. What comes before works image by image, so that the batch
# may be made first: half as many operators, and each has twice the rows to share between threads.


_IMAGE_BY_IMAGE = ("Cast", "Conv", "DequantizeLinear", "Floor", "Mul", "QuantizeLinear", "Transpose")


def join_views(model: ir.Model) -> int:
    """Returns how many operators were left of twice as many."""
    changed = 0
    for node in nodes_of(model, "Concat"):
        batch: ir.Node | None = node if node.attributes.get_int("axis", -1) == 0 else None
        while batch is not None and (batch := _moved_up(model, batch)) is not None:
            changed += 1
    return changed


def _moved_up(model: ir.Model, batch: ir.Node) -> ir.Node | None:
    """The concatenation in front of the operators that gave it its inputs; None where they are not the same."""
    sources = [value.producer() for value in batch.inputs if value is not None]
    twins = [node for node in sources if node is not None and only_user(node.outputs[0]) is batch]
    if len(twins) != len(batch.inputs) or not _alike(twins):
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


def _alike(nodes: Sequence[ir.Node]) -> bool:
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
