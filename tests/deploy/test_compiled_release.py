"""The int8 releases as they come with the package: the files are whole, and compute what their checkpoints compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stereo_exp import weights
from stereo_exp.base.errors import CheckpointError
from stereo_exp.config.deploy import MAX_OPT
from stereo_exp.deploy.align import Reference
from stereo_exp.deploy.folder import Options, build
from stereo_exp.geometry.example import example_pair
from stereo_exp.geometry.images import pad_edges, round_up_size
from stereo_exp.model.checkpoint import load_checkpoint, sizing_of
from stereo_exp.model.network import predict
from stereo_exp.runtime import StereoModel
from stereo_exp.runtime.manifest import FULL, MANIFEST, read_manifest, sha256_of
from stereo_exp.suite import publish
from stereo_exp.suite.restore import load_source, restore_model
from stereo_exp.suite.tasks.align import _TOLERANCE_PX as TOLERANCE_PX

ENGINES = ("openvino", "onnxruntime")
NETWORKS = tuple(weights.RELEASES)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_folder_is_whole_and_of_the_released_checkpoint(network: str) -> None:
    manifest = read_manifest(weights.find_compiled_release(network), check_files=True)
    path = weights.find_release("int_infer", "checkpoint", network)
    model, checkpoint = manifest.model, load_checkpoint(path)
    assert model.checkpoint_sha256 == sha256_of(path), "python -m stereo_exp.suite.publish --compile makes it anew"
    assert weights.resolve_checkpoint(model.checkpoint, "int_infer", "checkpoint") == path
    assert (model.stage, model.target, model.epe) == ("int_infer", "pow2", checkpoint.meta["scores"]["epe"])
    assert manifest.sizing == sizing_of(checkpoint)
    assert (manifest.size, manifest.batch, manifest.opt) == (None, None, MAX_OPT)
    assert {engine: list(forms) for engine, forms in manifest.engines.items()} == {key: [FULL] for key in ENGINES}


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_else_lies_there_and_nothing_of_the_machine(network: str) -> None:
    folder = weights.find_compiled_release(network)
    manifest = read_manifest(folder)
    listed = {MANIFEST}
    for forms in manifest.engines.values():
        for entry in forms.values():
            listed |= {entry.path} | ({entry.weights.path} if entry.weights else set())
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == listed
    text = (folder / MANIFEST).read_text()
    assert '"/' not in text
    assert manifest.created == "", "it would be another file each time it is made"
    # For each engine; the wheel packs them to about half.
    assert sum((folder / name).stat().st_size for name in listed) < 5e6


@pytest.fixture(scope="module")
def slim() -> torch.nn.Module:
    """The slim integer network in torch."""
    return restore_model(weights.find_release("int_infer", "checkpoint", weights.SLIM), torch.device("cpu"))[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_odd_sizes(engine: str, slim: torch.nn.Module) -> None:
    """Against torch on the same pair with its edges repeated up to multiples of 32."""
    sample = example_pair()
    with StereoModel(weights.find_compiled_release(weights.SLIM), engine, threads=1) as model:
        for height, width in ((97, 161), (64, 64), (75, 200)):
            # From the middle: there is something to match.
            left, right = (
                np.ascontiguousarray(view[200 : 200 + height, 300 : 300 + width])
                for view in (sample.left, sample.right)
            )
            found = model(left, right, scale=1)
            assert found.disparity.shape == found.confidence.shape == (height, width)
            size = round_up_size((height, width), 32)
            views = (torch.from_numpy(pad_edges(view, size)[None]).permute(0, 3, 1, 2) for view in (left, right))
            wanted = predict(slim, *views)[0, :height, :width].numpy()
            np.testing.assert_allclose(found.disparity, wanted, rtol=0, atol=TOLERANCE_PX)


@pytest.mark.long
@pytest.mark.parametrize("network", NETWORKS)
def test_computes_what_a_fresh_compile_and_torch_compute(network: str, tmp_path: Path) -> None:
    source = load_source(weights.find_release("int_infer", "checkpoint", network))
    build(source, tmp_path, Options(ENGINES, MAX_OPT, None, None, (FULL,)))
    sample = example_pair()
    wanted = Reference(source)(sample.left[None], sample.right[None]).disparity[0]
    for engine in ENGINES:
        maps = []
        for folder in (weights.find_compiled_release(network), tmp_path):
            with StereoModel(folder, engine, threads=2) as model:
                maps.append(model(sample.left, sample.right, scale=1))
        assert np.array_equal(maps[0].disparity, maps[1].disparity)
        assert np.array_equal(maps[0].confidence, maps[1].confidence)
        assert np.abs(maps[0].disparity - wanted).max() <= TOLERANCE_PX


@pytest.mark.long
def test_the_command_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one network alone, where the one that came along was the second in its process."""
    name = weights.RELEASES[weights.SLIM]["int_infer"]
    (tmp_path / name).write_bytes((weights.FOLDER / name).read_bytes())
    stale = weights.locate_compiled(tmp_path, weights.SLIM) / "openvino" / "trunk.xml"
    stale.parent.mkdir(parents=True)
    stale.write_text("of a folder before")
    monkeypatch.setattr("sys.argv", ["publish", "--compile", "--network", weights.SLIM, "--out", str(tmp_path)])
    publish.main()
    made, shipped = weights.locate_compiled(tmp_path, weights.SLIM), weights.find_compiled_release(weights.SLIM)
    manifests = [json.loads((folder / MANIFEST).read_text()) for folder in (made, shipped)]
    versions = [manifest.pop("versions") for manifest in manifests]
    for version in versions:
        # A later version of this package must not write another file by that alone.
        del version["stereo_exp"]
    if versions[0] != versions[1]:
        pytest.skip("other versions write other files")
    assert manifests[0] == manifests[1]
    names = {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()}
    assert {path.relative_to(made) for path in made.rglob("*") if path.is_file()} == names
    for file in names - {Path(MANIFEST)}:
        assert (made / file).read_bytes() == (shipped / file).read_bytes(), file


