"""`replay=RUN` of a folder that a stranger made: its values come back, and nothing else of it does anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from composing import composed
from in_process import Outcome, run_in_process
from omegaconf import OmegaConf

from stereo_exp.config import bind

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A function from overrides to a run's folder, as the run would have left it, below `place`."""

    def make(*overrides: str, place: str = "outputs", name: str = "smoke", **changes: Any) -> Path:
        plain = asdict(bind(composed("experiment=smoke", "tracker=none", f"name={name}", *overrides)))
        for key, value in changes.items():
            *above, leaf = key.split("__")
            node = plain
            for each in above:
                node = node[each]
            node[leaf] = value
        run = tmp_path / place / name / "float" / "20260101-000000"
        (run / ".hydra").mkdir(parents=True)
        (run / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(plain)))
        facts = {"name": name, "task": "train", "stage": "float", "overrides": list(overrides)}
        (run / "run.json").write_text(json.dumps(facts))
        return run

    return make


def shown(*arguments: str) -> dict[str, Any]:
    """What a command line composes."""
    outcome = run_in_process(*arguments, "--cfg", "job", "--resolve")
    assert outcome.code == 0, outcome.err
    return yaml.safe_load(outcome.out)


NOT_COMPARED = ("root", "allow_pipe")


def recorded(run: Path) -> dict[str, Any]:
    found = yaml.safe_load((run / "config.yaml").read_text())
    return {key: value for key, value in found.items() if key not in NOT_COMPARED}


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("stage=qat", "task=eval", "quant/target=affine", "optim=adamw", "loss=smooth_l1"),
        ("model=quarternet_tiny", "model.volume.groups=4", "augment=realworld", "augment.jpeg.quality_min=20"),
        ("task=infer", "infer.min_confidence=0.5", "engine=torch", "compile/device=journey5_like"),
        ("dataset=mix", "~dataset.parts.sceneflow", "~dataset.weights.sceneflow", "+dataset@dataset.parts.k=kitti2015",
         "dataset.parts.k.root=/data/kitti"),
        ("dataset=pairs", "dataset.root=/data", "dataset.left=l/*.png", "dataset.right=r/*.png"),
    ],
    ids=lambda each: " ".join(each) or "plain",
)  # fmt: skip
def test_every_value_comes_back(make_run: Callable[..., Path], overrides: tuple[str, ...]) -> None:
    run = make_run(*overrides)
    again = shown(f"replay={run}")
    again["quant"].pop("_", None)
    root = again.pop("root")
    assert root == str(run.parents[2]), "the root is found again"
    again.pop("allow_pipe")
    wanted = json.dumps(recorded(run)).replace('"outputs/', f'"{root}/')
    assert again == json.loads(wanted)


def test_what_is_typed_wins(make_run: Callable[..., Path]) -> None:
    run = make_run("optim.steps=7", "augment=flip", "model/backbone=tiny")
    found = shown(
        f"replay={run}", "optim.steps=9", "dataset=pairs", "dataset.root=d", "dataset.left=l", "dataset.right=r",
        "model/backbone=mobilenetv2", "stage=qat", "augment=none", "name=other",
    )  # fmt: skip
    assert found["optim"]["steps"] == 9
    assert found["optim"]["lr_scale"] == 0.025, "what the typed stage sets"
    assert found["quant"]["stage"]["name"] == "qat"
    assert found["dataset"]["name"] == "pairs"
    assert "num_train" not in found["dataset"]
    assert found["model"]["backbone"]["name"] == "mobilenetv2"
    assert found["augment"] == {}
    assert (found["name"], found["stage"]) == ("other", "qat")
    head = shown(f"replay={run}", "model/head=quarter")["model"]
    assert (head["volume"]["name"], head["readout"]["name"]) == ("single", "window")
    assert head["backbone"]["width"] == 0.25, "tiny, as it was"


def test_a_sweep_over_a_replayed_run(make_run: Callable[..., Path]) -> None:
    run = make_run("optim.steps=7")
    outcome = run_in_process("-m", f"replay={run}", "task=sync", "optim.steps=1,2")
    assert "tracker=none" in outcome.error_line, "the first job ran"
    jobs = sorted((run.parents[1] / "sweep").glob("*/0_*"))
    facts = json.loads((jobs[0] / "run.json").read_text())
    assert facts["overrides"] == ["task=sync", "optim.steps=1"], "what was recorded for optim.steps is not repeated"


