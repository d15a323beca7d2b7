"""`import stereo_exp`: what it offers, what it costs, and that all of it works as the docstrings say."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import stereo_exp as se
from stereo_exp.base.errors import UserError
from stereo_exp.geometry.example import example_pair
from stereo_exp.geometry.formats.image import encode_png

OFFERED = {
    "load", "compose", "run", "create_network", "open_dataset",
    "Prediction", "StereoModel", "StereoMetrics", "__version__",
}  # fmt: skip
SMALL = ("experiment=smoke", "model.backbone.width=0.25", "model.aggregation.num_modules=2", "tracker=none")
Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def model() -> Iterator[se.StereoModel]:
    with se.load("release", threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A corner of the pair that comes along."""
    sample = example_pair()
    return sample.left[100:292, 200:520], sample.right[100:292, 200:520]


def test_it_offers_this_and_nothing_else() -> None:
    assert set(dir(se)) == set(se.__all__) == OFFERED
    for name in OFFERED:
        assert getattr(se, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        se.lode  # noqa: B018
    assert (Path(se.__file__).parent / "py.typed").is_file()


def test_the_page_says_what_the_docstrings_say() -> None:
    script = Path(__file__).resolve().parent.parent / "docs" / "write_api.py"
    if not script.is_file():
        pytest.skip("docs/ is not beside the tests (they run from an installed wheel)")
    written = runpy.run_path(str(script))
    assert written["PAGE"].read_text() == written["write"](), "python docs/write_api.py writes it anew"


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, stereo_exp; dir(stereo_exp); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "cv2", "torch", "hydra", "omegaconf", "openvino", "yaml"} & set(loaded) == set()
    assert [name for name in loaded if name.startswith("stereo_exp")] == ["stereo_exp"]


def test_the_release_runs_on_an_engine_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), se.load("release", threads=1) as loaded:
        assert loaded.engine.name == "openvino"
        assert (loaded.maxdisp, loaded.manifest.model.stage) == (192, "int_infer")
    line = next(m for m in caplog.messages if m.startswith("network "))
    assert all(part in line for part in ("release-stereonetplus", "int_infer", "openvino", "fastest that is installed"))


def test_a_prediction_is_maps_of_the_views_size(model: se.StereoModel, pair: Pair) -> None:
    found = model(*pair)
    assert isinstance(found, se.Prediction)
    assert found.disparity.shape == found.confidence.shape == found.trusted.shape == pair[0].shape[:2]
    assert (found.disparity.dtype, found.confidence.dtype, found.trusted.dtype) == (np.float32, np.float32, bool)
    assert found.trusted.all()
    assert 0 < found.confidence.min() <= found.confidence.max() <= 1 + 1e-6


def test_depth_in_metres(model: se.StereoModel, pair: Pair, tmp_path: Path) -> None:
    found = model(*pair)
    depth = found.depth(focal=760, baseline=0.12)
    np.testing.assert_allclose(depth, 760 * 0.12 / found.disparity, rtol=1e-5)
    with pytest.raises(UserError, match=r"focal.*focal length .* and baseline"):
        found.depth()
    with pytest.raises(UserError, match="baseline=0: must be positive"):
        found.depth(focal=760, baseline=0)
    calib = tmp_path / "calib.json"
    calib.write_text(json.dumps({"fx": 760.0, "baseline_m": 0.12, "cx0": 160.0, "cx1": 160.0, "cy": 96.0}))
    known = model(*pair, calib=calib)
    np.testing.assert_array_equal(known.depth(), depth)
    np.testing.assert_array_equal(known.depth(baseline=0.24), 2 * depth)


def test_an_untrusted_pixel_has_no_depth(model: se.StereoModel, pair: Pair) -> None:
    found = model(*pair, left_right=True)
    assert 0 < found.trusted.mean() < 1
    assert np.array_equal(np.isfinite(found.depth(focal=1, baseline=1)), found.trusted & (found.disparity > 0))


