"""Checkpoints of format 1: what they call things is said in today's words, and what is damaged in them is told."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from stereo_exp.base.errors import CheckpointError, UserError
from stereo_exp.model.checkpoint import FORMAT, FORMER, load_checkpoint, read_meta, save_checkpoint
from stereo_exp.model.former import GRAPH, rename, rename_pattern, update
from stereo_exp.suite.build import build_network, quantize_network
from stereo_exp.suite.restore import network_of, restore

KEPT = Path(__file__).resolve().parents[1] / "checkpoints"
STAGES = ("float", "calib", "qat", "int_infer")

RENAMED = {
    "head.final.weight": "aggregation.final.weight",
    "head.aggregation.5.cross.0.1.project.0.bias": "aggregation.stages.5.cross.0.1.project.0.bias",
    "head.correlation.2": "volume.correlation.2",
    "head.mod1.0.weight": "upsampling.mod1.0.weight",
    "head.mod2.1.running_var": "upsampling.mod2.1.running_var",
    "head.superpixel.spx_8.0.0.weight": "upsampling.spx_8.0.0.weight",
    # As they stand in files: of a network, its average, its optimiser, a graph.
    "model/head.final.weight": "model/aggregation.final.weight",
    "ema/head.mod1.0.weight": "ema/upsampling.mod1.0.weight",
    "optim/head.aggregation.0.intra.0.branch.0.0.weight/exp_avg": (
        "optim/aggregation.stages.0.intra.0.branch.0.0.weight/exp_avg"
    ),
    "model/trunk.head.superpixel.spx.0.bias": "model/trunk.upsampling.spx.0.bias",
    # Quantisers, whose names have hyphens.
    "model/trunk.quant.head-final-weight.scale": "model/trunk.quant.aggregation-final-weight.scale",
    "model/trunk.quant.head-aggregation-1-act-2.log_scale": "model/trunk.quant.aggregation-stages-1-act-2.log_scale",
    "model/trunk.quant.head-superpixel-spx_4-add.zero_point": "model/trunk.quant.upsampling-spx_4-add.zero_point",
    # Patterns of `quant.lift`.
    "head.final.*": "aggregation.final.*",
    "head.aggregation.*.weight": "aggregation.stages.*.weight",
}
KEPT_NAMES = [
    "", "head", "left", "neck.add", "model/backbone.stem.0.weight", "rng/cpu", "model/ahead.final.weight",
    "overhead.mod1", "backbone.head.final.weight", "model/backbone.head.mod1.weight", "head.finals.weight",
    "head.other.weight", "head_final_weight", "optim/backbone.stem.0.weight/step", "head-finals",
    "aggregation.final.weight",
]  # fmt: skip


@pytest.mark.parametrize(("former", "new"), RENAMED.items())
def test_a_former_name_is_said_anew(former: str, new: str) -> None:
    assert rename(former) == new
    assert rename(new) == new, "today's names stay"


@pytest.mark.parametrize("name", KEPT_NAMES)
def test_other_names_stay(name: str) -> None:
    assert rename(name) == name


@given(st.text(max_size=30))
def test_whatever_is_no_name_of_the_head_stays(name: str) -> None:
    assert rename(name) == name or "head" in name


LABELS = ["left", "neck.add", "volume.correlation.0.mul", "aggregation.final.weight", "upsampling.mod1.0.weight"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("left", ["left"]),
        ("head.final.weight", ["aggregation.final.weight"]),
        ("head.*", ["volume.*", "aggregation.*", "upsampling.*"]),
        ("head.*.weight", ["aggregation.*.weight", "upsampling.*.weight"]),
        ("head.*.mul", ["volume.*.mul"]),
        ("head.*.nothing", ["head.*.nothing"]),
        ("*.final.*", ["*.final.*"]),
    ],
)
def test_a_pattern_of_the_whole_head_becomes_one_for_each_part(pattern: str, found: list[str]) -> None:
    assert rename_pattern(pattern, LABELS) == found


def stored(stage: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """JSON and tensors of a kept checkpoint, as they lie in the file."""
    with safe_open(str(KEPT / f"{stage}.safetensors"), framework="pt") as file:
        names = list(file.keys())
        metadata = file.metadata()
        assert metadata["format"] == FORMER
        return json.loads(metadata["json"]), {name: file.get_tensor(name) for name in names}


def written(path: Path, meta: Any, tensors: dict[str, torch.Tensor]) -> Path:
    """A file of format 1."""
    save_file(tensors, path, metadata={"format": FORMER, "json": json.dumps(meta)})
    return path


@pytest.mark.parametrize("stage", STAGES)
def test_tensors_keep_their_values(stage: str) -> None:
    _, tensors = stored(stage)
    checkpoint = load_checkpoint(KEPT / f"{stage}.safetensors")
    assert len(checkpoint.tensors) == len(tensors)
    assert sum("head" in name for name in tensors) > 100
    assert not [name for name in checkpoint.tensors if "head" in name]
    for name, tensor in tensors.items():
        assert torch.equal(checkpoint.tensors[rename(name)], tensor), name


@pytest.mark.parametrize("stage", STAGES)
def test_the_network_is_described_by_todays_nodes(stage: str) -> None:
    meta, _ = stored(stage)
    found = read_meta(KEPT / f"{stage}.safetensors")
    assert found == load_checkpoint(KEPT / f"{stage}.safetensors").meta
    assert meta["config"]["model"]["head"] == {"name": "aanet_spx", "hidden": 8, "num_modules": 2}
    model = found["config"]["model"]
    assert {key: model[key] for key in model if key not in ("name", "maxdisp", "backbone", "neck")} == {
        "volume": {"name": "pyramid"},
        "aggregation": {"name": "adaptive", "num_modules": 2},
        "upsampling": {"name": "deconvolution", "hidden": 8},
        "readout": {"name": "expectation"},
    }
    assert {key: value for key, value in found.items() if key not in ("config", GRAPH)} == {
        key: value for key, value in meta.items() if key not in ("config", GRAPH)
    }
    unchanged = ("backbone", "neck", "maxdisp", "name")
    assert {key: model[key] for key in unchanged} == {key: meta["config"]["model"][key] for key in unchanged}
    network = network_of(found).model
    assert (network.volume.stride, network.volume.coarsest, network.multiple) == (8, 32, 32)


def test_the_graph_is_the_one_that_an_export_gives() -> None:
    """Row by row: calls, and the paths of the modules that made them."""
    from stereo_exp.quant.trunk import describe

    meta, _ = stored("int_infer")
    rows = load_checkpoint(KEPT / "int_infer.safetensors").meta[GRAPH]
    assert len(rows) == len(meta[GRAPH])
    changed = [(old, new) for old, new in zip(meta[GRAPH], rows, strict=True) if old != new]
    assert len(changed) > 100
    assert not [row for row in rows if any(isinstance(word, str) and word.startswith("head") for word in row[2:])]
    for old, new in changed:
        assert [a for a, b in zip(old, new, strict=True) if a != b] in ([old[2]], [old[-1]]), (
            "one word of a row at most"
        )
    config = network_of(load_checkpoint(KEPT / "int_infer.safetensors").meta)
    fresh = describe(quantize_network(build_network(config.model), config.quant).trunk)
    assert parameters_of(rows) == parameters_of(fresh)
    # Quantisers are called after the modules of these; what only moves values gives no name.
    for operator in ("aten.conv2d.default", "aten.relu.default", "aten.mul.Tensor", "aten.upsample_bilinear2d.vec"):
        assert makers_of(rows, operator) == makers_of(fresh, operator)


def parameters_of(rows: list[Any]) -> list[str]:
    return sorted(row[2] for row in rows if row[1] == "parameter")


def makers_of(rows: list[Any], operator: str) -> list[str]:
    found = sorted(row[4] for row in rows if row[1] == "call" and row[2] == operator)
    assert found
    return found


@pytest.mark.parametrize(
    ("former", "new"),
    [
        (["head.final.weight"], ["aggregation.final.weight"]),
        (["head.aggregation.1.*", "left"], ["aggregation.stages.1.*", "left"]),
        (["head.*"], ["volume.*", "aggregation.*", "upsampling.*"]),
    ],
)
def test_lifted_tensors_stay_lifted(tmp_path: Path, former: list[str], new: list[str]) -> None:
    """In the JSON alone as in the whole checkpoint; every pattern names tensors of the network that comes of it."""
    meta, tensors = stored("calib")
    meta["config"]["quant"]["lift"] = former
    path = written(tmp_path / "c.safetensors", meta, tensors)
    assert read_meta(path)["config"]["quant"]["lift"] == new
    checkpoint = load_checkpoint(path)
    assert checkpoint.meta["config"]["quant"]["lift"] == new
    from stereo_exp.quant import Quantiser

    lifted = [q.label for q in restore(checkpoint).quantizers(Quantiser) if getattr(q, "numbers", None).bits == 16]
    assert lifted


def test_a_training_of_format_1_goes_on(tmp_path: Path) -> None:
    """Averages and the optimiser's moments find their parameters."""
    meta, tensors = stored("float")
    state = {name.removeprefix("model/"): tensor for name, tensor in tensors.items()}
    moments = {f"optim/{name}/exp_avg": t.clone() for name, t in state.items() if name.endswith(".weight")}
    path = written(tmp_path / "last.safetensors", meta, {**tensors, **moments, "rng/cpu": torch.get_rng_state()})
    checkpoint = load_checkpoint(path)
    network = restore(checkpoint)
    parameters = dict(network.named_parameters())
    found = checkpoint.part("optim")
    assert len(found) == len(moments)
    for name, tensor in found.items():
        assert torch.equal(parameters[name.removesuffix("/exp_avg")], tensor)