def test_the_run_of_a_sweep_finds_its_root(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run()
    job = tmp_path / "outputs/smoke/sweep/20260101/0_float"
    job.parent.mkdir(parents=True)
    run.rename(job)
    assert shown(f"replay={job}")["root"] == str(tmp_path / "outputs")
    elsewhere = tmp_path / "downloads"
    job.rename(elsewhere)
    assert shown(f"replay={elsewhere}")["root"] == "outputs", "of a lone folder, the one that anybody's runs have"


# Attacks.


def start(run: Path, *more: str) -> Outcome:
    """A replay up to the task, which has nothing to do."""
    return run_in_process(f"replay={run}", "task=sync", *more)


def hydra_of(victim: Path) -> dict[str, Any]:
    """Hydra's keys that empty a file, set variables for children, choose another launcher and log elsewhere."""
    handler = {"class": "logging.FileHandler", "filename": str(victim), "mode": "w"}
    return {
        "job_logging": {"version": 1, "handlers": {"x": handler}, "root": {"handlers": ["x"]}},
        "hydra_logging": {"version": 1, "handlers": {"x": handler}, "root": {"handlers": ["x"]}},
        "job": {"env_set": {"PYTHONPATH": str(victim.parent)}, "chdir": True},
        "run": {"dir": str(victim.parent / "taken")},
        "callbacks": {"evil": {"_target_": "os.system"}},
        "launcher": {"_target_": "os.system"},
    }


@pytest.mark.parametrize("where", ["config.yaml", ".hydra/config.yaml"])
def test_nothing_of_hydra_is_taken(make_run: Callable[..., Path], tmp_path: Path, where: str) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("kept")
    run = make_run()
    content = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").unlink()
    evil = {"hydra": hydra_of(victim), "defaults": [{"override hydra/launcher": "x"}], **content}
    (run / where).write_text(yaml.safe_dump(evil))
    (run / ".hydra/hydra.yaml").write_text(yaml.safe_dump({"hydra": hydra_of(victim)}))
    (run / ".hydra/overrides.yaml").write_text(yaml.safe_dump([f"hydra.run.dir={victim.parent}/taken"]))
    import os

    before = os.environ.get("PYTHONPATH")
    assert "tracker=none" in start(run).error_line, "it comes as far as its task"
    assert victim.read_text() == "kept"
    assert not (tmp_path / "taken").exists()
    assert os.environ.get("PYTHONPATH") == before


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("root", "pipe:touch {trap}; cat {{}}", "a command"),
        ("root", "https://example.org/shards", "a URL"),
        ("root", "gs://bucket/shards", "a URL"),
        ("cache", "pipe:touch {trap}", "a command"),
    ],
)
def test_a_pipe_or_a_url_must_be_allowed(
    make_run: Callable[..., Path], tmp_path: Path, key: str, value: str, kind: str
) -> None:
    trap = tmp_path / "trap"
    value = value.format(trap=trap)
    run = make_run("dataset=sceneflow", "dataset.root=x", **{f"dataset__{key}": value})
    line = run_in_process(f"replay={run}").error_line
    assert line.startswith(f"error: dataset.{key}=")
    assert kind in line
    assert "allow_pipe=true" in line
    assert not trap.exists()
    assert "allow_pipe=true" in run_in_process(f"replay={run}", "allow_pipe=false").error_line
    if kind == "a command" and key == "root":
        assert shown(f"replay={run}", "allow_pipe=true")["dataset"][key] == value
        assert shown(f"replay={run}", f"dataset.{key}=mine")["dataset"][key] == "mine"
        assert shown(f"replay={run}", f"dataset.{key}='{value}'")["dataset"][key] == value, "typed, the same is fine"


