"""A network of strides of 16, 160 px, one neighbour and the median goes through all that ours go through."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from in_process import Outcome
from outside import NETWORK
from torch import nn

import stereo_exp as se
from stereo_exp.base import UserError
from stereo_exp.config import bind_network
from stereo_exp.config.training import Distribution
from stereo_exp.geometry import example_pair
from stereo_exp.model.checkpoint import load_checkpoint
from stereo_exp.runtime import StereoModel, read_manifest
from stereo_exp.runtime.tiles import SEAM
from stereo_exp.suite.build import build_loss

Command = Callable[..., Outcome]
Reports = dict[str, dict[str, Any]]
STRIDE, MAXDISP, MULTIPLE = 16, 160, 64
PADDED = [128, 256]
"""What the test pairs are padded to."""


def create_network() -> Any:
    return se.create_network("quarternet", MAXDISP, NETWORK)


def test_it_says_what_the_others_are_built_from(package: Path) -> None:
    network = create_network()
    assert (network.multiple, network.maxdisp) == (MULTIPLE, MAXDISP)
    assert (network.regression.stride, network.regression.neighbours) == (STRIDE, 1)
    assert type(network.regression.readout).__name__ == "Median"
    config = se.compose([*NETWORK, "loader.crop=[64,128]"]).config
    assert config.model.multiple == MULTIPLE
    # Through the JSON of a checkpoint.
    assert bind_network(json.loads(json.dumps(asdict(config)))).model == config.model


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["loader.crop=[96,192]"], r"loader.crop=[96, 192]: must be [height, width] in px, both multiples of 64; try "),
        (["model.maxdisp=168"], "model.maxdisp=168: must be a positive multiple of 16 (the 1/16 cost volume); try "),
        (["model/upsampling=deconvolution"], "model/upsampling=deconvolution: up-samples cells of 8 "),
        (["model.aggregation.gate=left"], "model.aggregation.gate=left: reads the left view at 1/64, where there is "),
        (
            ["model.volume.root=true", "stage=calib"],
            "model.volume.root=true: a root has no exact integer form; set model.volume.root=false and train again",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_does_not_go_together_is_refused_in_one_line(command: Command, words: list[str], told: str) -> None:
    assert command(*words).error_line.startswith(f"error: {told}")


@pytest.mark.parametrize(
    ("part", "name", "value", "told"),
    [
        (
            "SixteenthVolume",
            "strides",
            [8],
            "model/volume=sixteenth: its strides are [8], and must be a list of 1, fine ",
        ),
        ("SixteenthVolume", "strides", None, "model/volume=sixteenth: its strides are None, and must be a list of 1"),
        (
            "SixteenthVolume",
            "num_candidates",
            [11],
            "model/volume=sixteenth: its num_candidates are [11], and must be ",
        ),
        ("SixteenthVolume", "channels", [10, 5], "model/volume=sixteenth: its channels are [10, 5], and must be "),
        (
            "SixteenthVolume",
            "sharpness",
            0,
            "model/volume=sixteenth: its sharpness is 0, and must be a number above 0; ",
        ),
        (
            "SixteenthVolume",
            "groups",
            None,
            "model/volume=sixteenth: its groups are None, and must be a number above 0",
        ),
        (
            "Alone",
            "neighbours",
            2,
            "model/upsampling=alone: its neighbours are 2, and must be one of 1, 4, 9; set self.",
        ),
        ("Alone", "pixel", None, "model/upsampling=alone: its pixel is None, and must be one of 1, 2; set self.pixel"),
        (
            "Median",
            "confidence",
            None,
            "model/readout=median: has no confidence(logits, low), which says how sure its ",
        ),
    ],
    ids=str,
)
def test_a_part_that_does_not_say_what_others_need_is_refused(
    command: Command, monkeypatch: pytest.MonkeyPatch, part: str, name: str, value: object, told: str
) -> None:
    create_network()
    broken = getattr(sys.modules["sixteenth.parts"], part)
    # Whatever its constructor says.
    monkeypatch.setattr(
        broken,
        "__setattr__",
        lambda self, key, given: nn.Module.__setattr__(self, key, value if key == name else given),
    )
    monkeypatch.setattr(broken, name, value, raising=False)
    assert command("stage=float").error_line.startswith(f"error: {told}")


def test_help_shows_its_options(command: Command) -> None:
    """A preset's values stand where they are typed; a class without a sentence says nothing."""
    said = " ".join(command("--help", "model/head", "model/volume", "model/readout").out.split())
    preset = "model/head=sixteenth Cells of 16 px, each on its own, and the median of their candidates. "
    assert f"{preset}model.aggregation.widths = [16, 16, 16] model.aggregation.units = [1, 1, 1] " in said
    assert "model/volume = sixteenth model/aggregation = unet model/upsampling = alone model/readout = median" in said
    assert "model/volume=sixteenth model.volume.stride = 16 model.volume.root: bool = false Similarities by " in said
    assert "model/readout=median model/readout=window " in said


