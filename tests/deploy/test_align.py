"""`task=align`: a compiled model passes, the same with one weight changed fails and names the tensor behind it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_models import SMALL, Network, checkpoint

from stereo_exp import deploy
from stereo_exp.base.errors import UserError
from stereo_exp.deploy.align import Comparison, Count, Limits
from stereo_exp.deploy.folder import Options, build
from stereo_exp.geometry.metrics import StereoMetrics
from stereo_exp.runtime.manifest import ALIGN, MANIFEST, Manifest, read_manifest
from stereo_exp.suite.restore import load_source
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.tasks import align, dispatch

Make = Callable[..., RunContext]
ENGINES = ("onnxruntime", "openvino")


def compiled(folder: Path, target: str | None, engines: Sequence[str], opt: int = 2) -> Path:
    build(load_source(checkpoint(folder, target)), folder / "compiled", Options(engines, opt, None, None))
    return folder / "compiled"


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory, pow2: Network) -> Path:
    """A pow2 model for both engines."""
    folder = tmp_path_factory.mktemp("exact") / "compiled"
    build(pow2.source, folder, Options(ENGINES, 2, None, None), pow2.exported)
    return folder


def settings(folder: Path, pairs: list[str], *more: str) -> list[str]:
    return [*SMALL, "task=align", "engine.threads=1", f"align.model={folder}", *pairs, *more]


def test_every_integer_is_equal(make_context: Make, exact: Path, pairs: list[str]) -> None:
    context = make_context(*settings(exact, pairs))
    report = dispatch(context)
    assert report["aligned"]
    assert report["failed"] is None
    assert report["differences"] == []
    assert [e["engine"] for e in report["by_engine"]] == list(ENGINES)
    for engine in report["by_engine"]:
        assert engine["integers_equal"] == engine["disparity_logits_equal"] == engine["superpixel_logits_equal"] == 1
        assert engine["tensors"] > 20
        assert engine["max_px"] < 1e-4
        assert engine["epe"] == pytest.approx(report["epe"], abs=1e-4)
        assert (engine["n_images"], report["n_images"]) == (2, 2)
    with (context.dir / "align.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["equal"] == row["values"] != "0" for row in rows)
    tensors = [t.name for t in read_manifest(exact).tensors]
    assert [r["tensor"] for r in rows if r["engine"] == "openvino"] == [
        *tensors, "disparity_logits", "superpixel_logits",
    ]  # fmt: skip


def test_at_another_size(make_context: Make, exact: Path, pairs: list[str]) -> None:
    report = dispatch(make_context(*settings(exact, pairs, "align.size=[96,160]", "align.pairs=1")))
    assert report["aligned"]
    assert (report["size"], report["n_images"]) == ([96, 160], 1)


def change_one_weight(folder: Path, manifest: Manifest) -> str:
    """Another integer in one weight of ONNX Runtime's `align` form; returns the first tensor behind it."""
    path = manifest.file("onnxruntime", ALIGN)
    model = onnx.load(path)
    weights = [i for i in model.graph.initializer if i.data_type == onnx.TensorProto.INT8 and len(i.dims) == 4]
    chosen = weights[0]
    values = numpy_helper.to_array(chosen).copy()
    place = np.unravel_index(np.abs(values).argmax(), values.shape)
    values[place] = -values[place]
    chosen.CopyFrom(numpy_helper.from_array(values, chosen.name))
    onnx.save(model, path)
    behind = {chosen.name}
    for node in model.graph.node:
        if behind & set(node.input):
            behind |= set(node.output)
    return next(t.name for t in manifest.tensors if t.output in behind)


def mend_checksum(folder: Path, engine: str, kind: str) -> None:
    """What somebody who knows the manifest would do after a change."""
    from stereo_exp.runtime.manifest import file_entry

    facts = json.loads((folder / MANIFEST).read_text())
    entry = facts["engines"][engine][ALIGN]
    holder = entry["weights"] if kind == "weights" else entry
    holder["sha256"] = file_entry(folder, holder["path"]).sha256
    (folder / MANIFEST).write_text(json.dumps(facts))


def failing(context: RunContext) -> dict:
    with pytest.raises(SystemExit) as stop:
        dispatch(context)
    assert stop.value.code == 1
    return json.loads((context.dir / "report.json").read_text())


