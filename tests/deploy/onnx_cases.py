"""Small ONNX graphs, one operator or two each, for engines whose writers translate them one by one."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import parser


def graph(body: str, inputs: str = "float[1, 6, 4, 8] x", outputs: str = "float[A, B, C, D] y") -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g ({inputs}) => ({outputs}) {{ {body} }}')


def constant(name: str, values: np.ndarray) -> str:
    """A constant node as text."""
    kind = {"float32": "float", "int64": "int64", "int8": "int8", "int32": "int32"}[values.dtype.name]
    sizes, numbers = ", ".join(map(str, values.shape)), ", ".join(str(each) for each in values.ravel().tolist())
    return f"{name} = Constant <value = {kind}{f'[{sizes}]' if sizes else ''} {{{numbers}}}> ()"


def whole(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-8, 8, shape).astype(np.float32)


WEIGHT, STEP, INTEGERS = some(6, 6, 3, 3), np.asarray(0.25, np.float32), some(1, 1, 5, 8).astype(np.int8)
OPERATORS = {
    "a convolution": (f"{constant('w', WEIGHT)} y = Conv <pads = [1, 1, 1, 1]> (x, w)"),
    "one with a stride, of even sizes": f"{constant('w', WEIGHT)} y = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w)",
    "one in groups, with a ReLU": f"{constant('w', some(4, 3, 1, 1))} c = Conv <group = 2> (x, w) y = Relu (c)",
    "one that enlarges": f"{constant('w', some(6, 5, 4, 4))} {constant('b', some(5))} "
    "y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w, b)",
    "channels cut and joined": f"{constant('f', whole(4))} {constant('t', whole(99))} {constant('a', whole(1))} "
    f"{constant('s', whole(1))} c = Slice (x, f, t, a, s) y = Concat <axis = 1> (c, x)",
    "channels cut, axes and steps unsaid": f"{constant('f', whole(0, 2))} {constant('t', whole(1, 5))} "
    "y = Slice (x, f, t)",
    "columns turned round": f"{constant('f', whole(-1))} {constant('t', whole(-(2**63)))} {constant('a', whole(3))} "
    f"{constant('s', whole(-1))} y = Slice (x, f, t, a, s)",
    "a border repeated": f'{constant("p", whole(0, 0, 1, 1, 0, 0, 1, 1))} y = Pad <mode = "edge"> (x, p)',
    "a border of zeros": f"{constant('p', whole(0, 0, 1, 0, 0, 0, 0, 2))} y = Pad (x, p)",
    "channels split and columns merged": f"{constant('s', whole(1, 2, 3, 32))} y = Reshape (x, s)",
    "rows merged with channels": f"{constant('s', whole(1, 24, 8, 1))} y = Reshape (x, s)",
    "rows gathered": f"{constant('i', whole(3, 0, 0))} y = Gather <axis = 1> (x, i)",
    "the last row and the first": f"{constant('i', whole(-1, 0))} y = Gather <axis = 1> (x, i)",
    "channels taken": f"{constant('i', whole(2, 3))} y = Gather <axis = 1> (x, i)",
    "softmax over channels": "y = Softmax <axis = 1> (x)",
    "a sum that loses its axis": f"{constant('a', whole(1))} s = ReduceSum <keepdims = 0> (x, a) "
    f"{constant('b', whole(0))} y = Unsqueeze (s, b)",
    "the greatest": f"{constant('a', whole(1))} y = ReduceMax (x, a)",
    "products of rows": "r = Transpose <perm = [0, 2, 3, 1]> (x) c = Transpose <perm = [0, 2, 1, 3]> (x) "
    "y = MatMul (r, c)",
    "rows times a matrix": f"{constant('w', some(8, 5))} y = MatMul (x, w)",
    "channels added, then rows of their sum": f"{constant('a', whole(1))} s = ReduceSum <keepdims = 0> (x, a) "
    "y = Add (x, s)",
    "a matrix turned round": f"{constant('w', some(1, 1, 5, 8))} t = Transpose <perm = [0, 1, 3, 2]> (w) "
    "y = MatMul (x, t)",
    "channels between rows": f"{constant('f', some(1, 6, 1, 1))} t = Transpose <perm = [0, 2, 3, 1]> (x) "
    "b = Transpose <perm = [0, 3, 1, 2]> (t) y = Mul (f, b)",
    "cut off": f"{constant('l', np.asarray(-1, np.float32))} {constant('h', np.asarray(2, np.float32))} "
    "y = Clip (x, l, h)",
    "leaky": "y = LeakyRelu <alpha = 0.2> (x)",
    "twice the size, between": f"{constant('s', np.asarray([1, 1, 2, 2], np.float32))} "
    'y = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (x, , s)',
    "twice the size, nearest": f"{constant('s', np.asarray([1, 1, 2, 2], np.float32))} y = Resize "
    '<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (x, , s)',
    "two of three channels compared": f"{constant('o', some(1, 6, 1, 1))} g = GreaterOrEqual (x, o) "
    "y = Cast <to = 1> (g)",
    "halves": "y, z = Split <axis = 1, num_outputs = 2> (x)",
    "halves of the last axis": "y, z = Split <axis = -1, num_outputs = 2> (x) ",
    "the last half of columns": "z, y = Split <axis = -1, num_outputs = 2> (x)",
    "the last of the channels": f"{constant('i', whole(-2, -1))} y = Gather <axis = -3> (x, i)",
    "cut off below": f"{constant('l', np.asarray(-1, np.float32))} y = Clip (x, l)",
    "cut off above": f"{constant('h', np.asarray(2, np.float32))} y = Clip (x, , h)",
    "integers turned round": f"{constant('w', INTEGERS)} {constant('s', STEP)} {constant('z', np.asarray(0, np.int8))} "
    "d = DequantizeLinear (w, s, z) t = Transpose <perm = [0, 1, 3, 2]> (d) y = MatMul (x, t)",
    "rounded and back": f"{constant('s', STEP)} {constant('z', np.asarray(0, np.int8))} "
    "i = QuantizeLinear (x, s, z) y = DequantizeLinear (i, s, z)",
}


REFUSED = {
    "Conv with dilation": f"{constant('w', WEIGHT)} y = Conv <dilations = [2, 2], pads = [2, 2, 2, 2]> (x, w)",
    "Conv with pads that are not said": f'{constant("w", WEIGHT)} y = Conv <auto_pad = "SAME_UPPER"> (x, w)',
    "ConvTranspose with output padding": OPERATORS["one that enlarges"].replace(
        "strides", "output_padding = [1, 1], strides"
    ),
    "Pad that cuts off, or names its axes": f"{constant('p', whole(0, 0, -1, 0, 0, 0, 0, 2))} y = Pad (x, p)",
    "Resize of this mode": OPERATORS["twice the size, nearest"].replace(', nearest_mode = "floor"', ""),
    "Erf": "y = Erf (x)",
}
"""What no writer knows, by what is told of it."""
SMALLER = (
    f"{constant('s', np.asarray([1, 1, 0.5, 0.5], np.float32))} y = Resize "
    '<mode = "linear", coordinate_transformation_mode = "half_pixel", antialias = 1> (x, , s)'
)
"""Nearer pixels count more than two: another of those."""


def answer(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """ONNX Runtime's `y`."""
    found: np.ndarray = onnxruntime.InferenceSession(model.SerializeToString()).run(["y"], {"x": x})[0]
    return found
