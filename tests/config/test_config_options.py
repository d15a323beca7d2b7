"""Every option of every config group and every experiment composes, binds, and survives YAML and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from composing import NODES, composed
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind, conf_dir
from stereo_exp.config.schema import STAGES, TASKS, Root
from stereo_exp.model.checkpoint import read_meta
from stereo_exp.suite.restore import network_facts, network_of
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES

# What an option needs beside its name.
NEEDS = {
    # Nobody trains the furthest stage that there is.
    ("stage", "auto"): ["task=eval"],
    # The published up-sampling has cells of 8 px, this volume of 4.
    **{("model/volume", name): ["model/upsampling=convex"] for name in ("single", "single_light")},
    ("dataset", "sceneflow"): ["dataset.root=/data/sceneflow"],
    **{("dataset", name): [f"dataset.root=/data/{name}"] for name in ("kitti2012", "kitti2015", "middlebury", "eth3d")},
    ("dataset", "pairs"): ["dataset.root=/data/mine", "dataset.left=left/*.png", "dataset.right=right/*.png"],
    ("dataset", "mix"): ["dataset.parts.sceneflow.root=/data/sceneflow"],
    ("experiment", "sceneflow_reference"): ["dataset.root=/data/sceneflow"],
}


def _options() -> list[tuple[str, str]]:
    files = sorted(conf_dir().rglob("*.yaml"))
    found = [(f.parent.relative_to(conf_dir()).as_posix(), f.stem) for f in files]
    return [
        (group, option) for group, option in found if group != "." and group.split("/")[0] not in ("hydra", "local")
    ]


OPTIONS = _options()
GROUPS = sorted({group for group, _ in OPTIONS})


def _overrides(group: str, option: str) -> list[str]:
    # The scheme of a stage is picked by the stage's recipe, never by itself.
    chosen = f"stage={option}" if group == "quant/stage" else f"{group}={option}"
    return [chosen, *NEEDS.get((group, option), [])]


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=["=".join(o) for o in OPTIONS])
def test_option_composes_binds_and_round_trips(group: str, option: str) -> None:
    config = composed(*_overrides(group, option))
    root = bind(config)
    node = group.replace("/", ".")
    if node in NODES and option in NODES[node]:
        assert OmegaConf.select(OmegaConf.structured(root), f"{node}.name") == option
    as_yaml = OmegaConf.to_yaml(OmegaConf.create(asdict(root)))
    assert bind(OmegaConf.create(as_yaml)) == root, "through the run folder's config.yaml"
    assert bind(json.loads(json.dumps(asdict(root)))) == root, "through a checkpoint's JSON"
    assert bind(OmegaConf.create(OmegaConf.to_yaml(config))) == root, "through .hydra/config.yaml"


def test_every_schema_has_an_option_that_picks_it() -> None:
    picked = set()
    for group, option in OPTIONS:
        node = group.replace("/", ".")
        if node in NODES:
            root = OmegaConf.structured(bind(composed(*_overrides(group, option))))
            picked.add((node, OmegaConf.select(root, f"{node}.name")))
    assert picked == {(node, name) for node, names in NODES.items() for name in names}


def test_groups_of_the_interface_exist() -> None:
    promised = {"model", "model/backbone", "model/neck", "model/head", "quant/stage", "quant/target"}
    promised |= {"model/volume", "model/aggregation", "model/upsampling", "model/readout"}
    promised |= {"dataset", "stage", "task", "experiment"}
    assert promised <= set(GROUPS)


@pytest.mark.parametrize(("task", "stage"), list(zip(TASKS, [*STAGES, *STAGES], strict=False)))
def test_any_task_crosses_with_any_stage(compose: Callable[..., Root], task: str, stage: str) -> None:
    root = compose(f"task={task}", f"stage={stage}")
    assert (root.task, root.stage, root.quant.stage.name) == (task, stage, stage)


@pytest.mark.parametrize(
    ("overrides", "node", "value"),
    [
        (["experiment=smoke", "model.maxdisp=96"], "model.maxdisp", 96),
        (["model.maxdisp=96", "experiment=smoke"], "model.maxdisp", 96),
        (["experiment=smoke", "name=mine"], "name", "mine"),
        (["experiment=smoke", "model/backbone=mobilenetv2"], "model.backbone.name", "mobilenetv2"),
        (["experiment=smoke", "dataset=motorcycle"], "dataset.name", "motorcycle"),
        (["experiment=smoke", "stage=qat"], "quant.stage.name", "qat"),
        (["experiment=smoke", "optim=adamw"], "optim.name", "adamw"),
        (["experiment=smoke", "optim=adamw"], "optim.steps", 8),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_command_line_wins_over_experiment(
    compose: Callable[..., Root], overrides: list[str], node: str, value: object
) -> None:
    assert OmegaConf.select(OmegaConf.structured(compose(*overrides)), node) == value


def test_experiment_wins_over_config_yaml(compose: Callable[..., Root]) -> None:
    plain, smoke = compose(), compose("experiment=smoke")
    assert (plain.name, plain.model.maxdisp, plain.optim.steps) == ("stereonetplus", 192, None)
    assert (smoke.name, smoke.model.maxdisp, smoke.optim.steps) == ("smoke", 64, 8)


@pytest.mark.parametrize("stage", STAGES)
def test_the_released_recipe_is_the_released_network_at_every_stage(compose: Callable[..., Root], stage: str) -> None:
    """Its checkpoints can take the place of the released ones: a stage changes neither network nor data."""
    root, plain = compose("experiment=release", f"stage={stage}"), compose(f"stage={stage}")
    assert (root.name, root.stage, root.train.resume) == ("release", stage, "auto")
    assert root.dataset == compose("experiment=release").dataset
    there = network_of({s: read_meta(FOLDER / file) for s, file in RELEASES[PUBLISHED].items()}["int_infer"])
    networks = [network_facts(each.model, each.quant, stage) for each in (root, plain, there)]
    assert networks[0] == networks[1] == networks[2]
    if stage == "qat":
        assert (root.optim.lr_scale, root.optim.length_scale, root.optim.warmup_scale) == (0.025, 0.2, 0.0)


DATASETS = [option for group, option in OPTIONS if group == "dataset"]


@pytest.mark.parametrize("option", DATASETS)
def test_smoke_composes_with_every_dataset(option: str) -> None:
    root = bind(composed("experiment=smoke", f"dataset={option}", *NEEDS.get(("dataset", option), [])))
    assert (root.name, root.model.maxdisp, root.dataset.name) == ("smoke", 64, option.removesuffix("_small"))


@pytest.mark.parametrize("option", ["kitti2012", "kitti2015", "middlebury", "eth3d"])
def test_a_published_set_takes_its_root_from_its_own_variable(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"STEREO_EXP_{option.upper()}"
    with pytest.raises(UserError, match=f"dataset.root=null.*set {variable}"):
        bind(composed(f"dataset={option}"))
    monkeypatch.setenv(variable, "/data/there")
    assert bind(composed(f"dataset={option}")).dataset.root == "/data/there"


def test_environment_variables_name_the_roots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEREO_EXP_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("STEREO_EXP_SHAPES", str(tmp_path / "shapes"))
    monkeypatch.setenv("STEREO_EXP_SCENEFLOW", str(tmp_path / "flow"))
    shapes, flow = bind(composed()), bind(composed("dataset=sceneflow"))
    assert (shapes.root, shapes.dataset.root) == (str(tmp_path / "runs"), str(tmp_path / "shapes"))
    assert flow.dataset.root == str(tmp_path / "flow")


DEFAULT = json.dumps(asdict(bind(composed())))


@settings(max_examples=30, deadline=None)
@given(
    lr=st.floats(1e-12, 1e3),
    betas=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2),
    doffs=st.floats(-1e6, 1e6),
    name=st.from_regex(r"[\w.+=,@-]*\w", fullmatch=True).filter(lambda s: len(s) < 100),
    grad_clip=st.none() | st.floats(1e-9, 1e9),
)
def test_values_survive_yaml_and_json(
    lr: float, betas: list[float], doffs: float, name: str, grad_clip: float | None
) -> None:
    plain = json.loads(DEFAULT)
    plain["name"] = name
    plain["optim"].update(lr=lr, betas=betas, grad_clip=grad_clip)
    plain["infer"]["doffs"] = doffs
    root = bind(plain)
    assert (root.name, root.optim.lr, root.optim.betas, root.infer.doffs) == (name, lr, betas, doffs)
    assert bind(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create(asdict(root))))) == root
    assert bind(json.loads(json.dumps(asdict(root)))) == root


def test_bind_refuses_what_a_stranger_put_into_a_config() -> None:
    plain = json.loads(DEFAULT)
    plain["model"]["_target_"] = "os.system"
    with pytest.raises(UserError, match=r"model\._target_"):
        bind(plain)
