"""Graphs for engines that take less of ONNX: views apart, biases in float; the same bits as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_models import SMALL, Network, images

from stereo_exp.base import UserError
from stereo_exp.deploy import export_trunk_onnx, with_float_biases, with_views_apart
from stereo_exp.runtime import exact_options
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.tasks import dispatch

SIZE = (64, 96)


@pytest.fixture(scope="module")
def fixed(pow2: Network) -> onnx.ModelProto:
    return export_trunk_onnx(pow2.source, 21, SIZE, 1)


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    """On a pair of normalised images."""
    from onnxruntime import InferenceSession

    views = [(view.astype(np.float32).transpose(0, 3, 1, 2) - 128) / 128 for view in images(*SIZE)]
    session = InferenceSession(model.SerializeToString(), exact_options(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(("left", "right"), views, strict=True)))


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_views_apart_are_the_same_bits(fixed: onnx.ModelProto) -> None:
    apart = with_views_apart(fixed)
    joins = [n for n in apart.graph.node if n.op_type == "Concat" and n.attribute[0].i == 0]
    assert not joins
    # What both views went through is there twice, what only one needs once.
    before, after = kinds(fixed)["Conv"], kinds(apart)["Conv"]
    assert 1.1 * before < after < 2 * before
    inferred = onnx.shape_inference.infer_shapes(apart, strict_mode=True)
    assert {v.type.tensor_type.shape.dim[0].dim_value for v in inferred.graph.output} == {1}
    assert all(np.array_equal(a, b) for a, b in zip(run(fixed), run(apart), strict=True))


def test_float_biases_are_the_same_bits(fixed: onnx.ModelProto) -> None:
    changed = with_float_biases(fixed)
    types = {i.name: i.data_type for i in changed.graph.initializer}
    biases = [n.input[2] for n in changed.graph.node if n.op_type in ("Conv", "ConvTranspose") and len(n.input) > 2]
    assert len(biases) > 10 and {types[name] for name in biases} == {TensorProto.FLOAT}
    assert TensorProto.INT32 in {i.data_type for i in fixed.graph.initializer}
    assert all(np.array_equal(a, b) for a, b in zip(run(fixed), run(changed), strict=True))


def by_hand() -> onnx.ModelProto:
    """Both views joined, convolved with a quantised weight and bias, reshaped by a whole shape, and subtracted."""
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.integers(-5, 5, (4, 3, 3, 3)).astype(np.int8),
        "w_scale": np.full(4, 0.25, np.float32),
        "b": rng.integers(-50, 50, 4).astype(np.int32),
        "b_scale": np.full(4, 0.125, np.float32),
        **{name: np.array([i]) for i, name in enumerate(("zero", "one", "two"))},
        "shape": np.array([2, 2, 2, 6, 8]),
    }
    nodes = [
        helper.make_node("Concat", ["left", "right"], ["both"], axis=0, name="join"),
        helper.make_node("DequantizeLinear", ["w", "w_scale"], ["weight"], axis=0, name="w"),
        helper.make_node("DequantizeLinear", ["b", "b_scale"], ["bias"], axis=0, name="b"),
        helper.make_node("Conv", ["both", "weight", "bias"], ["map"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("Reshape", ["map", "shape"], ["shaped"], name="reshape"),
        helper.make_node("Slice", ["shaped", "zero", "one", "zero"], ["first"], name="first"),
        helper.make_node("Slice", ["shaped", "one", "two", "zero"], ["second"], name="second"),
        helper.make_node("Sub", ["first", "second"], ["difference"], name="sub"),
    ]
    kind = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(name, kind, [1, 3, 6, 8]) for name in ("left", "right")]
    output = helper.make_tensor_value_info("difference", kind, [1, 2, 2, 6, 8])
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "by_hand", inputs, [output], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_small_graph_of_which_everything_is_known() -> None:
    from onnxruntime import InferenceSession

    def difference(model: onnx.ModelProto) -> np.ndarray:
        rng = np.random.default_rng(1)
        views = {name: rng.integers(-9, 9, (1, 3, 6, 8)).astype(np.float32) for name in ("left", "right")}
        session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, views)[0]

    model = by_hand()
    apart = with_views_apart(model)
    assert kinds(apart) == {"DequantizeLinear": 2, "Conv": 2, "Reshape": 2, "Sub": 1}
    both = with_float_biases(apart)
    assert kinds(both)["DequantizeLinear"] == 1
    wanted = difference(model)
    assert np.abs(wanted).max() > 1
    assert np.array_equal(difference(apart), wanted) and np.array_equal(difference(both), wanted)


def test_what_cannot_be_taken_apart(pow2: Network) -> None:
    with pytest.raises(ValueError, match="of a fixed batch"):
        with_views_apart(pow2.exported)
    shape = [1, 3, 4, 4]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("left", "right", "sum")}
    nodes = [helper.make_node("Add", ["left", "right"], ["sum"])]
    graph = helper.make_graph(nodes, "g", [values["left"], values["right"]], [values["sum"]])
    with pytest.raises(ValueError, match="does not join its views"):
        with_views_apart(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    both = helper.make_tensor_value_info("both", TensorProto.FLOAT, [2, 3, 4, 4])
    nodes = [helper.make_node("Concat", ["left", "right"], ["x"], axis=0), helper.make_node("Relu", ["x"], ["both"])]
    graph = helper.make_graph(nodes, "g", [values["left"], values["right"]], [both])
    with pytest.raises(ValueError, match=r"Relu .* looks at both views at once"):
        with_views_apart(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))


@pytest.mark.long
def test_exported_with_both(make_context: Callable[..., RunContext], pow2: Network, pairs: list[str]) -> None:
    options = ["export.views=apart", "export.biases=float", "export.size=[64,96]", "export.batch=1"]
    words = [*SMALL, "task=export", "stage=calib", f"checkpoint={pow2.path}", *pairs, *options]
    report = dispatch(make_context(*words))
    assert report["parity_max_px"] < 0.01
    model = onnx.load(Path(report["onnx"]))
    assert TensorProto.INT32 not in {i.data_type for i in model.graph.initializer}
    with pytest.raises(UserError, match=r"export\.batch=null: views=apart needs a fixed one; add export\.batch=1"):
        make_context(*words[:-1])
