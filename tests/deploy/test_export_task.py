"""`task=export`: files that ONNX Runtime runs, held against torch; mistakes told in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession
from small_models import SMALL, Network, checkpoint
from torch import nn

from stereo_exp.base.errors import UserError
from stereo_exp.deploy.forms import network_form
from stereo_exp.deploy.onnx_export import with_fake_weights
from stereo_exp.deploy.source import LOGITS
from stereo_exp.deploy.surgery import lower
from stereo_exp.model.readout import Expectation, Regression, Window
from stereo_exp.quant.targets import TensorFormat, quantize
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.tasks import dispatch

Make = Callable[..., RunContext]


def export(make: Make, path: Path, stage: str, pairs: list[str], *more: str) -> dict:
    return dispatch(make(*SMALL, "task=export", f"stage={stage}", f"checkpoint={path}", *pairs, *more))


def opset_of(model: onnx.ModelProto) -> int:
    return next(o.version for o in model.opset_import if o.domain == "")


@pytest.mark.long
def test_float_in_an_early_operator_set(make_context: Make, floating: Network, pairs: list[str]) -> None:
    fixed = ["export.opset=11", "export.size=[64,96]", "export.batch=1"]
    report = export(make_context, floating.path, "float", pairs, *fixed)
    assert report["parity_pairs"] == 2
    assert 0 < report["parity_mean_px"] <= report["parity_max_px"] < 0.01
    model = onnx.load(report["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert opset_of(model) == 11
    assert [i.name for i in model.graph.input] == ["left", "right"]
    assert [o.name for o in model.graph.output] == ["unfolded", "weights"]
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 64, 96]
    assert not any(n.op_type == "BatchNormalization" for n in model.graph.node)
    assert not any(n.metadata_props or n.doc_string for n in model.graph.node), "no paths of this machine"
    assert report["parameters"] == sum(p.numel() for p in floating.source.model.parameters())
    assert report["gmac"] > 0
    with pytest.raises(UserError, match=r"export\.tolerance=1e-12: .* differs from torch by up to"):
        export(make_context, floating.path, "float", pairs, *fixed, "export.tolerance=1e-12")


def test_fake_quantised_weights(pow2: Network) -> None:
    """Float weights and a quantise operator give the integers that the network's own quantisers give."""
    fake = with_fake_weights(pow2.exported, pow2.source.float_weights)
    constants = {i.name: numpy_helper.to_array(i) for i in fake.graph.initializer}
    checked = 0
    for node in fake.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] not in constants:
            continue
        weight, scale = (torch.from_numpy(constants[name].copy()) for name in node.input[:2])
        axis = node.attribute[0].i
        shape = [1] * weight.ndim
        shape[axis] = -1
        own = pow2.source.float_weights[node.input[0]]
        wanted = quantize(own, scale.view(shape), 0, TensorFormat(8, -127, 127))
        found = torch.round(weight / scale.view(shape)).clamp(-128, 127)
        assert torch.equal(found, wanted)
        checked += 1
    assert checked == sum(n.op_type in ("Conv", "ConvTranspose") for n in fake.graph.node)


@pytest.mark.long
@pytest.mark.parametrize("form", ["network", "full"])
@pytest.mark.parametrize("opset", [18, 21, 23])
@pytest.mark.parametrize("target", [None, "pow2", "affine"])
def test_open_sizes(
    make_context: Make, tmp_path: Path, pairs: list[str], target: str | None, opset: int, form: str
) -> None:
    path = checkpoint(tmp_path, target)
    stage = "float" if target is None else "calib"
    options = [f"export.opset={opset}", f"export.form={form}", f"quant/target={target or 'pow2'}"]
    report = export(make_context, path, stage, pairs, *options)
    assert report["parity_max_px"] < (1 if target == "affine" else 0.01)
    model = onnx.load(report["onnx"])
    assert opset_of(model) == opset
    kinds = {n.op_type for n in model.graph.node}
    assert ("QuantizeLinear" in kinds) == (target is not None)
    names = ["disparity", "confidence"] if form == "full" else ["unfolded", "weights"]
    assert [o.name for o in model.graph.output] == names


