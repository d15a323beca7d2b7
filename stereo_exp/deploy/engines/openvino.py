"""OpenVINO's own format: a graph (.xml) and its weights (.bin)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from stereo_exp.base import write_bytes
from stereo_exp.runtime import EXACT_SUM, FileEntry, file_entry

# Sums of integers marked as such in an OpenVINO graph, so that OpenVINO adds them where it convolves.
#
# A residual unit ends in a convolution, whose result is added to the unit's input before anything is rounded.
# OpenVINO's convolutions can take such a sum along, but where a scale for each channel stands between, it leaves the
# sum to a generated kernel behind, through a map of floats four times as large; not so if a FakeQuantize comes first.
# One whose steps are the accumulator's and whose range holds whatever it can reach rounds nothing: all is a whole
# multiple of a power of two, at most 2^22 of them on either side of zero.


_HALF = 1 << 22
"""Steps on either side of zero: shifted by as many, an integer up to that has 24 bits, as many as float32 holds."""


def mark_exact_sums(model: Any) -> int:
    """Put such a FakeQuantize behind each convolution that is added to something, where that provably rounds nothing.

    The runtime takes them out again on processors where OpenVINO computes in floats: there they only cost.

    Args:
        model: an `openvino.Model` with integer weights; changed.

    Returns:
        How many were put in.
    """
    from openvino import opset13 as ops

    count = 0
    for summands in list(_sums(model)):
        exact = ((port, biased, step) for port, biased in summands if (step := _exact_step(biased)) is not None)
        # One is enough: the convolution that takes the sum along takes the other as it is.
        first = next(exact, None)
        if first is None:
            continue
        port, biased, step = first
        # Four constants, not two: OpenVINO fuses no operator that shares one.
        limits = [ops.constant((sign * _HALF * step).astype(np.float32)) for sign in (-1, 1, -1, 1)]
        marked = ops.fake_quantize(biased.output(0), *limits, 2 * _HALF + 1)
        marked.set_friendly_name(f"{biased.get_friendly_name()}{EXACT_SUM}")
        port.replace_source_output(marked.output(0))
        count += 1
    if count:
        model.validate_nodes_and_infer_types()
    return count


def _sums(model: Any) -> Iterator[list[tuple[Any, Any]]]:
    """Of each sum of two maps what is a convolution with a bias: the sum's input, and the bias's addition."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Add" or any(_value(node.input_value(i)) is not None for i in range(2)):
            continue
        yield [(port, biased) for port in node.inputs() if _is_biased(biased := port.get_source_output().get_node())]


def _is_biased(node: Any) -> bool:
    return bool(node.get_type_name() == "Add" and node.input_value(0).get_node().get_type_name() == "Convolution")


def _exact_step(biased: Any) -> np.ndarray | None:
    """What each channel of a convolution with bias counts in, 1×C×1×1; None if it does not, or could count too far."""
    conv, bias = biased.input_value(0).get_node(), _value(biased.input_value(1))
    activation, weight = _activation(conv.input_value(0).get_node()), _weight(conv.input_value(1).get_node())
    if activation is None or weight is None or bias is None:
        return None
    (scale, largest), (taps, scales) = activation, weight
    outputs = len(taps)
    if scales.shape not in ((), (1,) * 4, (outputs, 1, 1, 1)) or bias.shape not in ((), (1,) * 4, (1, outputs, 1, 1)):
        return None
    step = scale * np.broadcast_to(scales.ravel(), outputs)
    offset = np.broadcast_to(bias.ravel(), outputs) / step
    reach = largest * np.abs(taps.astype(np.int64)).reshape(outputs, -1).sum(1) + np.abs(offset)
    is_power, is_whole = np.frexp(step)[0] == 0.5, offset == np.rint(offset)
    return step.reshape(1, -1, 1, 1) if np.all(is_power & is_whole & (reach <= _HALF)) else None


def _activation(node: Any) -> tuple[float, float] | None:
    """Scale and largest magnitude of the integers that a node puts out; None where they are none."""
    if node.get_type_name() != "FakeQuantize":
        return None
    low, high = (_value(node.input_value(i)) for i in (3, 4))
    if low is None or high is None or low.size != 1 or high.size != 1:
        return None
    scale = float(high.item() - low.item()) / (node.get_attributes()["levels"] - 1)
    ends = np.asarray([low.item(), high.item()]) / scale
    return (scale, float(np.abs(ends).max())) if np.all(ends == np.rint(ends)) else None


def _weight(node: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Integers, outputs×inputs×height×width, and scales of a dequantised weight."""
    if node.get_type_name() != "Multiply" or node.input_value(0).get_node().get_type_name() != "Convert":
        return None
    taps, scales = _value(node.input_value(0).get_node().input_value(0)), _value(node.input_value(1))
    return None if taps is None or scales is None or taps.dtype != np.int8 else (taps, scales)


def _value(output: Any) -> np.ndarray | None:
    """Of a constant, or of one that is only converted, reshaped or scaled."""
    node = output.get_node()
    kind = node.get_type_name()
    if kind == "Constant":
        return np.asarray(node.data)
    if kind not in ("Convert", "Reshape", "Multiply"):
        return None
    inner = _value(node.input_value(0))
    if inner is None:
        return None
    if kind == "Reshape":
        return inner.reshape(tuple(output.get_shape()))
    if kind == "Convert":
        return inner.astype(output.get_element_type().to_dtype())
    other = _value(node.input_value(1))
    return None if other is None else inner * other


_COUNTED = re.compile(r"([A-Z][A-Za-z0-9]*)_\d+")
"""The name that OpenVINO gives a node which has none: its type, and how many nodes this process has made before it."""


def number_names(model: Any) -> None:
    """Count nodes without a name of their own from the graph's beginning: a graph has the same file in every process.

    Args:
        model: an `openvino.Model`; changed.
    """
    for index, node in enumerate(model.get_ordered_ops()):
        # By the pattern alone, whatever the type: a constant that was folded has the name of what it replaces.
        if counted := _COUNTED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"{counted[1]}_{index}")


EXACT_SUMS = 2
"""The lowest `compile.opt` that has them."""


def write(model: onnx.ModelProto, folder: Path, name: str, opt: int) -> tuple[FileEntry, dict[str, int]]:
    """`openvino/<name>.xml` and `.bin`."""
    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "model.onnx", Path(scratch) / "model.xml"
        onnx.save(model, source)
        graph = openvino.convert_model(source)
        # Before, too: a mark is called after the sum that it marks.
        number_names(graph)
        changes = {"exact_sums": mark_exact_sums(graph)} if opt >= EXACT_SUMS else {}
        number_names(graph)
        # Weights stay what they are: float16 would round biases.
        openvino.save_model(graph, made, compress_to_fp16=False)
        write_bytes(folder / f"openvino/{name}.bin", made.with_suffix(".bin").read_bytes())
        write_bytes(folder / f"openvino/{name}.xml", made.read_bytes())
    return file_entry(folder, f"openvino/{name}.xml", f"openvino/{name}.bin"), changes
