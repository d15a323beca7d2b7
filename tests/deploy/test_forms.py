"""The deployed forms compute what torch computes, on every engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from small_models import Network, images
from small_networks import small_config

from stereo_exp.deploy.folder import OPSET, FullForm, Options, build
from stereo_exp.deploy.forms import full_form, judge_form, trunk_form
from stereo_exp.deploy.onnx_export import export_onnx, integers_name
from stereo_exp.deploy.rewrites import rewrite
from stereo_exp.deploy.source import LOGITS, VIEWS
from stereo_exp.geometry.reliability import LIMITS, Curve, Reliability
from stereo_exp.geometry.sizing import Rule
from stereo_exp.model.colour import normalize
from stereo_exp.model.readout import full_confidence, full_disparity
from stereo_exp.quant.trunk import TwoMaps
from stereo_exp.runtime.engines import load_engine
from stereo_exp.runtime.engines.onnxruntime import exact_options
from stereo_exp.runtime.manifest import ALIGN, FULL, TRUNK, Manifest
from stereo_exp.suite.build import build_network

ENGINES = ("onnxruntime", "openvino")
SIZES = [(1, 32, 32), (2, 64, 96), (1, 160, 128)]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, floating: Network, pow2: Network) -> dict[str, Manifest]:
    made = {}
    for name, network in (("float", floating), ("pow2", pow2)):
        folder = tmp_path_factory.mktemp(name)
        made[name] = build(network.source, folder, Options(ENGINES, 3, None, None), network.exported).manifest
    return made


@pytest.fixture
def networks(floating: Network, pow2: Network) -> dict[str, Network]:
    return {"float": floating, "pow2": pow2}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["float", "pow2"])
def test_full_form(
    compiled: dict[str, Manifest], networks: dict[str, Network], name: str, engine: str, size: tuple[int, int, int]
) -> None:
    batch, height, width = size
    views = images(height, width, batch)
    disparity, confidence = load_engine(compiled[name], FULL, engine, threads=1).run(*views)
    model = networks[name].source.model
    with torch.no_grad():
        output = model(*(normalize(torch.from_numpy(v).permute(0, 3, 1, 2)) for v in views))
    assert disparity.shape == confidence.shape == (batch, height, width)
    np.testing.assert_allclose(disparity, full_disparity(output).numpy(), atol=1e-3)
    assert 0 <= confidence.min() <= confidence.max() <= 1 + 1e-6
    # Where a candidate lies just at the border of what counts as near, float noise decides.
    wrong = np.abs(confidence - full_confidence(output).numpy()) > 1e-4
    assert wrong.mean() < 0.01


def test_the_graph_judges_as_the_runtime_does(pow2: Network) -> None:
    """The same table, to the bit, of a pair that is seen as it is."""
    rows = tuple(tuple(min(1.0, share + i / 40) for i in range(len(LIMITS))) for share in (0.05, 0.3, 0.55))
    reliability = Reliability(Curve((0.1, 0.5, 0.9), rows, (6.0, 2.0, 0.5)), None, "nothing")
    model = full_form(trunk_form(pow2.exported), pow2.source.regression)
    feed = dict(zip(("left", "right"), images(64, 96, 2), strict=True))
    found = {}
    for name, graph in (("sure", model), ("judged", judge_form(model, reliability))):
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        assert [output.name for output in session.get_outputs()] == ["disparity", "confidence"]
        found[name] = session.run(["disparity", "confidence"], feed)
    np.testing.assert_array_equal(found["judged"][0], found["sure"][0])
    for disparity, sureness, probability in zip(*found["sure"], found["judged"][1], strict=True):
        wanted = Rule(1.0, reliability=reliability).judge(disparity, sureness).confidence
        np.testing.assert_array_equal(probability, wanted)
    assert len(np.unique(found["judged"][1])) > 10


@pytest.mark.parametrize("head", ["quarter", pytest.param("quarter_tiny", marks=pytest.mark.long)])
def test_a_volume_in_blocks_has_as_many_as_a_row_needs(head: str) -> None:
    """Open in its size, on either side of the one that it was exported with."""
    words = ("model/backbone=residual", "model/neck=decoder", f"model/head={head}")
    network = build_network(small_config(*words).model).eval()
    exported = export_onnx(TwoMaps(*network.parts), VIEWS, LOGITS, OPSET, network.multiple)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    for width in (1, 6, 7, 13, 26):
        views = [normalize(torch.from_numpy(v).permute(0, 3, 1, 2)) for v in images(64, 32 * width)]
        with torch.no_grad():
            wanted = TwoMaps(*network.parts).eval()(*views)
        found = session.run(None, dict(zip(VIEWS, (view.numpy() for view in views), strict=True)))
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_last_shuffle_moves_behind_the_mean(pow2: Network, unrolled: bool, size: tuple[int, int, int]) -> None:
    trunk = trunk_form(pow2.exported)
    shuffled, _ = rewrite(trunk, "onnxruntime", 2)
    batch, height, width = size
    feed = dict(zip(("left", "right"), images(height, width, batch), strict=True))
    results = []
    for source in (trunk, shuffled):
        model = full_form(source, pow2.source.regression, unrolled)
        graph, providers = model.SerializeToString(), ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(graph, exact_options(), providers=providers)
        results.append(session.run(["disparity", "confidence"], feed))
        shuffles = [n.name for n in model.graph.node if n.op_type == "DepthToSpace" and n.name.startswith("pixels/")]
        assert len(shuffles) == (2 if source is shuffled else 0)
    for found, wanted in zip(*results, strict=True):
        assert wanted.shape == (batch, height, width)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_trunk_and_align_give_the_same_bits(compiled: dict[str, Manifest], pow2: Network, engine: str) -> None:
    manifest, views = compiled["pow2"], images(64, 96, 2)
    inputs = (normalize(torch.from_numpy(v).permute(0, 3, 1, 2)) for v in views)
    with torch.no_grad():
        wanted = [logits.numpy() for logits in pow2.source.trunk(*inputs)]
    for form in (TRUNK, ALIGN):
        found = load_engine(manifest, form, engine, threads=1).run(*views)
        for a, b in zip(found[:2], wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_manifest_names_every_quantised_tensor(compiled: dict[str, Manifest], pow2: Network) -> None:
    manifest = compiled["pow2"]
    assert [t.name for t in manifest.tensors] == [t.name for t in pow2.source.tensors]
    for entry, tensor in zip(manifest.tensors, pow2.source.tensors, strict=True):
        assert (entry.output, entry.scale, entry.bits) == (integers_name(tensor.name), tensor.scale, tensor.bits)
        assert (entry.zero_point, entry.dtype) == (128, "uint8")
    assert compiled["float"].tensors == ()
    assert set(compiled["float"].engines["openvino"]) == {FULL, TRUNK}


@pytest.mark.long
def test_program_loads_without_this_package(tmp_path: Path, pow2: Network) -> None:
    import subprocess
    import sys

    from stereo_exp.deploy.folder import save_program

    path = save_program(pow2.source, tmp_path / "model.pt2")
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt2"]
    left, right = images(64, 96, 3)
    np.savez(tmp_path / "in.npz", left=left, right=right)
    code = f"""
import sys, numpy as np, torch
import torch.ao.quantization.fx._decomposed
views = np.load({str(tmp_path / "in.npz")!r})
module = torch.export.load({str(path)!r}).module()
with torch.no_grad():
    d, c = module(torch.from_numpy(views["left"]), torch.from_numpy(views["right"]))
np.savez({str(tmp_path / "out.npz")!r}, d=d.numpy(), c=c.numpy())
assert not any(name.startswith("stereo_exp") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
    found = np.load(tmp_path / "out.npz")
    with torch.no_grad():
        module = FullForm(pow2.source.model)
        wanted = module(torch.from_numpy(left), torch.from_numpy(right))
    for a, b in zip((found["d"], found["c"]), wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-5)
