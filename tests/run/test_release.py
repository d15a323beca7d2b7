"""`release` in place of a path: the weights that come with the package, when they step in, and how they are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stereo_exp import weights
from stereo_exp.base.errors import CheckpointError
from stereo_exp.config import bind
from stereo_exp.config.schema import STAGES
from stereo_exp.geometry.sizing import Sizing
from stereo_exp.model.checkpoint import BEST, lineage_of, load_checkpoint, read_meta, save_checkpoint, sizing_of
from stereo_exp.model.former import GRAPH
from stereo_exp.suite.publish import main as make_release
from stereo_exp.suite.publish import publish
from stereo_exp.suite.restore import nearest_release, network_difference, network_of, restore
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_checkpoint, find_start

Make = Callable[..., RunContext]
FILES = weights.RELEASES[weights.PUBLISHED]
FLOAT, INT = (weights.FOLDER / FILES[stage] for stage in ("float", "int_infer"))
SLIM = "model/backbone=mixvargenet_slim"
SLIM_FLOAT, SLIM_INT = (weights.FOLDER / weights.RELEASES[weights.SLIM][stage] for stage in ("float", "int_infer"))


def leave_checkpoint(context: RunContext, lineage: tuple[dict[str, Any], ...] = ()) -> Path:
    meta = {"stage": context.config.stage, "step": 1, "num_steps": 1, "config": context.config_dict(), "run_id": None}
    path = context.dir / BEST
    save_checkpoint(path, {**meta, "lineage": list(lineage)}, {"model": {"w": torch.zeros(1)}})
    return path


@pytest.mark.parametrize(("stage", "path"), [("float", FLOAT), ("int_infer", INT)])
def test_release_by_name_wins_over_runs(make_context: Make, stage: str, path: Path) -> None:
    leave_checkpoint(make_context("name=a", f"stage={stage}"))
    assert find_checkpoint(make_context("name=a", f"stage={stage}", "checkpoint=release")).path == path


@pytest.mark.parametrize(("stage", "path"), [("float", SLIM_FLOAT), ("int_infer", SLIM_INT)])
@pytest.mark.parametrize("asked", [("checkpoint=release", "name=a"), ()], ids=["by name", "stepping in"])
def test_the_configured_network_says_which_release(
    make_context: Make, stage: str, path: Path, asked: tuple[str, ...]
) -> None:
    assert find_checkpoint(make_context(SLIM, f"stage={stage}", *asked)).path == path


@pytest.mark.parametrize(
    ("words", "path"),
    [((SLIM,), SLIM_FLOAT), (("model.backbone.expansion=[1,1,2,2,2]",), FLOAT), ((), FLOAT)],
    ids=["released itself", "narrower than the published", "published"],
)
def test_which_release_a_chain_begins_at(make_context: Make, words: tuple[str, ...], path: Path) -> None:
    assert find_start(make_context(*words, "name=a", "init_from=release")) == path


@pytest.mark.parametrize("network", weights.RELEASES)
def test_every_release_is_nearest_to_itself(network: str) -> None:
    theirs = network_of(read_meta(weights.FOLDER / weights.RELEASES[network]["float"]))
    assert nearest_release(theirs.model, theirs.quant) == network


def test_the_option_of_the_slim_network_composes_the_released_one(make_context: Make) -> None:
    config = make_context(SLIM).config
    assert network_difference(read_meta(SLIM_FLOAT), config.model, config.quant) is None


def test_only_float_training_narrows(make_context: Make) -> None:
    with pytest.raises(CheckpointError, match=r"model\.backbone\.expansion"):
        find_start(make_context("model.backbone.expansion=[1,1,2,2,2]", "stage=calib", "init_from=release"))


def test_stages_behind_take_what_began_at_the_slim_release(make_context: Make) -> None:
    began = {"stage": "float", "checkpoint": str(SLIM_FLOAT)}
    path = leave_checkpoint(make_context(SLIM, "name=a", "stage=calib"), (began,))
    assert find_start(make_context(SLIM, "name=a", "stage=qat", "init_from=release")) == path


@pytest.mark.parametrize("stage", ["calib", "qat"])
def test_stages_that_are_not_released(make_context: Make, stage: str) -> None:
    with pytest.raises(CheckpointError, match=f"checkpoint=release: no weights of stage={stage} are released"):
        find_checkpoint(make_context(f"stage={stage}", "checkpoint=release"))


@pytest.mark.parametrize(("stage", "path"), [("float", FLOAT), ("int_infer", INT)])
def test_release_steps_in_where_there_is_nothing(make_context: Make, stage: str, path: Path) -> None:
    found = find_checkpoint(make_context(f"stage={stage}"))
    assert (found.path, found.why) == (path, f"there is no {stage} checkpoint of name=stereonetplus")
    typed = find_checkpoint(make_context(f"stage={stage}", "name=stereonetplus"))
    assert typed.path == path, "as messages tell to type"
    own = leave_checkpoint(make_context(f"stage={stage}"))
    assert find_checkpoint(make_context(f"stage={stage}")).path == own


@pytest.mark.parametrize(
    "words",
    [("name=mistyped",), ("experiment=sceneflow_reference", "dataset.root=/data"), ("experiment=smoke",),
     ("model.maxdisp=96",), ("stage=int_infer", "quant/target=affine"), ("stage=qat",)],
    ids=" ".join,
)  # fmt: skip
def test_release_does_not_step_in_for_another_run_network_or_stage(make_context: Make, words: tuple[str, ...]) -> None:
    with pytest.raises(CheckpointError, match="make one with: python -m stereo_exp stage="):
        find_checkpoint(make_context(*words))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("model.maxdisp=96",), "model.maxdisp=96: .* add model.maxdisp=192"),
        (
            ("model/backbone=mobilenetv2",),
            "name=mobilenetv2: .* add model/backbone=mixvargenet or",
        ),
        (("stage=int_infer", "quant/target=affine"), "quant/target=affine: .* add quant/target=pow2"),
        (("model.maxdisp=96", SLIM), "model.maxdisp=96: .* add model.maxdisp=192"),
        (("stage=int_infer", "quant/target=affine", SLIM), "quant/target=affine: .* add quant/target=pow2"),
        (("model.backbone.width=0.5", SLIM), r"model\.backbone\.width=0\.5: .* add model\.backbone\.width=1\.0"),
    ],
)
@pytest.mark.parametrize("key", ["checkpoint", "init_from"])
def test_release_for_another_network(make_context: Make, key: str, words: tuple[str, ...], told: str) -> None:
    if key == "init_from" and "stage=int_infer" in words:
        pytest.skip("int_infer does not start from it")
    find = find_checkpoint if key == "checkpoint" else find_start
    with pytest.raises(CheckpointError, match=told):
        find(make_context(*words, f"{key}=release"))


def test_weights_that_are_not_there(make_context: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr("stereo_exp.suite.runs.find.FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoint=release: the released weights are missing.*install"):
        find_checkpoint(make_context("checkpoint=release"))
    with pytest.raises(CheckpointError, match="make one with") as caught:
        find_checkpoint(make_context())
    assert "release" not in str(caught.value)


@pytest.mark.parametrize("stage", ["float", "calib"])
def test_start_of_a_chain(make_context: Make, stage: str) -> None:
    leave_checkpoint(make_context("name=a", "stage=float"))
    assert find_start(make_context("name=a", f"stage={stage}", "init_from=release")) == FLOAT


def test_calibrating_the_release_tells_of_weights_trained_on_from_it(
    make_context: Make, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("name=a", "init_from=release")
    leave_checkpoint(make_context("name=a", "stage=float"))
    assert find_start(make_context(*words, "stage=calib")) == FLOAT
    assert "leave init_from out" not in caplog.text, "that one began elsewhere"
    trained = leave_checkpoint(make_context(*words, "stage=float"), ({"stage": "float", "checkpoint": str(FLOAT)},))
    assert find_start(make_context(*words, "stage=calib")) == FLOAT
    assert f"not from {trained}" in caplog.text
    assert "leave init_from out" in caplog.text
    assert find_start(make_context("name=a", "stage=calib")) == trained


def test_a_float_run_starts_from_nothing_unless_told(make_context: Make) -> None:
    assert find_start(make_context()) is None


def test_calibration_without_float_names_both_ways(make_context: Make) -> None:
    with pytest.raises(CheckpointError, match=r"make one with: .*stage=float.*init_from=release.*init_from=FILE"):
        find_start(make_context("stage=calib"))
    with pytest.raises(CheckpointError) as caught:
        find_start(make_context("stage=calib", "model.maxdisp=96"))
    assert "release" not in str(caught.value), "they are of another network"


def test_in_a_sweep_calibration_takes_the_float_run_that_began_at_release(make_context: Make) -> None:
    words = ("name=a", "init_from=release")
    first = leave_checkpoint(make_context(*words, "stage=float", folder="sweep/t/0_float", in_sweep=True))
    leave_checkpoint(make_context(*words, "stage=float"))
    calib = make_context(*words, "stage=calib", folder="sweep/t/1_calib", in_sweep=True)
    found = find_start(calib)
    assert found is not None
    assert found.samefile(first)


@pytest.mark.parametrize(("before", "stage"), [("calib", "qat"), ("calib", "int_infer"), ("qat", "int_infer")])
def test_stages_behind_take_what_began_at_release(make_context: Make, before: str, stage: str) -> None:
    elsewhere = {"stage": "float", "checkpoint": "/a/best.safetensors"}
    context = make_context("name=a", f"stage={stage}", "init_from=release")
    leave_checkpoint(make_context("name=a", f"stage={before}"), (elsewhere,))
    with pytest.raises(CheckpointError, match=r"began at the released weights; make one with: .* init_from=release"):
        find_start(context)
    began = {"stage": "float", "checkpoint": str(FLOAT)}
    path = leave_checkpoint(make_context("name=a", f"stage={before}"), (began,))
    leave_checkpoint(make_context("name=a", f"stage={before}"), (elsewhere,))
    assert find_start(context) == path


@pytest.mark.parametrize("path", [FLOAT, INT, SLIM_FLOAT, SLIM_INT], ids=lambda p: p.name)
def test_released_files_hold_weights_and_facts_only(path: Path) -> None:
    meta = read_meta(path)
    bind(meta["config"])
    text = json.dumps(meta)
    assert '"/' not in text
    assert "sqlite" not in text
    assert meta["run_id"] is None
    assert all(name.startswith("model/") for name in load_checkpoint(path).tensors)


def test_both_are_one_network_with_the_default_configuration(make_context: Make) -> None:
    assert set(FILES) <= set(STAGES)
    for stage in FILES:
        find_checkpoint(make_context(f"stage={stage}", "checkpoint=release"))


@pytest.mark.long
@pytest.mark.parametrize("network", weights.RELEASES)
def test_the_tool_makes_what_it_reads(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a run's checkpoint: paths, stores and ids go, recipe and weights stay, to the last bit."""
    sources, files = {}, weights.RELEASES[network]
    for stage, path in ((stage, weights.FOLDER / file) for stage, file in files.items()):
        checkpoint = load_checkpoint(path)
        config = {**checkpoint.meta["config"], "root": "/home/me/outputs", "init_from": "/home/me/x.safetensors"}
        config["dataset"] = {**config["dataset"], "root": "/mnt/shapes"}
        config["tracker"] = {"name": "mlflow", "uri": "sqlite:////home/me/mlflow.db", "experiment": "e"}
        lineage = [
            {
                "stage": "float", "epe": 2.0, "step": 3, "run_id": "abc", "checkpoint": "/home/me/f.safetensors",
                "history": [{"stage": "float", "epe": 4.0, "step": 9}],
            }
        ]  # fmt: skip
        sources[stage] = tmp_path / f"{stage}.safetensors"
        meta = {**checkpoint.meta, "config": config, "run_id": "abc", "lineage": lineage}
        # As runs left it before checkpoints held their graph.
        meta.pop(GRAPH, None)
        save_checkpoint(sources[stage], meta, {"model": checkpoint.part("model")})
    words = ["weights", *map(str, sources.values()), "--commit", "c0ffee", "--out", str(tmp_path / "out")]
    words += [] if network == weights.PUBLISHED else ["--network", network, "--sizing", "250000", "1.2", "1.5"]
    monkeypatch.setattr("sys.argv", words)
    make_release()
    for stage, path in sources.items():
        made, source = load_checkpoint(tmp_path / "out" / files[stage]), load_checkpoint(path)
        text = json.dumps(made.meta)
        assert "/home/me" not in text
        assert "/mnt" not in text
        assert "abc" not in text
        assert made.meta["commit"] == "c0ffee"
        assert sizing_of(made) == (Sizing() if network == weights.PUBLISHED else Sizing(250_000, 1.2, 1.5))
        # With what lay before released weights that it began at.
        history = [{"stage": "float", "step": 9, "epe": 4.0}, {"stage": "float", "step": 3, "epe": 2.0}]
        assert made.meta["history"] == history
        # So that what starts from it finds the released float network at the beginning of its chain.
        assert [(link["checkpoint"], link["history"]) for link in lineage_of(made)] == [(str(made.path), history)]
        for key in ("optim", "loss", "loader", "model", "quant", "augment"):
            assert made.meta["config"][key] == source.meta["config"][key]
        released = load_checkpoint(weights.FOLDER / files[stage]).meta.get(GRAPH)
        assert _operators(made.meta.get(GRAPH)) == _operators(released)
        assert made.tensors.keys() == source.tensors.keys()
        assert all(torch.equal(made.tensors[k], source.tensors[k]) for k in made.tensors)


