"""Colour conversion in bytes: no float image is written and read between the bytes that come and the bytes that go on.

Luma, (77 R + 150 G + 29 B + 128) >> 8, has a weight that no signed byte holds. It is G + ((77 R − 106 G + 29 B + 128)
>> 8): what is whole leaves the floor as it is. So the conversion gives that difference, and G as a fourth channel, and
the convolution behind it takes luma's weights for both.

Where the width is fixed, four neighbours in a row are converted at once, as 12 channels of one pixel to 16: three or
four leave most of an engine's registers empty. Their bytes lie in memory as those of single pixels do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.rewrites.pixel_shuffle import integers
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


def rewrite(model: ir.Model) -> int:
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