def test_a_file_cannot_allow_itself(make_run: Callable[..., Path]) -> None:
    run = make_run("dataset=sceneflow", "dataset.root=x", dataset__root="pipe:cat {}", allow_pipe=True, overwrite=True)
    facts = json.loads((run / "run.json").read_text())
    facts["overrides"] = ["allow_pipe=true", "overwrite=true", "dataset.root='pipe:cat {}'"]
    (run / "run.json").write_text(json.dumps(facts))
    assert "allow_pipe=true" in run_in_process(f"replay={run}").error_line
    found = shown(f"replay={run}", "dataset.root=x")
    assert (found["allow_pipe"], found["overwrite"]) == (False, False)


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        ((), "root", "/etc"),
        (("task=infer",), "infer.out", "/home/victim"),
        (("tracker=mlflow",), "tracker.uri", "sqlite:////home/victim/x.db"),
        (("tracker=mlflow",), "tracker.uri", "sqlite:///outputs/../victim.db"),
        (("tracker=mlflow",), "tracker.uri", "http://example.org"),
        ((), "dataset.root", "/home/victim"),
        (("dataset=sceneflow", "dataset.root=x"), "dataset.cache", "/home/victim"),
    ],
)
def test_a_file_does_not_say_where_to_write(
    make_run: Callable[..., Path], overrides: tuple[str, ...], key: str, value: str
) -> None:
    more = {"dataset__root": f"{value}/data/shapes"} if key == "root" else {}
    run = make_run(*overrides, **{key.replace(".", "__"): value}, **more)
    if key == "root":
        assert shown(f"replay={run}")["root"] == str(run.parents[2])
        return
    line = run_in_process(f"replay={run}").error_line
    assert line.startswith(f"error: {key}=")
    if key == "infer.out":
        assert shown(f"replay={run}", f"{key}={value}")["infer"]["out"] == value


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:HOME}",
        "${oc.env:AWS_SECRET_ACCESS_KEY,x}",
        "${oc.decode:x}",
        "${${a}:HOME}",
        "a: [",
        "- x",
        "!!python/object/apply:os.system [touch trap]",
        "name: !!binary x",
        "name: 2020-99-99",
        "name: !!timestamp [1]",
        "[" * 3000,
        BOMB,
        "name: " + "x" * (1 << 21),
        "\0",
        "1: 2",
    ],
    ids=lambda text: text[:24],
)
def test_a_config_that_is_none_is_told_in_a_line(make_run: Callable[..., Path], tmp_path: Path, text: str) -> None:
    run = make_run()
    if text.startswith("$"):
        text = (run / "config.yaml").read_text().replace("name: smoke", f"name: '{text}'")
    (run / "config.yaml").write_text(text)
    assert run_in_process(f"replay={run}").error_line.startswith("error: ")
    assert not (tmp_path / "trap").exists()


def test_open_interpolations_of_hydras_own_record_are_resolved(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run()
    content = yaml.safe_load((run / "config.yaml").read_text())
    content |= {"root": "${oc.env:STEREO_EXP_ROOT,outputs}", "name": "${model.name}"}
    content["dataset"]["root"] = "${oc.env:STEREO_EXP_SHAPES,${root}/data/shapes}"
    (run / "config.yaml").unlink()
    (run / ".hydra/config.yaml").write_text(yaml.safe_dump(content))
    found = shown(f"replay={run}")
    assert found["name"] == "stereonetplus"
    assert found["dataset"]["root"] == "outputs/data/shapes", "no run of this name lies there"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config-path", "RUN/.hydra", "--config-name", "config"],
        ["--config-path=RUN/.hydra", "--config-name=config"],
        ["-cp", "RUN/.hydra"],
        ["-cpRUN/.hydra"],
        ["--config-p=RUN"],
        ["--experimental-rerun", "RUN/.hydra/config.pickle"],
        ["--exp=RUN/.hydra/config.pickle"],
    ],
    ids=lambda each: " ".join(each),
)
def test_the_old_way_is_refused(make_run: Callable[..., Path], arguments: list[str]) -> None:
    run = make_run()
    line = run_in_process(*(each.replace("RUN", str(run)) for each in arguments)).error_line
    assert f"replay='{run}'" in line


@pytest.mark.parametrize("value", ["nothing", "", "[a,b]", "config.yaml"])
def test_no_run_to_replay(value: str, tmp_path: Path) -> None:
    assert run_in_process(f"replay={value}").error_line.startswith("error: replay=")
    assert not (tmp_path / "outputs").exists()


def test_a_folder_of_options_cannot_bring_a_pipe(tmp_path: Path) -> None:
    options = tmp_path / "conf/experiment"
    options.mkdir(parents=True)
    (options / "theirs.yaml").write_text(
        "# @package _global_\ndefaults: [override /dataset: sceneflow]\ndataset: {root: 'pipe:touch trap; cat {}'}\n"
    )
    arguments = ["--config-dir", str(tmp_path / "conf"), "experiment=theirs", "tracker=none", "task=sync"]
    assert "allow_pipe=true" in run_in_process(*arguments).error_line
    assert "keeps no runs" in run_in_process(*arguments, "allow_pipe=true").error_line