@pytest.mark.long
@pytest.mark.parametrize("opset", [13, 17])
def test_quantised_in_early_operator_sets(make_context: Make, tmp_path: Path, pairs: list[str], opset: int) -> None:
    path = checkpoint(tmp_path, "pow2")
    fixed = [f"export.opset={opset}", "export.size=[64,96]", "export.batch=2"]
    assert export(make_context, path, "calib", pairs, *fixed)["parity_max_px"] < 0.01


MISTAKES = [
    ("export.opset=10", r"export\.opset=10: must be 11 to 23"),
    ("export.opset=24", r"export\.opset=24: must be 11 to 23"),
    ("export.opset=12", r"export\.size=null: operator sets below 18"),
    ("export.form=whole", r"export\.form=whole: must be one of network, full"),
    ("export.batch=0", r"export\.batch=0"),
    ("export.tolerance=0", r"export\.tolerance=0"),
    ("compile.opt=4", r"compile\.opt=4: must be 0 to 3"),
    ("compile.engines=[]", r"compile\.engines=\[\]: needs at least one"),
    (
        "compile.engines=[tensorrt]",
        r"compile\.engines=tensorrt: must be among onnxruntime, openvino, executorch, litert, ncnn, openexplorer",
    ),
    ("compile.batch=0", r"compile\.batch=0"),
    ("compile.device.int8_tops=1", r"compile\.device\.float32_gflops=null: .*all three"),
]


@pytest.mark.parametrize(("override", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistakes(compose: Callable, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose(override)


def test_full_form_in_an_early_operator_set(compose: Callable) -> None:
    with pytest.raises(UserError, match=r"export\.opset=17: the full form needs operator set 18"):
        compose("export.form=full", "export.opset=17", "export.size=[64,96]", "export.batch=1")


def test_quantised_in_too_early_an_operator_set(make_context: Make, pow2: Network, pairs: list[str]) -> None:
    options = ["export.opset=12", "export.size=[64,96]", "export.batch=1"]
    with pytest.raises(UserError, match=r"export\.opset=12: a quantised network needs operator set 13"):
        export(make_context, pow2.path, "calib", pairs, *options)


@pytest.mark.parametrize("task", ["export", "compile"])
def test_no_checkpoint(make_context: Make, tmp_path: Path, task: str) -> None:
    with pytest.raises(UserError, match=r"no float run named smoke .* make one with: python -m stereo_exp stage=float"):
        dispatch(make_context(*SMALL, f"task={task}"))
    with pytest.raises(UserError, match="cannot be read"):
        dispatch(make_context(*SMALL, f"task={task}", f"checkpoint={tmp_path / 'absent'}"))


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@pytest.mark.parametrize("readout", [Expectation(6), Window(6)], ids=["expectation", "window"])
def test_a_lowered_readout_computes_the_same(readout: nn.Module, opset: int) -> None:
    """On logits with ties, which the window must take all in."""
    float32, logits = (
        onnx.TensorProto.FLOAT,
        torch.randn(1, 6, 3, 5, generator=torch.Generator().manual_seed(0)).round(),
    )
    info = helper.make_tensor_value_info
    same = [helper.make_node("Identity", [f"{name}_in"], [name]) for name in LOGITS]
    shapes = dict(zip(LOGITS, ([1, 6, 3, 5], [1, 4, 24, 40]), strict=True))
    ends = [[info(f"{name}{end}", float32, shape) for name, shape in shapes.items()] for end in ("_in", "")]
    imports = [helper.make_opsetid("", 18)]
    trunk = helper.make_model(helper.make_graph(same, "trunk", *ends), opset_imports=imports, ir_version=8)
    model = network_form(trunk, Regression(readout, 48, 8, 4))
    feed = {f"{LOGITS[0]}_in": logits.numpy(), f"{LOGITS[1]}_in": torch.randn(1, 4, 24, 40).numpy()}
    lowered = lower(model, opset)
    assert opset_of(lowered) == opset
    before, after = (InferenceSession(m.SerializeToString()).run(None, feed) for m in (model, lowered))
    for wanted, found in zip(before, after, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    with torch.no_grad():
        np.testing.assert_allclose(before[0][:, 3:], readout(logits).numpy(), atol=1e-6)


def test_lowering_refuses_what_it_does_not_know() -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Erf", ["x"], ["y"])],
        "g",
        [info("x", onnx.TensorProto.FLOAT, [1])],
        [info("y", onnx.TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(ValueError, match="Erf"):
        lower(model, 11)
    assert opset_of(model) == 18, "what was given stays as it is"
