"""`task=compile`: what it leaves, for engines that run here and for one that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from small_models import SMALL, Network, images, views

from stereo_exp.base.errors import UserError
from stereo_exp.config import deploy as schema
from stereo_exp.data.loader import collate
from stereo_exp.deploy import engines
from stereo_exp.deploy.folder import Options, build
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.reliability import Curve, Reliability
from stereo_exp.geometry.sizing import Rule
from stereo_exp.model.colour import normalize
from stereo_exp.model.network import predict
from stereo_exp.runtime.manifest import FULL, read_manifest
from stereo_exp.runtime.model import StereoModel
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.tasks import dispatch

Make = Callable[..., RunContext]


def settings(path: Path, stage: str, *more: str) -> list[str]:
    return [*SMALL, "task=compile", f"stage={stage}", f"checkpoint={path}", *more]


def test_fixed_size_and_one_engine(make_context: Make, floating: Network) -> None:
    options = [
        "compile.engines=[onnxruntime]",
        "compile.size=[64,96]",
        "compile.batch=1",
        "compile/device=journey5_like",
    ]
    context = make_context(*settings(floating.path, "float", *options))
    report = dispatch(context)
    manifest = read_manifest(context.dir)
    assert (manifest.size, manifest.batch, manifest.opt) == ((64, 96), 1, 3)
    assert report["engines"] == {"onnxruntime": ["full", "trunk"]}
    assert (manifest.model.stage, manifest.model.target, manifest.model.maxdisp) == ("float", None, 64)
    assert manifest.versions["onnx"] == onnx.__version__
    for key in ("program", "report_json", "report_html"):
        assert Path(report[key]).is_file()
    assert report["estimated_ms"] > 0
    left, right = views(0)
    with StereoModel(context.dir, threads=1) as model:
        result = model(left, right, scale=1)
    batch = collate([StereoSample("x", left, right)], [0], multiple=32)
    wanted = predict(floating.source.model, batch.left, batch.right)[0, : left.shape[0], : left.shape[1]]
    np.testing.assert_allclose(result.disparity, wanted.numpy(), atol=0.01)


def test_every_configurable_engine_has_a_writer() -> None:
    for name in schema.ENGINES:
        registry = engines.ENGINES if name in engines.ENGINES else engines.TOOL_CHAINS
        assert callable(registry[name].load())
    assert set(schema.ENGINES) == {*engines.ENGINES, *engines.TOOL_CHAINS}


def test_open_explorer(make_context: Make, floating: Network, pairs: list[str]) -> None:
    options = ["compile.engines=[openexplorer]", "compile.size=[64,96]", "compile.calibration_pairs=2"]
    context = make_context(*settings(floating.path, "float", *options, *pairs))
    report = dispatch(context)
    assert "compiled" not in report
    folder = context.dir / "openexplorer"
    assert {Path(p) for p in report["openexplorer"]} == {folder / "network.onnx", folder / "config.yaml"}
    config = yaml.safe_load((folder / "config.yaml").read_text())
    groups = ["model_parameters", "input_parameters", "calibration_parameters", "compiler_parameters"]
    assert list(config) == groups
    assert config["input_parameters"]["input_shape"] == "1x3x64x96;1x3x64x96"
    model = onnx.load(folder / config["model_parameters"]["onnx_model"])
    assert next(o.version for o in model.opset_import if o.domain == "") == 11
    session = onnxruntime.InferenceSession(str(folder / "network.onnx"), providers=["CPUExecutionProvider"])
    folders = [folder / name for name in config["calibration_parameters"]["cal_data_dir"].split(";")]
    for i in range(2):
        arrays = [np.fromfile(f / f"{i:04d}.bin", "<f4").reshape(1, 3, 64, 96) for f in folders]
        left, right = views(i)
        padded = collate([StereoSample("x", left, right)], [0], multiple=32)
        np.testing.assert_array_equal(arrays[0], normalize(padded.left).numpy())
        np.testing.assert_array_equal(arrays[1], normalize(padded.right).numpy())
        unfolded, weights = session.run(None, {"left": arrays[0], "right": arrays[1]})
        with torch.no_grad():
            output = floating.source.model(*map(torch.from_numpy, arrays))
        np.testing.assert_allclose(unfolded, output.unfolded.numpy(), atol=1e-4)
        np.testing.assert_allclose(weights, output.weights.numpy(), atol=1e-4)


def test_open_explorer_takes_no_quantised_network(make_context: Make, pow2: Network) -> None:
    with pytest.raises(UserError, match=r"compile\.engines=openexplorer: takes the float network.*add stage=float"):
        dispatch(make_context(*settings(pow2.path, "calib", "compile.engines=[openexplorer]")))


@pytest.mark.parametrize(
    ("engine", "package", "extra"),
    [("openvino", "openvino", "openvino"), ("onnxruntime", "onnx", "export"), ("openexplorer", "onnxscript", "export")],
)
def test_an_engine_that_is_not_installed(
    make_context: Make, floating: Network, monkeypatch: pytest.MonkeyPatch, engine: str, package: str, extra: str
) -> None:
    real = engines.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == package else real(name)

    monkeypatch.setattr(engines, "find_spec", find)
    message = (
        rf'compile\.engines={engine}: needs {package}, which is not installed; pip install "stereo_exp\[{extra}\]"'
    )
    with pytest.raises(UserError, match=message):
        dispatch(make_context(*settings(floating.path, "float", f"compile.engines=[{engine}]")))


def test_confidence_of_the_compiled_graph_is_that_of_torch(floating: Network, tmp_path: Path) -> None:
    """The checkpoint's table goes into the manifest; plain, enlarged and refined it gives the same on the engine."""
    rising = tuple(np.linspace(0.1, 0.9, 10).round(4).tolist())
    plain = Curve((0.0, 1.0), ((0.0,) * 10, rising), (9.0, 1.0))
    table = Reliability(plain, Curve((0.0, 1.0), ((0.1,) * 10, rising), (5.0, 0.5)), "two pairs")
    kept = floating.source.checkpoint
    meta = {**kept.meta, "reliability": table.to_json()}
    source = replace(floating.source, checkpoint=replace(kept, meta=meta))
    options = Options(("onnxruntime",), 0, None, None, (FULL,))
    assert build(source, tmp_path, options, floating.exported).manifest.reliability == table
    assert read_manifest(tmp_path).reliability == table
    left, right = views(0)
    with StereoModel(tmp_path, "onnxruntime", threads=1) as model:
        for scale, refine in ((1.0, False), (2.0, False), (1.0, True), (0.5, True)):
            rule = Rule(scale, refine, reliability=table)
            wanted = Predictor(source.model, torch.device("cpu"), rule)(StereoSample("x", left, right))
            found = model(left, right, scale=scale, refine=refine)
            np.testing.assert_allclose(found.confidence, wanted.confidence, atol=2e-4)
            np.testing.assert_allclose(found.expected_error, wanted.expected_error, atol=2e-3)
            assert np.ptp(found.confidence) > 0


@pytest.mark.long
def test_what_is_compiled_is_a_registered_model(make_context: Make, floating: Network, tmp_path: Path) -> None:
    """Of a run that is tracked: MLflow's own loader predicts what the folder does."""
    mlflow = pytest.importorskip("mlflow")
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    words = settings(floating.path, "float", "compile.engines=[onnxruntime]")
    words.remove("tracker=none")
    context = make_context(*words, "tracker=mlflow", f"tracker.uri={uri}", "tracker.model=mine")
    dispatch(context)
    left, right = images(64, 96, 2)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        found = pyfunc.load_model("models:/mine/1").predict({"left": left, "right": right})
    finally:
        mlflow.set_tracking_uri(before)
    with StereoModel(context.dir) as model:
        np.testing.assert_array_equal(found["disparity"], model(left, right).disparity)
