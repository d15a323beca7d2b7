"""What marks sums for OpenVINO rounds nothing, stands where that is certain, and does what it is there for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openvino import opset13 as ops
from small_models import Network, images

from stereo_exp.deploy.engines.openvino import EXACT_SUMS, mark_exact_sums, write
from stereo_exp.deploy.forms import trunk_form
from stereo_exp.deploy.rewrites import rewrite
from stereo_exp.runtime.engines.base import sums_bytes_exactly
from stereo_exp.runtime.engines.openvino import OpenVinoEngine, unmark_exact_sums

CHANNELS, SIZE = 4, 6
REACH = 255 * 127 * CHANNELS
TAPS = np.full((CHANNELS, CHANNELS, 1, 1), 127, np.int8)
ONES = np.ones(CHANNELS)


def unit(
    taps: np.ndarray = TAPS,
    weight_scale: np.ndarray = ONES,
    bias: np.ndarray = 0 * ONES,
    scale: float = 1.0,
    low: float = 0.0,
    axis: int = 0,
    bias_axis: int = 1,
) -> Any:
    """A residual unit on bytes: x·scale -> 1×1 convolution, bias, + x·scale; what comes out is not rounded.

    Args:
        low: what the smallest of the 256 values stands for, in steps.
        axis: of the weight, along which its scales lie.
        bias_axis: of the map, along which the bias lies.
    """
    # The parameter's name is what the engine calls it by.
    image = ops.parameter([1, CHANNELS, SIZE, SIZE], np.float32, name="x")
    limits = [ops.constant(np.float32(v)) for v in (low, low + 255, low * scale, (low + 255) * scale)]
    x = ops.fake_quantize(image, *limits, 256)
    scales = ops.constant(weight_scale.astype(np.float32).reshape(np.where(np.arange(4) == axis, -1, 1)))
    weight = ops.multiply(ops.convert(ops.constant(taps), np.float32), scales)
    conv = ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    biased = ops.add(conv, ops.constant(bias.astype(np.float32).reshape(np.where(np.arange(4) == bias_axis, -1, 1))))
    return openvino.Model([ops.add(biased, x)], [image], "unit")


def answer(model: Any, x: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "YES" if sums_bytes_exactly() else "NO"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return compiled([x])[0]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(-12, 12), min_size=CHANNELS, max_size=CHANNELS),
    st.integers(-8, 8),
    st.integers(0, 2**22 - REACH),
)
def test_nothing_is_rounded(seed: int, exponents: list[int], exponent: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    taps = rng.integers(-127, 128, TAPS.shape, np.int8)
    x = rng.integers(0, 256, (1, CHANNELS, SIZE, SIZE)).astype(np.float32)
    scale, weight_scale = 2.0**exponent, 2.0 ** np.array(exponents)
    offset = rng.integers(-largest, largest + 1, CHANNELS)
    model = unit(taps, weight_scale, offset * weight_scale * scale, scale)
    assert mark_exact_sums(model) == 1
    sums = np.einsum("oi,bihw->bohw", taps[:, :, 0, 0].astype(np.int64), x.astype(np.int64))
    steps = (weight_scale * scale).reshape(1, -1, 1, 1)
    branch = ((sums + offset.reshape(1, -1, 1, 1)) * steps).astype(np.float32)
    np.testing.assert_array_equal(answer(model, x), branch + x * np.float32(scale))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"weight_scale": 3 * ONES}, "a step that is no power of two"),
        ({"weight_scale": np.array([1, 1, 0.3, 1])}, "one channel's is none"),
        ({"scale": 0.7}, "nor the activation's"),
        ({"bias": np.array([0, 0.5, 0, 0])}, "half a step"),
        ({"bias": np.array([0, 0, 0, 2.0**22 - REACH + 1])}, "one step too far"),
        ({"bias": -ONES * 2.0**23}, "too far down"),
        ({"low": 0.3}, "values between the steps"),
        ({"weight_scale": 2.0 ** np.arange(4), "axis": 1}, "scales of inputs, not of outputs"),
        ({"bias": np.zeros(SIZE), "bias_axis": 3}, "a bias of columns, not of channels"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_might_be_rounded_is_left_alone(changed: dict[str, Any], why: str) -> None:
    assert mark_exact_sums(unit()) == 1
    assert mark_exact_sums(unit(bias=np.array([0, 0, 0, 2.0**22 - REACH]))) == 1
    assert mark_exact_sums(unit(low=-128.0)) == 1
    assert mark_exact_sums(unit(**changed)) == 0, why


def test_where_one_summand_might_be_rounded_the_other_is_marked() -> None:
    """The head of a stage adds two convolutions."""
    for one, other in ((3 * ONES, ONES), (ONES, 3 * ONES), (ONES, ONES)):
        parts = [unit(weight_scale=scale) for scale in (one, other)]
        branches = [part.get_results()[0].input_value(0).get_node().input_value(0) for part in parts]
        both = openvino.Model([ops.add(*branches)], [p for part in parts for p in part.get_parameters()], "head")
        assert mark_exact_sums(both) == 1


def test_a_second_time_there_is_nothing_left_to_do() -> None:
    model = unit()
    assert [mark_exact_sums(model) for _ in range(2)] == [1, 0]


def trunks(network: Network, folder: Path) -> tuple[dict[str, int], list[Path]]:
    """What was marked, and the trunk's graph without marks and with them."""
    model, _ = rewrite(trunk_form(network.exported), "openvino", 3)
    changes = [write(model, folder / str(opt), "trunk", opt)[1] for opt in (EXACT_SUMS - 1, EXACT_SUMS)]
    assert changes[0] == {}
    return changes[1], [folder / str(opt) / "openvino/trunk.xml" for opt in (EXACT_SUMS - 1, EXACT_SUMS)]