@pytest.mark.long
def test_a_changed_weight_fails_and_names_the_tensor(
    make_context: Make, exact: Path, pairs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(exact, tmp_path / "changed")
    name = change_one_weight(folder, read_manifest(folder))
    with pytest.raises(UserError, match="SHA-256 differs"):
        dispatch(make_context(*settings(folder, pairs)))
    mend_checksum(folder, "onnxruntime", "model")
    report = failing(make_context(*settings(folder, pairs)))
    assert not report["aligned"]
    assert f"onnxruntime: {name} differs first" in report["failed"]
    assert report["failed"] in capsys.readouterr().err
    found = {e["engine"]: e for e in report["by_engine"]}
    assert found["onnxruntime"]["first_difference"] == name
    assert found["onnxruntime"]["integers_equal"] < 1
    assert report["differences"][0]["name"] == name
    # The other engine's file was left alone.
    assert found["openvino"]["first_difference"] is None
    # A threshold below what is left passes, by choice.
    loose = settings(folder, pairs, "align.threshold=0.01", "align.tolerance=1000")
    assert dispatch(make_context(*loose))["aligned"]


def test_a_changed_weight_of_openvino_fails(make_context: Make, exact: Path, pairs: list[str], tmp_path: Path) -> None:
    import xml.etree.ElementTree as ET

    folder = shutil.copytree(exact, tmp_path / "changed")
    path = read_manifest(folder).file("openvino", ALIGN)
    constants = [
        data
        for layer in ET.parse(path).getroot().iter("layer")
        if layer.get("type") == "Const"
        and (data := layer.find("data")) is not None
        and data.get("element_type") == "i8"
        and data.get("shape", "").count(",") == 3
    ]
    chosen = constants[0]
    begin, size = int(chosen.get("offset", 0)), int(chosen.get("size", 0))
    data = bytearray(path.with_suffix(".bin").read_bytes())
    values = np.frombuffer(bytes(data[begin : begin + size]), np.int8)
    place = begin + int(np.abs(values.astype(int)).argmax())
    data[place] = (-np.frombuffer(bytes([data[place]]), np.int8)).tobytes()[0]
    path.with_suffix(".bin").write_bytes(data)
    mend_checksum(folder, "openvino", "weights")
    report = failing(make_context(*settings(folder, pairs, "align.engines=[openvino]")))
    assert report["by_engine"][0]["first_difference"] in {t.name for t in read_manifest(folder).tensors}


@pytest.mark.long
@pytest.mark.parametrize("opt", [0, 1, 3])
def test_every_integer_is_equal_at_every_level(make_context: Make, tmp_path: Path, pairs: list[str], opt: int) -> None:
    folder = compiled(tmp_path, "pow2", ENGINES, opt)
    assert dispatch(make_context(*settings(folder, pairs)))["aligned"]


@pytest.mark.long
def test_a_float_network_is_compared_in_px(make_context: Make, tmp_path: Path, pairs: list[str]) -> None:
    folder = compiled(tmp_path, None, ENGINES)
    report = dispatch(make_context(*settings(folder, pairs)))
    assert report["aligned"]
    assert report["limits"] == {"equal": None, "max_px": 0.01}
    for engine in report["by_engine"]:
        assert engine["integers_equal"] is None
        assert 0 < engine["max_px"] < 0.01
    assert "more than 0" in failing(make_context(*settings(folder, pairs, "align.tolerance=0")))["failed"]


@pytest.mark.long
def test_other_scales_have_a_looser_threshold(make_context: Make, tmp_path: Path, pairs: list[str]) -> None:
    folder = compiled(tmp_path, "affine", ENGINES)
    report = dispatch(make_context(*settings(folder, pairs)))
    assert report["aligned"]
    assert report["limits"] == {"equal": 0.9, "max_px": None}
    strict = make_context(*settings(folder, pairs, "align.threshold=1"))
    assert "differs first" in failing(strict)["failed"]


def comparison(*shares: tuple[int, int], px: float = 0.0) -> Comparison:
    counts = {f"t{i}": Count(equal, values) for i, (equal, values) in enumerate(shares)}
    return Comparison("engine", counts, {}, StereoMetrics(32), max_px=px)


@pytest.mark.parametrize(
    ("limits", "found", "told"),
    [
        (Limits(1, 0.01), comparison((10, 10)), None),
        (Limits(1, 0.01), comparison((10, 10), (99, 100), (5, 9)), "t1 differs first (99.0000 % of its values equal)"),
        (Limits(1, 0.01), comparison((10, 10), px=0.02), "up to 0.02 px, more than 0.01"),
        (Limits(1, 0.01), comparison((10, 10), px=float("nan")), "more than 0.01"),
        (Limits(0.9, None), comparison((10, 10), (82, 100), px=5.0), "t1 differs first"),
        (Limits(0.9, None), comparison((900, 900), (82, 100), px=5.0), None),
        (Limits(None, 0.01), comparison(px=0.005), None),
    ],
)
def test_limits(limits: Limits, found: Comparison, told: str | None) -> None:
    problem = limits.find_violation(found)
    assert (problem is None) == (told is None)
    assert told is None or told in problem


def test_counts_take_shapes_and_nan_as_different() -> None:
    count = Count()
    count.add(np.array([1, 2]), np.array([1, 3]))
    assert (count.equal, count.values, count.worst) == (1, 2, 1)
    count.add(np.array([1, 2, 3]), np.array([1, 2]))
    assert (count.equal, count.values, count.worst) == (1, 4, float("inf"))
    found = comparison()
    found.add_disparity(np.array([[np.nan, 1.0]]), np.array([[1.0, 1.0]]))
    assert found.max_px == float("inf")


@pytest.mark.parametrize("bad", ["align.engines=[tensorrt]", "align.threshold=2", "align.pairs=0"])
def test_mistakes_in_the_configuration(make_context: Make, bad: str) -> None:
    with pytest.raises(UserError, match=bad.split("=")[0].replace(".", r"\.")):
        make_context(*SMALL, "task=align", bad)


def test_what_is_compiled_on_the_way_has_the_size_that_was_typed(
    make_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines of one size cannot be compared otherwise where nothing is compiled yet."""
    asked: list[Options] = []
    made = SimpleNamespace(manifest="made")
    monkeypatch.setattr(deploy, "build", lambda source, folder, options: asked.append(options) or made)
    source = SimpleNamespace(multiple=32, checkpoint=SimpleNamespace(path="a.safetensors"))
    for words, size in (((), None), (("compile.size=[100,190]",), (128, 192))):
        context = make_context("task=align", "align.engines=[litert]", *words)
        assert align._compile(context, source) == "made"  # type: ignore[arg-type]
        assert (asked[-1].size, list(asked[-1].engines)) == (size, ["litert"])