def test_what_is_written_again_has_todays_format(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(KEPT / "int_infer.safetensors")
    meta = {key: value for key, value in checkpoint.meta.items() if key != "format"}
    save_checkpoint(tmp_path / "new.safetensors", meta, {"model": checkpoint.part("model")})
    with safe_open(str(tmp_path / "new.safetensors"), framework="pt") as file:
        assert file.metadata()["format"] == FORMAT
    again = load_checkpoint(tmp_path / "new.safetensors")
    assert again.meta == {**checkpoint.meta, "format": FORMAT}
    assert again.tensors.keys() == checkpoint.tensors.keys()


def test_todays_checkpoints_are_read_as_they_are(tmp_path: Path) -> None:
    """A plug-in's own tensor may have a name of before."""
    meta = {key: value for key, value in stored("float")[0].items() if key != "format"}
    save_checkpoint(tmp_path / "c.safetensors", meta, {"model": {"head.final.weight": torch.ones(1)}})
    checkpoint = load_checkpoint(tmp_path / "c.safetensors")
    assert list(checkpoint.tensors) == ["model/head.final.weight"]
    assert checkpoint.meta["config"] == meta["config"]


DAMAGE: dict[str, Any] = {
    "no config": {"config": None},
    "config is a number": {"config": 7},
    "config is a list": {"config": [["model", 1]]},
    "config is a word": {"config": "model"},
    "config is empty": {"config": {}},
    "no model": {"config": {"quant": {}}},
    "model is a list": {"config": {"model": [1], "quant": {}}},
    "head is a word": {"config": {"model": {"name": "stereonetplus", "head": "aanet_spx"}, "quant": {}}},
    "head without a name": {"config": {"model": {"name": "stereonetplus", "head": {}}, "quant": {}}},
    "head's name is a list": {
        "config": {"model": {"name": "stereonetplus", "head": {"name": ["aanet_spx"]}}, "quant": {}}
    },
    "backbone is a number": {"config": {"model": {"name": "stereonetplus", "backbone": 7}, "quant": {}}},
    "head of a stranger": {"config": {"model": {"name": "stereonetplus", "head": {"name": "mine"}}, "quant": {}}},
    "quant is a list": {"config": {"model": {"name": "stereonetplus"}, "quant": ["lift"]}},
    "lift holds numbers": {"config": {"model": {"name": "stereonetplus"}, "quant": {"lift": [1, None, ["head.*"]]}}},
    "graph is a number": {"config": {}, GRAPH: 7},
    "graph holds numbers": {"config": {}, GRAPH: [1, None, "head", [None, ["head"], {"head": 1}]]},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_json_stays_for_whoever_reads_it(damage: str) -> None:
    meta = {"stage": "float", **DAMAGE[damage]}
    before = copy.deepcopy(meta)
    update(meta, [])
    assert meta == before, "what was given stays as it is"


@pytest.mark.parametrize(
    ("stage", "damage"),
    # A float checkpoint holds no graph.
    [("int_infer", damage) for damage in DAMAGE] + [("float", damage) for damage in DAMAGE if "graph" not in damage],
)
def test_damaged_json_is_refused_in_one_line(tmp_path: Path, damage: str, stage: str) -> None:
    meta, tensors = stored(stage)
    meta |= {GRAPH: DAMAGE[damage][GRAPH]} if "graph" in damage else DAMAGE[damage]
    with pytest.raises(UserError) as caught:
        restore(load_checkpoint(written(tmp_path / "c.safetensors", meta, tensors)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"model"', '{"stage": "float"}'])
def test_a_header_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.safetensors"
    save_file({"model/head.final.weight": torch.ones(1)}, path, metadata={"format": FORMER, "json": text})
    with pytest.raises(CheckpointError, match="its header lacks"):
        load_checkpoint(path)
