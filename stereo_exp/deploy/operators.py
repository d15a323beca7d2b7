"""Operators of our own, spelled in those of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import onnxscript

# Its types tell of tensors' types, which are open here.
op: Any = onnxscript.opset18


def write_warp(right: Any, logits: Any, factor: int) -> Any:
    """`stereo_exp.model.warp`: rows of channels, each gathered whole.

    A pixel's channels lie side by side then, which engines copy at once; an index for every channel of every pixel
    would take them several times as long.
    """
    strongest = op.ReduceMax(logits, _constant([1]), keepdims=1)
    is_strongest = op.Cast(op.GreaterOrEqual(logits, strongest), to=ir.DataType.FLOAT)
    candidates = op.Range(_constant(0), op.Squeeze(op.Shape(logits, start=1, end=2)), _constant(1))
    candidates = op.Cast(op.Reshape(candidates, _constant([1, -1, 1, 1])), to=ir.DataType.FLOAT)
    found = op.ReduceMax(op.Mul(is_strongest, candidates), _constant([1]), keepdims=1)
    scales = op.Constant(value=ir.tensor(np.asarray([1, 1, factor, factor], np.float32)))
    spread = op.Resize(
        found, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    shift = op.Reshape(op.Cast(op.Mul(spread, _float(factor)), to=ir.DataType.INT64), _constant([-1]))
    rows = op.Transpose(right, perm=[0, 2, 3, 1])
    shape = op.Shape(rows)
    width = op.Shape(rows, start=2, end=3)
    flat = op.Reshape(rows, op.Concat(_constant([-1]), op.Shape(rows, start=3, end=4), axis=0))
    place = op.Range(_constant(0), op.Squeeze(op.Shape(flat, start=0, end=1)), _constant(1))
    # Never across the left edge into the row above.
    moved = op.Sub(place, op.Min(shift, op.Mod(place, width)))
    return op.Transpose(op.Reshape(op.Gather(flat, moved, axis=0), shape), perm=[0, 3, 1, 2])


def _constant(value: int | list[int]) -> Any:
    return op.Constant(value=ir.tensor(np.asarray(value, np.int64)))


def _float(value: float) -> Any:
    return op.Constant(value=ir.tensor(np.asarray(value, np.float32)))
