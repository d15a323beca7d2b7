"""A size that is not a multiple of 32 goes through every task that takes one: rounded up, told, and in the reports."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from small_models import SMALL, Network, images

from stereo_exp.data.loader import collate
from stereo_exp.deploy.align import fit
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.model.cost import profile
from stereo_exp.model.network import predict
from stereo_exp.runtime.manifest import read_manifest
from stereo_exp.runtime.model import StereoModel
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.tasks import dispatch

Make = Callable[..., RunContext]
ASKED, USED = (100, 190), [128, 192]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Keys whose size was said to be rounded, in order."""
    return [r.getMessage().partition("=")[0] for r in caplog.records if "rounded up to [128,192]" in r.getMessage()]


def run(make: Make, network: Network, task: str, *more: str) -> tuple[dict, Path]:
    context = make(*SMALL, f"task={task}", "stage=float", f"checkpoint={network.path}", *more)
    report = dispatch(context)
    assert json.loads((context.dir / "report.json").read_text()) == report
    return report, context.dir


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.long
def test_compiled_then_run_measured_and_compared(
    make_context: Make, floating: Network, pairs: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    engines = "compile.engines=[onnxruntime,openvino,openexplorer]"
    options = [engines, "compile.size=[100,190]", "compile.batch=1", "compile/device=journey5_like"]
    report, folder = run(make_context, floating, "compile", *options, "compile.calibration_pairs=1", *pairs)
    assert told(caplog) == ["compile.size"]
    assert report["size"] == report["gmac_size"] == USED
    # The network's own work, as `task=export` counts it: the graph does a little more.
    own = profile(floating.source.model, *USED)["total"]
    assert (report["gmac"], report["parameters"]) == (round(own.macs / 1e9, 3), own.parameters)
    assert 0 < json.loads((folder / "model.json").read_text())["totals"]["macs"] / own.macs - 1 < 0.1
    assert json.loads((folder / "compiled" / "manifest.json").read_text())["size"] == USED
    shape = yaml.safe_load((folder / "openexplorer" / "config.yaml").read_text())["input_parameters"]["input_shape"]
    assert shape == "1x3x128x192;1x3x128x192"
    array = np.fromfile(folder / "openexplorer" / "calibration" / "left_f32" / "0000.bin", "<f4")
    assert array.size == 3 * 128 * 192

    left, right = (view[0] for view in images(*ASKED))
    batch = collate([StereoSample("x", left, right)], [0], multiple=32)
    wanted = predict(floating.source.model, batch.left, batch.right)[0, : ASKED[0], : ASKED[1]].numpy()
    for engine in ("onnxruntime", "openvino"):
        with StereoModel(folder, engine, threads=1) as model:
            found = model(left, right, scale=1)
        assert found.disparity.shape == found.confidence.shape == ASKED
        np.testing.assert_allclose(found.disparity, wanted, atol=0.01)

    # The size that it was compiled for holds, whatever is asked of the tasks that run it.
    caplog.clear()
    bench = ["bench.frames=1", "bench.warm_up=0", "engine.threads=1", f"bench.model={folder}", "bench.size=[10,20]"]
    report, _ = run(make_context, floating, "bench", *bench)
    assert [report["height"], report["width"]] == USED
    align = ["engine.threads=1", f"align.model={folder}", "align.pairs=1", *pairs]
    for more in ([], ["align.size=[100,190]"], ["align.size=[64,96]"]):
        report, _ = run(make_context, floating, "align", *align, *more)
        assert (report["size"], report["aligned"]) == (USED, True)
    assert told(caplog) == ["align.size"]
    assert "align.size=[64,96]: taking [128,192], which the model was compiled for" in caplog.messages


@pytest.mark.long
def test_open_sizes_rounded_where_they_are_used(
    make_context: Make, floating: Network, pairs: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    options = ["compile.engines=[onnxruntime]", "compile.report_size=[100,190]", "compile/device=journey5_like"]
    report, folder = run(make_context, floating, "compile", *options)
    assert report["size"] is None
    assert read_manifest(folder).size is None
    assert "128×192" in (folder / "model.html").read_text()
    bench = ["bench.frames=1", "bench.warm_up=0", "engine.threads=1", f"bench.model={folder}", "bench.size=[100,190]"]
    report, _ = run(make_context, floating, "bench", *bench)
    assert [report["height"], report["width"]] == USED
    align = ["engine.threads=1", f"align.model={folder}", "align.pairs=1", "align.size=[100,190]"]
    report, _ = run(make_context, floating, "align", *align, *pairs)
    assert (report["size"], report["aligned"]) == (USED, True)
    assert told(caplog) == ["compile.report_size", "bench.size", "align.size"]


def test_views_are_cropped_and_their_edges_repeated() -> None:
    view = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 40, 70), np.uint8))
    found = fit(view, (64, 64)).numpy()
    np.testing.assert_array_equal(found, np.pad(view[..., :64].numpy(), ((0, 0), (0, 0), (0, 24), (0, 0)), "edge"))
    assert fit(view, None) is view


@pytest.mark.parametrize(
    ("form", "shape"), [("network", [3, *USED]), pytest.param("full", [*USED, 3], marks=pytest.mark.long)]
)
def test_exported(
    make_context: Make,
    floating: Network,
    pairs: list[str],
    caplog: pytest.LogCaptureFixture,
    form: str,
    shape: list[int],
) -> None:
    options = [f"export.form={form}", "export.size=[100,190]", "export.batch=1", "export.parity_pairs=1"]
    report, _ = run(make_context, floating, "export", *options, *pairs)
    assert told(caplog) == ["export.size"]
    assert report["size"] == report["gmac_size"] == USED
    assert report["gmac"] == round(profile(floating.source.model, *USED)["total"].macs / 1e9, 3)
    assert report["parity_max_px"] < 0.01
    dims = onnx.load(report["onnx"]).graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in dims] == [1, *shape]
