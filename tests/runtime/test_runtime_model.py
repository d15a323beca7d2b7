"""`StereoModel` on real engines: any size, any form of image, tiles, scales, several pairs in flight, bad input."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from matcher import ENGINES, MAXDISP, shifted_pair, write_matcher

from stereo_exp.base.errors import UserError
from stereo_exp.data.loader import collate
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.prediction import Errors, Prediction
from stereo_exp.geometry.refine import refine_disparity
from stereo_exp.geometry.reliability import LEVELS
from stereo_exp.runtime import StereoModel, depth
from stereo_exp.runtime.engines import ENGINES as REGISTERED
from stereo_exp.runtime.engines import load_engine, usable_threads
from stereo_exp.runtime.engines.openvino import fix_open_batch
from stereo_exp.runtime.manifest import FULL, read_manifest


@pytest.fixture(scope="module", params=ENGINES)
def model(request: pytest.FixtureRequest, compiled: Path) -> StereoModel:
    return StereoModel(compiled, request.param, threads=1, in_flight=2)


def sureness_of(found: Prediction) -> np.ndarray:
    """What the network itself says, 0…1, before a table makes a probability of it."""
    assert isinstance(found.errors, Errors)
    return found.errors.levels / LEVELS


def test_every_registered_engine_is_tested() -> None:
    # Those of one size run in environments of their own: tests/deploy/test_executorch.py and beside it.
    assert set(REGISTERED) == {*ENGINES, "executorch", "litert", "ncnn"}


@pytest.mark.parametrize("disparity", [0, 5, 30])
def test_finds_a_known_disparity(model: StereoModel, disparity: int) -> None:
    found = model(*shifted_pair(64, 128, disparity), scale=1)
    assert found.disparity.dtype == found.confidence.dtype == np.float32
    assert np.abs(found.disparity[:, disparity + 2 :] - disparity).max() < 0.05
    assert found.confidence.min() > 0
    assert found.confidence.max() <= 1 + 1e-6


@pytest.mark.parametrize("size", [(64, 128), (50, 101), (33, 65), (1, 1)])
def test_pads_as_the_training_framework_does(model: StereoModel, size: tuple[int, int]) -> None:
    left, right = shifted_pair(*size, 3)
    batch = collate([StereoSample("a", left, right)], [0], multiple=32)
    views = [view.permute(0, 2, 3, 1).contiguous().numpy() for view in (batch.left, batch.right)]
    whole = dict(zip(model.engine.outputs, model.engine.run(*views), strict=True))
    found = dict(zip(("disparity", "confidence"), model.maps(left, right), strict=True))
    for name in ("disparity", "confidence"):
        assert np.array_equal(found[name], whole[name][0, : size[0], : size[1]])
    assert np.array_equal(model(left, right, scale=1).disparity, found["disparity"])


def test_files_arrays_and_grey_images_are_the_same(model: StereoModel, tmp_path: Path) -> None:
    left, right = (np.repeat(view[..., :1], 3, axis=2) for view in shifted_pair(40, 80, 4))
    for name, view in (("l.png", left), ("r.png", right)):
        (tmp_path / name).write_bytes(encode_png(view))
    wanted = model(left, right, scale=1).disparity
    assert np.array_equal(model(tmp_path / "l.png", str(tmp_path / "r.png"), scale=1).disparity, wanted)
    assert np.array_equal(model(left[..., 0], right[..., :1], scale=1).disparity, wanted)
    # A view into a larger array, as a crop of a camera's frame is.
    frame = np.zeros((50, 90, 3), np.uint8)
    frame[5:45, 5:85] = left
    assert np.array_equal(model(frame[5:45, 5:85], right, scale=1).disparity, wanted)


def test_scaled_images_give_disparity_of_the_given_size(model: StereoModel) -> None:
    coarse = shifted_pair(64, 128, 6)
    left, right = (np.repeat(np.repeat(view, 2, axis=0), 2, axis=1) for view in coarse)
    found = model(left, right, scale=0.5)
    assert found.disparity.shape == found.confidence.shape == (128, 256)
    assert np.median(found.disparity) == pytest.approx(12, abs=0.05)
    # Twice the range: 40 px is out of reach at scale 1.
    far = shifted_pair(64, 128, 20)
    left, right = (np.repeat(np.repeat(view, 2, axis=0), 2, axis=1) for view in far)
    assert np.median(model(left, right, scale=0.5).disparity[:, 50:]) == pytest.approx(40, abs=0.1)


def test_refined_disparity_is_that_of_the_images_at_any_scale(model: StereoModel) -> None:
    coarse = shifted_pair(64, 128, 6)
    left, right = (np.repeat(np.repeat(view, 2, axis=0), 2, axis=1) for view in coarse)
    plain, fine = (model(left, right, scale=0.5, refine=refine) for refine in (False, True))
    assert np.array_equal(fine.disparity, refine_disparity(left, right, plain.disparity))
    # The network is as sure; what that is worth is another table's.
    assert np.array_equal(sureness_of(fine), sureness_of(plain))
    assert (np.abs(fine.disparity - 12) > 0.5).mean() < (np.abs(plain.disparity - 12) > 0.5).mean()
    assert np.array_equal(model.submit(left, right, scale=0.5, refine=True).result().disparity, fine.disparity)
    (streamed,) = model.stream([(left, right)], scale=0.5, refine=True)
    assert np.array_equal(streamed.disparity, fine.disparity)


@pytest.mark.parametrize("tile", [(64, 128), (96, 160), (4000, 128)])
def test_tiles_give_what_the_whole_image_gives(model: StereoModel, tile: tuple[int, int]) -> None:
    left, right = shifted_pair(150, 400, 11)
    whole, tiled = model(left, right, scale=1), model(left, right, scale=1, tile=tile)
    # The matcher looks 2 px around; only pixels that close to a tile's edge may change, and those barely count.
    difference = np.abs(whole.disparity - tiled.disparity)
    assert difference.max() < 0.5
    assert (difference > 1e-4).mean() < 0.05
    assert np.abs(sureness_of(whole) - sureness_of(tiled)).max() < 0.1


def test_in_flight_results_come_in_order(model: StereoModel) -> None:
    pairs = [shifted_pair(40, 96, d, seed=d) for d in (0, 9, 3, 17, 6, 1, 12)]
    found = list(model.stream(iter(pairs), scale=1))
    assert len(found) == len(pairs)
    for pair, result in zip(pairs, found, strict=True):
        assert np.array_equal(result.disparity, model(*pair, scale=1).disparity)
    futures = [model.submit(*pair, scale=1) for pair in pairs]
    assert [float(np.median(f.result().disparity)).__round__() for f in futures] == [0, 9, 3, 17, 6, 1, 12]


def test_a_stream_may_be_left(model: StereoModel) -> None:
    endless = (shifted_pair(32, 64, 1) for _ in iter(int, 1))
    stream = model.stream(endless, scale=1)
    assert next(stream).disparity.shape == (32, 64)
    stream.close()
    assert model(*shifted_pair(32, 64, 1)).disparity.shape == (32, 64)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(40, 90), (64, 128), (100, 300)])
def test_a_model_of_one_size_and_batch_takes_every_size(tmp_path: Path, engine: str, size: tuple[int, int]) -> None:
    folder = write_matcher(tmp_path, (engine,), size=(64, 128), batch=2)
    with StereoModel(folder, engine, threads=1) as model:
        found = model(*shifted_pair(*size, 7), scale=1)
        assert found.disparity.shape == size
        assert np.abs(found.disparity[3:-3, 45:-3] - 7).max() < 0.05
        with pytest.raises(UserError, match="compiled for 64×128"):
            model(*shifted_pair(*size, 7), scale=1, tile=(96, 160))


def test_auto_takes_the_engine_that_the_folder_is_for(tmp_path: Path) -> None:
    folder = write_matcher(tmp_path, ("onnxruntime",))
    assert StereoModel(folder).engine.name == "onnxruntime"
    with pytest.raises(UserError, match="openvino"):
        StereoModel(folder, "openvino")


def test_a_run_folder_will_do(tmp_path: Path) -> None:
    write_matcher(tmp_path / "compiled", ("onnxruntime",))
    assert StereoModel(tmp_path).manifest.model.maxdisp == MAXDISP


BAD = {
    "unequal": (lambda m: m(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)), "right=8x9.*as large as"),
    "float": (lambda m: m(np.zeros((9, 9, 3)), np.zeros((9, 9, 3))), "left=float64 9×9×3.*uint8"),
    "four channels": (lambda m: m(np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 4), np.uint8)), "H×W×3"),
    "empty": (lambda m: m(np.zeros((0, 9, 3), np.uint8), np.zeros((0, 9, 3), np.uint8)), "left"),
    "no file": (lambda m: m("missing.png", "missing.png"), "missing.png"),
    "scale": (lambda m: m(*shifted_pair(9, 9, 1), scale=0), "scale=0.*above 0"),
    "small tile": (lambda m: m(*shifted_pair(99, 300, 1), tile=(64, 64)), "width of a tile must be at least 96 px"),
    "empty tile": (lambda m: m(*shifted_pair(99, 300, 1), tile=(0, 64)), "tile"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_in_one_line(model: StereoModel, case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(UserError, match=message) as error:
        call(model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_model_file_is_refused(tmp_path: Path, compiled: Path, engine: str, damage: str) -> None:
    folder = shutil.copytree(compiled, tmp_path / "copy")
    file = folder / ("full.onnx" if engine == "onnxruntime" else "full.bin")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(data if damage == "flipped" else data[:-1])
    with pytest.raises(UserError, match=file.name):
        StereoModel(folder, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_refuses_a_file_says_so_in_one_line(tmp_path: Path, compiled: Path, engine: str) -> None:
    from stereo_exp.runtime.manifest import MANIFEST, file_entry, read_manifest

    folder = shutil.copytree(compiled, tmp_path / "copy")
    name = "full.onnx" if engine == "onnxruntime" else "full.xml"
    old = file_entry(folder, name).sha256
    (folder / name).write_bytes(b"<net>not a model</net>")
    manifest = folder / MANIFEST
    manifest.write_text(manifest.read_text().replace(old, file_entry(folder, name).sha256))
    assert read_manifest(folder)
    with pytest.raises(UserError, match="refuses it") as error:
        StereoModel(folder, engine)
    assert "\n" not in str(error.value)


def test_a_folder_from_before_the_multiple_was_written_down_has_that_of_the_network_of_then(
    compiled: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(compiled, tmp_path / "copy")
    facts = json.loads((folder / "manifest.json").read_text())
    for written, read in (({"multiple": 64}, 64), ({}, 32)):
        text = json.dumps({k: v for k, v in facts.items() if k != "multiple"} | written)
        (folder / "manifest.json").write_text(text)
        assert read_manifest(folder).multiple == read


def test_more_threads_than_cores_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    cores = usable_threads(None)
    with caplog.at_level(logging.WARNING):
        assert usable_threads(cores + 7) == cores
    assert f"threads={cores + 7}" in caplog.text
    assert usable_threads(1) == 1
    with pytest.raises(UserError, match="threads=0"):
        usable_threads(0)


def test_depth() -> None:
    found = depth(np.array([[10.0, 0.0, -3.0, 2.0]], np.float32), focal=1000, baseline=0.1, doffs=0.0)
    assert found.dtype == np.float32
    assert found.tolist() == [[10.0, np.inf, np.inf, 50.0]]
    assert depth(np.array([[5.0]]), 1000, 0.1, doffs=5.0) == 10


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "batch", "found"),
    [((64, 128), None, [1, 64, 128, 3]), ((64, 128), 2, [2, 64, 128, 3]), (None, None, [-1, -1, -1, 3])],
)
def test_openvino_fixes_the_batch_where_it_is_all_that_is_open(
    tmp_path: Path, size: tuple[int, int] | None, batch: int | None, found: list[int]
) -> None:
    import openvino

    manifest = read_manifest(write_matcher(tmp_path, ("openvino",), size, batch))
    model = openvino.Core().read_model(manifest.file("openvino", FULL))
    fix_open_batch(model)
    assert [[d.get_length() if d.is_static else -1 for d in port.partial_shape] for port in model.inputs] == [found] * 2


@pytest.mark.long
@pytest.mark.parametrize("size", [(64, 128), None])
def test_what_openvino_computes_does_not_depend_on_what_is_open(tmp_path: Path, size: tuple[int, int] | None) -> None:
    fixed, other = (
        load_engine(read_manifest(write_matcher(tmp_path / name, ("openvino",), *shape)), FULL, "openvino", 1, 1)
        for name, shape in (("fixed", ((64, 128), 1)), ("open", (size, None)))
    )
    views = [view[None] for view in shifted_pair(64, 128, 7)]
    for expected, found in zip(fixed.run(*views), other.run(*views), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