@pytest.mark.parametrize("first", ["model/head=quarter", "model/readout=expectation"])
def test_what_is_typed_for_a_group_wins_over_a_preset(first: str) -> None:
    words = {"model/head=quarter", "model/readout=expectation"}
    config = se.compose([first, *(words - {first}), "model/neck=decoder"]).config
    found = [getattr(config.model, each).name for each in ("volume", "aggregation", "upsampling", "readout")]
    assert found == ["single", "unet", "convex", "expectation"]


def test_it_trains_and_computes_with_integers(chain: Reports) -> None:
    for name in ("float", "qat"):
        report = chain[name]
        assert (report["num_steps"], report["num_bad_steps"], report["num_empty_steps"]) == (1, 0, 0), name
        assert Path(report["pictures"][0]).is_file()
    last = chain["int_infer"]
    assert last["integers_equal"] == 1
    assert last["integers_compared"] > 10**5
    # All that integers change in a cell they change alike: it has one value.
    assert last["checkerboard"] == pytest.approx(0, abs=1e-9)
    assert all(np.isfinite(chain[name]["epe"]) for name in chain)
    first = load_checkpoint(Path(chain["float"]["checkpoint"]))
    assert first.meta["config"]["plugins"] == ["sixteenth"]
    assert first.meta["config"]["model"]["readout"] == {"name": "median"}