def _operators(rows: list[list[Any]] | None) -> list[tuple[str, str]] | None:
    """What computes, and which module it is of, in any order: the graphs that were released are of a time when parts
    came in another one, and cut views apart elsewhere."""
    calls = [row for row in rows or () if row[1] == "call" and row[4] is not None and "slice" not in row[2]]
    return None if rows is None else sorted((row[2], row[4]) for row in calls)


def test_weights_of_a_training_that_goes_on_take_half_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "campaign.safetensors"
    monkeypatch.setattr("sys.argv", ["weights", str(FLOAT), "--weights", str(made), "--commit", "c0ffee"])
    make_release()
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"file": str(made), "bytes": made.stat().st_size}
    assert made.stat().st_size < 0.6 * FLOAT.stat().st_size
    found, source = restore(load_checkpoint(made)).state_dict(), restore(load_checkpoint(FLOAT)).state_dict()
    for name, value in source.items():
        assert found[name].dtype == value.dtype
        # To 11 bits of a kernel; to the last bit of what belongs to a channel.
        bound = 2.0**-11 * value.abs() + 2.0**-24 if value.ndim > 1 else torch.zeros(())
        assert torch.all((found[name] - value).abs() <= bound), name
    monkeypatch.setattr("sys.argv", ["weights", str(FLOAT), str(INT), "--weights", str(made)])
    with pytest.raises(SystemExit):
        make_release()
    assert "give one checkpoint beside --weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [("swapped", "is a int_infer checkpoint, not float"), ("slim", "of the slim network.*--network slim"),
     ("last", "holds the state of training"),
     ("target", "quant/target=affine"), ("network", "maxdisp is 96")],
)  # fmt: skip
def test_what_cannot_be_released(tmp_path: Path, change: str, told: str) -> None:
    sources = {"float": FLOAT, "int_infer": INT}
    if change == "swapped":
        sources = {"float": INT, "int_infer": FLOAT}
    elif change == "slim":
        sources = {"float": SLIM_FLOAT, "int_infer": SLIM_INT}
    else:
        broken = load_checkpoint(INT)
        config = broken.meta["config"]
        if change == "target":
            config["quant"]["target"]["name"] = "affine"
        if change == "network":
            config["model"]["maxdisp"] = 96
        parts = {"model": broken.part("model")} | ({"rng": {"cpu": torch.zeros(1)}} if change == "last" else {})
        sources["int_infer"] = tmp_path / "broken.safetensors"
        save_checkpoint(sources["int_infer"], broken.meta, parts)
    with pytest.raises(CheckpointError, match=told):
        publish(sources, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
