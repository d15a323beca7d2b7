"""`--help NAME`: every group, node and key answers with its sentences, and nothing heavy is imported for it."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from command_line import command
from composing import NODES
from in_process import Outcome

from stereo_exp.base.registry import group
from stereo_exp.config import conf_dir
from stereo_exp.config.schema import Root

Cli = Callable[..., Outcome]
FILES = [path for path in sorted(conf_dir().rglob("*.yaml")) if path.parent != conf_dir()]
GROUPS: dict[str, list[Path]] = {}
for _file in FILES:
    GROUPS.setdefault(_file.parent.relative_to(conf_dir()).as_posix(), []).append(_file)
GROUPS = {name: files for name, files in GROUPS.items() if name.split("/")[0] not in ("hydra", "local")}


def _nodes() -> Iterator[tuple[str, type]]:
    """(key, schema) of everything that may stand anywhere, but for augmentations."""
    open_ends: list[tuple[str, type]] = [("", Root)]
    for key, schema in open_ends:
        if key:
            yield key, schema
        for name, hint in typing.get_type_hints(schema).items():
            if is_dataclass(hint):
                below = f"{key}.{name}".lstrip(".")
                open_ends += [(below, each) for each in (hint, *NODES.get(below, {}).values())]


SCHEMAS = list(dict.fromkeys(_nodes()))
KEYS = list(dict.fromkeys(key for key, _ in SCHEMAS))
AUGMENTATIONS = {name: option.schema or option.load() for name, option in group("augment").items()}


@cache
def _literals(module: ModuleType) -> dict[tuple[str, str], str]:
    """(class, field) -> the string under it."""
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        for above, below in zip(getattr(node, "body", ()), getattr(node, "body", ())[1:], strict=False):
            if isinstance(above, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[node.name, above.target.id] = ast.literal_eval(below.value)  # type: ignore[union-attr]
    return found


def _sentence(schema: type, field: str) -> str:
    told = (_literals(sys.modules[c.__module__]).get((c.__name__, field)) for c in schema.__mro__ if is_dataclass(c))
    return next((text for text in told if text), "")


def words(text: str) -> str:
    """White space counts once: lines are wrapped."""
    return " ".join(text.split())


def test_the_configuration_was_walked() -> None:
    assert {"model.backbone", "quant.target", "compile.device", "infer", "loader", "machine"} <= set(KEYS)
    assert "stage" in GROUPS
    assert len(SCHEMAS) > 40


@pytest.mark.parametrize("key", KEYS)
def test_a_node_answers_with_every_field_and_its_sentence(cli: Cli, key: str) -> None:
    outcome = cli("--help", key)
    assert (outcome.code, outcome.err) == (0, "")
    said = words(outcome.out)
    for schema in (each for there, each in SCHEMAS if there == key):
        hints = typing.get_type_hints(schema)
        for field in fields(schema):
            if is_dataclass(hints[field.name]):
                assert f"{key}.{field.name}".replace(".", "/") in said or f"{key}.{field.name}." in said
                continue
            sentence = words(_sentence(schema, field.name))
            assert sentence, field.name
            if field.name == "name":
                assert sentence in said
            else:
                entry = f"{key}.{field.name}: {field.type} "
                told = [part.split(f" {key}.")[0] for part in said.split(entry)[1:]]
                assert any(sentence in part for part in told), entry


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_answers_with_every_option_and_what_its_file_says_first(cli: Cli, name: str) -> None:
    outcome = cli("--help", name)
    assert (outcome.code, outcome.err) == (0, "")
    for file in GROUPS[name]:
        comments = [line for line in file.read_text().splitlines() if line.startswith("#") and "@package" not in line]
        assert comments, f"{file} says nothing"
        titles = (f"{name}={file.stem} ", f"{name}={file.stem} (default) ")
        assert any(title + words(comments[0][1:]) in words(outcome.out) for title in titles), file


@pytest.mark.parametrize("key", [f.name for f in fields(Root)])
def test_whatever_stands_at_the_top_answers(cli: Cli, key: str) -> None:
    outcome = cli("--help", key)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{key}\n")
    assert words(_sentence(Root, key)) in words(outcome.out)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_tell_of_their_keys(cli: Cli, name: str) -> None:
    schema = AUGMENTATIONS[name]
    for asked in ("augment", f"augment.{name}"):
        said = words(cli("--help", asked).out)
        assert words(schema.__doc__.split("\n\n")[0]) in said
        for field in fields(schema):
            sentence = words(_sentence(schema, field.name))
            assert sentence
            assert f"augment.{name}.{field.name}: float = {field.default} {sentence}" in said


@pytest.mark.parametrize(
    ("arguments", "titles", "told"),
    [
        ("optim.lr", ["optim"], ["optim.lr: float = 0.002 Peak learning rate"]),
        (
            "model.backbone.width",
            ["model/backbone=mixvargenet (default)", "model/backbone=mobilenetv2", "model/backbone=tiny"],
            ["whole groups of 16", "multiples of 8", "As mixvargenet, but for: model.backbone.width = 0.25"],
        ),
        ("infer/left", ["infer"], ["infer.left: str | None = null Left view"]),
        ("augment.scale.stretch_max", ["augment.scale"], ["augment.scale.stretch_max: float = 1.15"]),
        ("loader.crop=[64,64] seed", ["loader", "seed"], ["loader.crop: list[int] = [256, 512]", "seed: int = 0"]),
        ("name", ["name"], ["name: str = ${model.name}"]),
    ],
)
def test_a_key_answers_alone(cli: Cli, arguments: str, titles: list[str], told: list[str]) -> None:
    outcome = cli("--help", *arguments.split())
    assert outcome.code == 0
    assert [line for line in outcome.out.splitlines() if line and line[0] != " "] == titles
    assert all(each in words(outcome.out) for each in told)


@pytest.mark.parametrize("name", ["model/head", "model"])
def test_a_preset_tells_what_it_picks(cli: Cli, name: str) -> None:
    """The defaults too: whoever takes another one knows what goes."""
    said = words(cli("--help", name).out)
    assert (
        "model/head Presets of model/volume, model/aggregation, model/upsampling, model/readout; what is typed " in said
    )
    picked = "model/volume = pyramid model/aggregation = adaptive model/upsampling = deconvolution model/readout = "
    assert f"neighbours, the mean. {picked}expectation" in said


def test_defaults_are_those_in_force(cli: Cli) -> None:
    """Of the dataclass, and of the YAML where that says another."""
    told = {
        "quant/observer": ["quant.observer.percentile: float = 99.5"],
        "dataset": ["dataset.num_train: int = 960", "As shapes, but for: dataset.num_train = 16"],
        "tracker": ["tracker.uri: str = sqlite:///${root}/mlflow.db"],
        "compile": ["compile.device.int8_tops = 128.0", "compile.device.int8_tops: float | None = null"],
        "stage": ["stage: str = float", "stage=float (default)"],
        "augment": ["augment.jpeg.quality_min = 50.0", "augment.jpeg.quality_min: float = 50 "],
    }
    for name, texts in told.items():
        said = words(cli("--help", name).out)
        assert all(text in said for text in texts), name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("modle", "model"),
        ("model/bakbone", "model/backbone"),
        ("optim.lrr", "optim.lr"),
        ("infer.lfet", "infer.left"),
        ("augment.jpg", "augment.jpeg"),
        ("dataset.parts.shapes.seed", "dataset.parts"),
        ("qqq", "--help"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(cli: Cli, name: str, near: str) -> None:
    outcome = cli("--help", name)
    assert outcome.error_line.startswith(f"error: --help {name}: ")
    assert outcome.err == outcome.error_line + "\n"
    assert near in outcome.error_line.partition(";")[2].split() + ["--help"] * (near == "--help")


@pytest.mark.parametrize("arguments", [["--help=seed"], ["-h", "seed"], ["seed=1", "--help", "seed"]])
def test_every_way_to_ask(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments).out.startswith("seed\n  seed: int = 0\n")


def test_options_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for below, lines in {
        "dataset/ours": ["# Our kitchen.", "defaults: [shapes]", "num_train: 7", "scenes: {room: 5.0}"],
        "model/backbone/thin": ["# Thin.", "defaults:", "  - tiny", "units: [0, 0, 0, 2, 0]"],
        "optim/ours": ["defaults: [/schema/optim/adamw@_here_]", "lr: 0.5"],
        "experiment/night": ["# @package _global_", "# Runs all night.", "seed: 3"],
        "camera/left": ["# A group of ones own.", "gain: 2"],
    }.items():
        path = mine / f"{below}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    told = {
        "dataset": "dataset=ours Our kitchen. As shapes, but for: dataset.num_train = 7 dataset.scenes = {layers: 1.0, "
        "room: 5.0,",
        "model/backbone": "model/backbone=thin Thin. As tiny, but for: model.backbone.units = [0, 0, 0, 2, 0] ",
        "optim": "optim=ours optim.lr = 0.5",
        "experiment": "experiment=night Runs all night. ",
        "camera": "camera camera=left A group of ones own. camera.gain = 2",
    }
    for name, text in told.items():
        for where in (["--config-dir", str(mine)], [f"--config-dir={mine}"], ["-cd", str(mine)]):
            assert text in words(cli(*where, "--help", name).out) + " ", name
            assert text in words(cli("--help", name, *where).out) + " ", name
    assert cli("--help", "camera").code == 2


def test_a_broken_file_of_ones_own_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "optim").mkdir()
    (tmp_path / "optim" / "bad.yaml").write_text("lr: [1\n")
    assert "bad.yaml: is not YAML" in cli("--config-dir", str(tmp_path), "--help", "optim").error_line


@pytest.mark.parametrize("width", [50, 100])
def test_lines_are_as_wide_as_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cli("--help", "infer", "compile").out.splitlines()
    assert width - 10 < max(map(len, lines)) <= width
    assert not any("\x1b" in line for line in lines)


_PROBE = """
import sys
sys.argv = ["stereo_exp", "--help", *sys.argv[1:]]
from stereo_exp.__main__ import main
main()
heavy = ("torch", "mlflow", "matplotlib", "safetensors", "skimage", "hydra", "numpy", "cv2")
print("imported:", *(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("names", "imported"),
    [
        ([], ""),
        ([name for name in GROUPS if name != "augment"], ""),
        (KEYS, ""),
        (["augment"], "numpy cv2"),
    ],
    ids=["alone", "groups", "nodes", "augment"],
)
def test_nothing_heavy_is_imported(names: list[str], imported: str, tmp_path: Path) -> None:
    outcome = command(sys.executable, "-c", _PROBE, *names, cwd=tmp_path)
    assert (outcome.code, outcome.err.strip()) == (0, f"imported: {imported}".strip())
    assert not list(tmp_path.iterdir())


def test_help_alone_names_what_may_be_asked_for(cli: Cli) -> None:
    out = cli("--help").out
    further = yaml.safe_load("\n".join(line for line in out.splitlines() if line.startswith("Further")))
    named = {name for names in further.values() for name in names.split(", ")}
    assert named | set(GROUPS) >= {f.name for f in fields(Root)}
    for name in named:
        assert cli("--help", name).code == 0
