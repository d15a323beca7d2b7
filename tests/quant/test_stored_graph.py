"""The exported graph in a checkpoint: the same network without an export, and nothing else gets in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import outputs, same, small_config

from stereo_exp import weights
from stereo_exp.base.errors import CheckpointError
from stereo_exp.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from stereo_exp.model.former import GRAPH
from stereo_exp.quant.network import QuantisedStereoNet, convert
from stereo_exp.quant.state import integer_state
from stereo_exp.quant.trunk import describe
from stereo_exp.suite.build import build_network, quantize_network
from stereo_exp.suite.restore import network_of, restore, restore_model

Calibrated = Callable[..., QuantisedStereoNet]
RELEASED = weights.FOLDER / weights.RELEASES[weights.PUBLISHED]["int_infer"]
NETWORKS = [
    (),
    ("model/backbone=mobilenetv2",),
    ("quant/target=affine",),
    ("quant.lift=[aggregation.final.*]", "quant.lift_bits=10"),
]


class Exported(Exception):
    """`torch.export` was called."""


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.export.export` raises."""

    def refuse(*_: Any, **__: Any) -> None:
        raise Exported

    monkeypatch.setattr(torch.export, "export", refuse)


def written(path: Path, network: QuantisedStereoNet, rows: Any, *overrides: str) -> Checkpoint:
    config = asdict(small_config(*overrides))
    meta = {"stage": "int_infer", "step": 1, "num_steps": 1, "config": config, "run_id": None, GRAPH: rows}
    save_checkpoint(path, meta, {"model": integer_state(network)})
    return load_checkpoint(path)


@pytest.mark.usefixtures("no_export")
def test_the_released_network_is_restored_without_an_export() -> None:
    network, checkpoint = restore_model(RELEASED, torch.device("cpu"))
    assert checkpoint.meta["stage"] == "int_infer"
    assert network.trunk is not None
    with pytest.raises(Exported):
        theirs = network_of(checkpoint.meta)
        quantize_network(build_network(theirs.model), theirs.quant)


@pytest.mark.parametrize("overrides", NETWORKS, ids=" ".join)
def test_the_same_network_comes_back(
    calibrated: Calibrated, tmp_path: Path, request: pytest.FixtureRequest, overrides: tuple[str, ...]
) -> None:
    network = calibrated(*overrides)
    rows = describe(network.trunk)
    request.getfixturevalue("no_export")
    checkpoint = written(tmp_path / "c.safetensors", network, rows, *overrides)
    back = restore(checkpoint).eval()
    assert describe(back.trunk) == rows
    assert [str(n.format_node()) for n in back.trunk.graph.nodes] == [
        str(n.format_node()) for n in network.trunk.graph.nodes
    ]
    assert same(outputs(back), outputs(network))
    assert same(outputs(convert(back)), outputs(convert(network)))


@pytest.mark.long
def test_the_released_graph_computes_what_an_export_does() -> None:
    checkpoint = load_checkpoint(RELEASED)
    old = Checkpoint({k: v for k, v in checkpoint.meta.items() if k != GRAPH}, checkpoint.tensors, checkpoint.path)
    stored, exported = (convert(restore(c)).eval() for c in (checkpoint, old))
    pair = [torch.randint(-128, 128, (1, 3, 96, 160), generator=torch.Generator().manual_seed(i)) / 128 for i in (0, 1)]
    with torch.no_grad():
        for found, wanted in zip(stored.trunk(*pair), exported.trunk(*pair), strict=True):
            assert torch.equal(found, wanted)


def first(rows: list[list[Any]], operator: str) -> list[Any]:
    """The first call of an operator."""
    return next(row for row in rows if row[1] == "call" and row[2] == operator)


DAMAGE: dict[str, Callable[[list[Any]], Any]] = {
    "no rows": lambda rows: rows.clear(),
    "row gone": lambda rows: rows.remove(first(rows, "aten.relu.default")),
    "half of it": lambda rows: rows.__delitem__(slice(len(rows) // 2, None)),
    "no output": lambda rows: rows.pop(),
    "row twice": lambda rows: rows.insert(3, rows[3]),
    "not a row": lambda rows: rows.insert(3, 7),
    "short row": lambda rows: first(rows, "aten.conv2d.default").pop(),
    "unknown kind": lambda rows: rows.insert(3, ["x", "call_module", "backbone"]),
    "name with code": lambda rows: rows[0].__setitem__(0, "x = print(1)"),
    "operator of others": lambda rows: first(rows, "aten.relu.default").__setitem__(2, "aten.sigmoid.default"),
    "function": lambda rows: first(rows, "aten.relu.default").__setitem__(2, "os.system"),
    "strange parameter": lambda rows: next(r for r in rows if r[1] == "parameter").__setitem__(
        2, "aggregation.__class__"
    ),
    "strange module": lambda rows: first(rows, "aten.relu.default").__setitem__(4, "nowhere"),
    "other node": lambda rows: first(rows, "aten.relu.default")[3].__setitem__(0, "nowhere"),
    "other stride": lambda rows: first(rows, "aten.conv2d.default")[3].__setitem__(3, [3, 3]),
    "other slope": lambda rows: first(rows, "aten.leaky_relu.default")[3].__setitem__(1, 0.7),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.usefixtures("no_export")
def test_a_damaged_graph_is_refused_in_one_line(
    small_checkpoint: Checkpoint, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(json.dumps(small_checkpoint.meta[GRAPH]))
    DAMAGE[damage](rows)
    refused(Checkpoint({**small_checkpoint.meta, GRAPH: rows}, small_checkpoint.tensors, small_checkpoint.path))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("rows", [7, "graph", {}, [[]], [None]], ids=str)
@pytest.mark.usefixtures("no_export")
def test_what_is_no_graph_is_refused(small_checkpoint: Checkpoint, rows: Any) -> None:
    refused(Checkpoint({**small_checkpoint.meta, GRAPH: rows}, small_checkpoint.tensors, small_checkpoint.path))


@pytest.mark.usefixtures("no_export")
def test_the_graph_of_another_network_is_refused(small_checkpoint: Checkpoint) -> None:
    rows = load_checkpoint(RELEASED).meta[GRAPH]
    refused(Checkpoint({**small_checkpoint.meta, GRAPH: rows}, small_checkpoint.tensors, small_checkpoint.path))


@pytest.fixture(scope="session")
def small_checkpoint(calibrated: Calibrated, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """An integer network with its graph."""
    network = calibrated()
    return written(tmp_path_factory.mktemp("stored") / "c.safetensors", network, describe(network.trunk))


def refused(checkpoint: Checkpoint) -> None:
    """Restoring names the file and the graph, in one line."""
    with pytest.raises(CheckpointError, match="holds a graph that is not of its network") as caught:
        restore(copy.copy(checkpoint))
    assert "\n" not in str(caught.value)
    assert str(checkpoint.path) in str(caught.value)