def test_files_arrays_tensors_batches_and_frames_say_the_same(
    model: se.StereoModel, pair: Pair, tmp_path: Path
) -> None:
    import torch

    wanted = model(*pair).disparity
    files = [tmp_path / "left.png", tmp_path / "right.png"]
    for file, view in zip(files, pair, strict=True):
        file.write_bytes(encode_png(view))
    tensors = [torch.from_numpy(view).permute(2, 0, 1) for view in pair]
    assert np.array_equal(model(*files).disparity, wanted)
    assert np.array_equal(model(*map(str, files)).disparity, wanted)
    assert np.array_equal(model(*tensors).disparity, wanted)
    swapped = model(*(np.stack((view, view[:, ::-1])) for view in pair))
    assert swapped.disparity.shape == swapped.confidence.shape == swapped.trusted.shape == (2, *wanted.shape)
    assert np.array_equal(swapped.disparity[0], wanted)
    assert not np.array_equal(swapped.disparity[1], wanted)
    assert np.array_equal(model(*(tensor[None] for tensor in tensors)).disparity, wanted[None])
    frames = model(iter([tuple(files), pair, example_pair()]))
    assert [each.disparity.shape for each in frames] == [wanted.shape, wanted.shape, (544, 960)]


BAD = {
    "an option that is none": (lambda m, p: m(*p, sclae=2), TypeError, "no option sclae"),
    "a list": (lambda m, p: m([1], [2]), UserError, "left=list: must be a file, an array or a tensor"),
    "unequal batches": (lambda m, p: m(p[0][None], np.stack((p[1],) * 2)), UserError, "as many images"),
    "one batch": (lambda m, p: m(p[0][None], p[1]), UserError, "as many images"),
    "a float tensor": (lambda m, p: m(*(view / 255 for view in p)), UserError, "must be uint8"),
    "no file": (lambda m, p: m("l.png", "r.png"), UserError, "left=l.png"),
    "no calibration": (lambda m, p: m(*p, calib="none.json"), UserError, "none.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_it_does_not_take(model: se.StereoModel, pair: Pair, case: str) -> None:
    call, kind, message = BAD[case]
    with pytest.raises(kind, match=message) as caught:
        call(model, pair)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody",), "network=nobody: is neither a file, a folder nor one of release"),
        (("missing.safetensors",), "missing.safetensors"),
        (("release", "tensorrt"), "engine=tensorrt: must be one of auto, torch, openvino, onnxruntime"),
        (("release", "openvino", "TPU"), "device=TPU: OpenVINO finds .*CPU"),
        (("release", "onnxruntime", "abacus"), "device=abacus: ONNX Runtime finds .*cpu"),
        (("release", "auto", None, 0), "threads=0: must be at least 1"),
        (("release", "auto", None, None, 0), "in_flight=0: must be at least 1"),
    ],
    ids=lambda value: str(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_loaded(arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        se.load(*arguments)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has neither manifest\.json"):
        se.load(tmp_path)


def test_a_pair_too_large_for_the_memory_is_tiled(
    model: se.StereoModel, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from stereo_exp.runtime import model as module

    left, right = (np.tile(view, (1, 3, 1)) for view in pair)
    whole = model(left, right, scale=1)
    monkeypatch.setattr(module, "free_memory", lambda: 2 * module._BYTES_PER_PIXEL * left[..., 0].size / 2)
    with caplog.at_level("INFO"):
        tiled = [model(left, right, scale=1) for _ in range(2)]
    (line,) = (m for m in caplog.messages if "overlapping tiles" in m)
    assert "960x192" in line, "said once, with the size"
    assert np.array_equal(tiled[0].disparity, tiled[1].disparity)
    difference = np.abs(tiled[0].disparity - whole.disparity)
    assert difference.max() > 0, "it was tiled"
    assert np.median(difference) < 0.1


def test_a_network_with_random_weights() -> None:
    import torch

    network = se.create_network("stereonetplus", maxdisp=64, overrides=SMALL[1:3])
    assert isinstance(network, torch.nn.Module)
    assert network.maxdisp == 64
    output = network.eval()(torch.zeros(1, 3, 64, 96), torch.zeros(1, 3, 64, 96))
    assert output.disparity.shape == output.confidence.shape == (1, 64, 96)
    assert float(output.disparity.detach().max()) <= 64
    with pytest.raises(UserError, match=r"model\.maxdisp=100: must be a positive multiple of 32"):
        se.create_network(maxdisp=100)
    with pytest.raises(UserError, match="model=alexnet"):
        se.create_network("alexnet")


def test_a_data_set_is_a_sequence(real_data: Path) -> None:
    found = se.open_dataset("eth3d", root=real_data / "eth3d")
    samples = list(found)
    assert len(found) == len(samples) == 1
    assert samples[0].disparity.shape == samples[0].left.shape[:2]
    assert found[-1].key == samples[0].key
    with pytest.raises(IndexError):
        found[1]
    with pytest.raises(UserError, match=r"dataset\.root"):
        se.open_dataset("eth3d", root=real_data / "nowhere")


def test_scores() -> None:
    metrics = se.StereoMetrics(192)
    assert metrics.update(np.full((4, 4), 5.0), np.full((4, 4), 7.0)) == 2
    assert metrics.compute()["epe"] == 2


def test_runs_from_python_leave_what_the_command_line_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: Pair
) -> None:
    common = [*SMALL, f"root={tmp_path}", "model.maxdisp=64", "machine.threads=1"]
    trained = se.compose([*common, "optim.steps=1"])
    assert (trained.config.stage, trained.config.model.maxdisp) == ("float", 64)
    assert not trained.dir.exists()
    report = se.run(trained)
    assert report == json.loads((trained.dir / "report.json").read_text())
    assert report == json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (trained.dir / "config.yaml").is_file()
    assert "stereo_exp" in (trained.dir / "stereo_exp.log").read_text()
    # The stage behind finds it by name.
    calibrated = se.run(se.compose([*common, "stage=calib", "quant.stage.num_batches=1"]))
    assert calibrated["stage"] == "calib"
    # Whichever way it is named, it is the same network, in torch since nobody compiled it.
    folder = Path(calibrated["run_dir"])
    maps = [se.load(each)(*pair).disparity for each in (folder, str(folder), calibrated["checkpoint"])]
    assert all(np.array_equal(each, maps[0]) for each in maps)
    with pytest.raises(UserError, match=r"engine=openvino: .* is not compiled; compile it with: .*task=compile"):
        se.load(folder, engine="openvino")
    with pytest.raises(UserError, match=r"optim\.lr=-1"):
        se.compose([*common, "optim.lr=-1"])
    with pytest.raises(UserError, match="stage=clib"):
        se.compose(["stage=clib"])


@pytest.mark.long
def test_a_compiled_network_is_found_by_the_commands_that_predict(tmp_path: Path) -> None:
    common = [*SMALL, f"root={tmp_path}", "model.maxdisp=64", "machine.threads=1"]
    se.run(se.compose([*common, "optim.steps=1"]))
    first = se.run(se.compose([*common, "task=infer"]))
    assert (first["stage"], first["engine"].split()[0]) == ("float", "torch")
    compiled = se.run(se.compose([*common, "task=compile", "compile.engines=[openvino]"]))
    assert compiled["stage"] == "float"
    second = se.run(se.compose([*common, "task=infer"]))
    assert second["engine"].split()[0] == "openvino"
    assert second["checkpoint"] == first["checkpoint"]
    third = se.run(se.compose([*common, "task=infer", "engine=torch"]))
    assert third["engine"].split()[0] == "torch"
    with pytest.raises(UserError, match=r"engine=onnxruntime: .* was compiled for openvino"):
        se.load(compiled["run_dir"], engine="onnxruntime")


def test_evaluating_the_release_says_the_same_on_every_engine(tmp_path: Path) -> None:
    common = ["task=eval", "dataset=motorcycle", "tracker=none", "eval.pictures=0", f"root={tmp_path}"]
    reports = [se.run(se.compose([*common, f"engine={each}"])) for each in ("auto", "onnxruntime", "torch")]
    assert [each["engine"].split()[0] for each in reports] == ["openvino", "onnxruntime", "torch"]
    assert {(each["network"], each["stage"]) for each in reports} == {("release-stereonetplus", "int_infer")}
    assert max(each["epe"] for each in reports) - min(each["epe"] for each in reports) < 1e-3