def test_not_a_bit_of_the_network_changes(pow2: Network, tmp_path: Path) -> None:
    changes, paths = trunks(pow2, tmp_path)
    assert changes["exact_sums"] > 10
    plain, marked = (OpenVinoEngine(p, ("left", "right"), 1, 1, False).run(*images(64, 96)) for p in paths)
    for a, b in zip(plain, marked, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.long
def test_the_runtime_takes_the_marks_out_where_they_only_cost(
    pow2: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, (plain, marked) = trunks(pow2, tmp_path)
    models = [openvino.Core().read_model(path) for path in (plain, marked)]
    assert [unmark_exact_sums(model) for model in models] == [0, changes["exact_sums"]]
    kinds = [Counter(node.get_type_name() for node in model.get_ordered_ops()) for model in models]
    assert kinds[0] == kinds[1]
    in_bytes = OpenVinoEngine(marked, ("left", "right"), 1, 1, False).run(*images(64, 96))
    monkeypatch.setattr("stereo_exp.runtime.engines.openvino.sums_bytes_exactly", lambda: False)
    in_floats = OpenVinoEngine(marked, ("left", "right"), 1, 1, False).run(*images(64, 96))
    for a, b in zip(in_bytes, in_floats, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not sums_bytes_exactly(), reason="OpenVINO computes integers as floats on this processor")
def test_openvino_adds_where_it_convolves(pow2: Network, tmp_path: Path) -> None:
    """Fewer of its convolutions put out floats: that is what it is for."""
    _, paths = trunks(pow2, tmp_path)
    plain, marked = (float_convolutions(path) for path in paths)
    assert len(marked) <= len(plain) - 5


def float_convolutions(path: Path) -> list[str]:
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({"left": [1, 64, 96, 3], "right": [1, 64, 96, 3]})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    nodes = [(node.get_rt_info(), node.get_friendly_name()) for node in compiled.get_runtime_model().get_ordered_ops()]
    return [
        name
        for info, name in nodes
        if info["layerType"].astype(str) == "Convolution" and info["outputPrecisions"].astype(str) == "f32"
    ]