def test_one_step_reaches_every_part_but_what_makes_no_difference(package: Path) -> None:
    """The loss is on the last map, the distribution and the volume, at strides of 16."""
    torch.manual_seed(0)
    network = create_network()
    output = network(*(torch.rand(2, 2, 3, 64, 128) - 0.5))
    assert output.logits.shape == (2, MAXDISP // STRIDE, 4, 8)
    assert [(each.stride, each.volume.shape[1]) for each in output.volumes] == [(STRIDE, MAXDISP // STRIDE)]
    assert output.weights.shape == (2, 1, 64, 128)
    truth = torch.full((2, 64, 128), 40.0)
    loss = build_loss(Distribution(volumes=0.5, modes=2))(output, output.disparity, truth, truth > 0)
    loss.backward()
    silent = {name for name, each in network.named_parameters() if each.grad is None or not each.grad.abs().sum()}
    assert silent == {"upsampling.logit.weight", "upsampling.logit.bias"}


@pytest.mark.long
def test_it_is_compiled_and_aligned(command: Command, compiled: dict[str, Any]) -> None:
    manifest = read_manifest(compiled["compiled"])
    assert (manifest.multiple, manifest.model.maxdisp) == (MULTIPLE, MAXDISP)
    assert compiled["gmac_size"] == PADDED
    report = command("task=align", "stage=int_infer").report
    assert report["aligned"] is True
    assert report["differences"] == []
    for engine in report["by_engine"]:
        assert (engine["differing"], engine["integers_equal"]) == (0, 1), engine["engine"]
        assert engine["disparity_logits_equal"] == engine["superpixel_logits_equal"] == 1
        assert engine["tensors"] > 20
    assert {engine["engine"] for engine in report["by_engine"]} == {"onnxruntime", "openvino"}


@pytest.mark.long
def test_it_is_timed(command: Command, compiled: dict[str, Any]) -> None:
    report = command("task=bench", "stage=int_infer", "bench.size=[65,129]", "bench.frames=2", "bench.warm_up=1").report
    assert (report["height"], report["width"]) == (128, 192)
    assert report["model"] == compiled["compiled"]


@pytest.mark.long
def test_its_program_needs_no_package(chain: Reports, compiled: dict[str, Any]) -> None:
    import torch.ao.quantization.fx._decomposed

    program = torch.export.load(compiled["program"]).module()
    left, right = (torch.randint(0, 256, (1, *PADDED, 3)).byte() for _ in range(2))
    found, _ = program(left, right)
    with se.load(chain["int_infer"]["checkpoint"], engine="torch") as model:
        wanted = model(left[0].numpy(), right[0].numpy(), scale=1).disparity
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("float", ("export.form=network",)),
        ("qat", ("export.form=network", "export.size=[80,176]", "export.batch=1")),
        ("int_infer", ("export.form=full",)),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_it_is_exported(command: Command, chain: Reports, stage: str, words: tuple[str, ...]) -> None:
    report = command("task=export", f"stage={stage}", *words).report
    assert report["checkpoint"] == chain[stage]["checkpoint"]
    assert report["parity_pairs"] == 2
    assert report["parity_max_px"] < 0.01
    graph = onnx.load(report["onnx"]).graph
    sides = [[d.dim_value or d.dim_param for d in each.type.tensor_type.shape.dim] for each in graph.input]
    assert sides[0] == {"float": ["N", 3, "H", "W"], "qat": [1, 3, 128, 192], "int_infer": ["N", "H", "W", 3]}[stage]
    assert report["gmac_size"] == ([128, 192] if stage == "qat" else [576, 960])


@pytest.mark.long
@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_tiles_and_confidence_are_those_of_the_network(chain: Reports, compiled: dict[str, Any], engine: str) -> None:
    """On every engine: what a tile shows, and how sure the read-out is of it."""
    folder = chain["int_infer"]["checkpoint"] if engine == "torch" else compiled["compiled"]
    sample = example_pair()
    left, right = sample.left[100:228], sample.right[100:228]
    least = MAXDISP + SEAM + MULTIPLE
    with se.load(chain["int_infer"]["checkpoint"], engine="torch") as model:
        wanted, sure = model(left, right, scale=1), model.maps(left, right)[1]
    with se.load(folder, engine) as model:
        whole, sureness = model(left, right, scale=1), model.maps(left, right)[1]
        tiled = model(left, right, scale=1, tile=(128, 512))
        with pytest.raises(UserError, match=f"width of a tile must be at least {least} px for matches up to {MAXDISP}"):
            model(left, right, scale=1, tile=(128, least - MULTIPLE))
    np.testing.assert_allclose(whole.disparity, wanted.disparity, atol=0.01)
    np.testing.assert_allclose(sureness, sure, atol=1e-4)
    assert sureness.min() > 1 / (MAXDISP // STRIDE) - 1e-4
    assert sureness.max() <= 1
    # By the table that the chain's calibration counted, the same everywhere.
    np.testing.assert_allclose(whole.confidence, wanted.confidence, atol=1e-3)
    # A cell's pixels have one value.
    cells = whole.disparity[:, :960].reshape(8, STRIDE, 60, STRIDE)
    assert np.ptp(cells, axis=(1, 3)).max() < 1e-3
    # In the middle of the first tile the network sees what it sees of the whole.
    np.testing.assert_allclose(tiled.disparity[:, :256], whole.disparity[:, :256], atol=0.01)
    assert tiled.disparity.shape == whole.disparity.shape == left.shape[:2]
    assert np.isfinite(tiled.disparity).all()


@pytest.mark.long
def test_it_predicts_and_is_evaluated(command: Command, compiled: dict[str, Any], tmp_path: Path) -> None:
    report = command("task=infer", "stage=int_infer", f"infer.out={tmp_path}").report
    assert report["stage"] == "int_infer"
    assert 0 <= report["disparity_min"] <= report["disparity_max"] < MAXDISP
    scores = [
        command("task=eval", "stage=int_infer", "eval.scale=1", f"engine={engine}").report
        for engine in ("torch", "onnxruntime", "openvino")
    ]
    assert [each["engine"].split()[0] for each in scores] == ["torch", "onnxruntime", "openvino"]
    assert all(each["epe"] == pytest.approx(scores[0]["epe"], abs=1e-3) for each in scores)
    assert StereoModel(compiled["compiled"]).manifest.multiple == MULTIPLE