def test_an_installation_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"network=slim: its compiled form is missing.*install the package again"):
        weights.find_compiled_release(weights.SLIM)


def test_every_name_is_a_release_and_no_other_is() -> None:
    assert set(weights.NAMES.values()) == set(weights.RELEASES)
    for name, network in weights.NAMES.items():
        for stage, file in weights.RELEASES[network].items():
            assert weights.resolve_checkpoint(name, stage, "checkpoint").name == file
    # Alone, it is the network that is configured; with a name, the one that is named.
    slim = weights.RELEASES[weights.SLIM]["float"]
    assert weights.resolve_checkpoint("release", "float", "checkpoint", weights.SLIM).name == slim
    assert weights.resolve_checkpoint("release-slim", "float", "checkpoint", weights.PUBLISHED).name == slim
    assert weights.resolve_checkpoint("folder/release-x", "float", "checkpoint") == Path("folder/release-x")
    with pytest.raises(CheckpointError, match=r"checkpoint=release-slimm: is neither a file nor a release; .*slim"):
        weights.resolve_checkpoint("release-slimm", "float", "checkpoint")
    with pytest.raises(CheckpointError, match=r"checkpoint=release-slim: no weights of stage=qat are released"):
        weights.resolve_checkpoint("release-slim", "qat", "checkpoint")


def test_a_file_may_be_called_like_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("release-mine.safetensors").touch()
    found = weights.resolve_checkpoint("release-mine.safetensors", "float", "checkpoint")
    assert found == Path("release-mine.safetensors")


@pytest.mark.parametrize("words", [[], ["only_one.safetensors"], ["only_one.safetensors", "--compile"]])
def test_half_a_command(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["publish", *words])
    with pytest.raises(SystemExit, match="2"):
        publish.main()
    assert "give both checkpoints, or --compile alone" in capsys.readouterr().err
