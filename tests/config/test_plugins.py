"""Packages from outside: what is refused in one line, what is never imported, and what finds its place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import pytest
from command_line import command
from composing import composed
from hydra import initialize_config_dir
from in_process import Outcome
from omegaconf import OmegaConf

from stereo_exp.base.errors import UserError
from stereo_exp.base.registry import GROUPS, PLUGINS
from stereo_exp.config import bind, conf_dir, load_plugins
from stereo_exp.config.binding import MissingPlugin, bind_network
from stereo_exp.config.choices import CONF_FOLDERS, USER_FOLDERS
from stereo_exp.config.schema import Root

Cli = Callable[..., Outcome]
HEAD = """
from dataclasses import dataclass
from typing import ClassVar
from stereo_exp.base.registry import declare, option
from stereo_exp.config.dataset import Dataset
from stereo_exp.config.parts import Backbone
from stereo_exp.config.training import Loss, Optim
"""
NET = """
@option("model/backbone", "mine", "mine_code:build")
@dataclass
class Mine(Backbone):
    name: str = "mine"
    width: int = 8
"""
CODE = """
from stereo_exp.model.layers import PyramidBackbone, conv_bn

def build(width):
    stages = [conv_bn(width, width, 3, stride=1 if i == 0 else 2) for i in range(5)]
    return PyramidBackbone(conv_bn(3, width, 3, stride=2), stages, [width] * 5)
"""


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Writes the package `mine`, with `mine_code` beside it."""

    def write(text: str, code: str = CODE, **yaml: str) -> Path:
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / "__init__.py").write_text(HEAD + text)
        (tmp_path / "mine_code.py").write_text(code)
        for place, content in yaml.items():
            file = tmp_path / "mine" / "conf" / f"{place.replace('__', '/')}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return tmp_path

    return write


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """`python -m stereo_exp ARGUMENTS` in a process of its own, where the package lies."""

    def run(*arguments: str, **environment: str) -> Outcome:
        return command(sys.executable, "-m", "stereo_exp", *arguments, cwd=tmp_path, **environment)

    return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Plug-ins of this process: whatever a test loads is gone afterwards."""
    options = {key: dict(group._options) for key, group in GROUPS.items()}
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for key in list(GROUPS):
        if key in options:
            GROUPS[key]._options = options[key]
        else:
            del GROUPS[key]
    for name in set(sys.modules) - modules:
        if name.startswith("mine"):
            del sys.modules[name]
    for each in (PLUGINS, CONF_FOLDERS, USER_FOLDERS):
        each.clear()


def compose(*overrides: str) -> Root:
    """As the command line does it, in this process."""
    load_plugins(overrides)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return bind(hydra.compose("config", list(overrides)))


# What is refused.


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import not_there_at_all", ["plugins=mine", "does not import", "No module named 'not_there_at_all'"]),
        ("def f(:", ["plugins=mine", "does not import", "SyntaxError"]),
        ("1 / 0", ["plugins=mine", "ZeroDivisionError"]),
        (NET.replace('"mine"', '"mixvargenet"'), ["model/backbone=mixvargenet", "declared twice", "another name"]),
        (NET.replace("model/backbone", "model/backbon"), ["model/backbon=mine", "did you mean model/backbone?"]),
        (NET.replace("(Backbone)", ""), ["model/backbone=mine", "no Backbone", "from stereo_exp.config.Backbone"]),
        (NET.replace('name: str = "mine"', 'name: str = "other"'), ["model/backbone=mine", 'write name: str = "mine"']),
        (NET.replace('    name: str = "mine"\n', ""), ["model/backbone=mine", 'write name: str = "mine"']),
        (NET.replace("width: int", "width: object"), ["model/backbone=mine", "types that YAML has"]),
        (NET.replace("mine_code:build", "mine_code.build"), ["model/backbone=mine", "module:attribute"]),
        (NET.replace("@dataclass\n", ""), ["model/backbone=mine", 'write name: str = "mine"']),
        (NET.replace('"mine", "mine', '"a b", "mine'), ["model/backbone=a b", "letters, digits"]),
        ('declare("loss", mine="mine_code:build")', ["loss=mine", "no dataclass"]),
        ('@option("augment", "mine")\n@dataclass\nclass A:\n    x: int = 1', ["augment=mine", "before_crop"]),
    ],
)
def test_package_that_cannot_be_taken(package: Callable[..., Path], cli: Cli, text: str, told: list[str]) -> None:
    package(text)
    outcome = cli("plugins=[mine]")
    assert outcome.err == outcome.error_line + "\n", "nothing but the one line"
    for fragment in told:
        assert fragment in outcome.error_line


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("plugins=[nowhere_to_be_found]", ["plugins=nowhere_to_be_found", "does not import", "PYTHONPATH"]),
        ("plugins=mine", ["plugins=mine", "list", "try plugins=[mine]"]),
        ("plugins=3", ["plugins=3", "list"]),
        ("plugins=[../mine]", ["plugins=../mine", "not the name of a package"]),
        ("plugins=[mine", ["plugins=[mine"]),
    ],
)
def test_argument_that_names_no_package(cli: Cli, argument: str, told: list[str]) -> None:
    outcome = cli(argument)
    assert outcome.err == outcome.error_line + "\n"
    assert all(fragment in outcome.error_line for fragment in told), outcome.err


def test_yaml_with_a_name_of_ours_is_refused(package: Callable[..., Path], cli: Cli) -> None:
    package(NET, dataset__shapes="name: other\n")
    line = cli("plugins=[mine]", "--help").error_line
    assert all(each in line for each in ("dataset=shapes", "is taken", "another name"))


def test_broken_entry_point_is_named(package: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    package("import not_there_at_all")
    info = tmp_path / "broken_one-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-one\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stereo_exp.plugins]\nfirst = mine\n")
    for arguments in (("--help",), ("--cfg", "job")):
        line = cli(*arguments).error_line
        assert all(each in line for each in ("entry point first of broken-one=mine", "does not import", "uninstall"))


# What is refused when it is used.


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", "mine_code:build: module 'mine_code' has no attribute 'build'"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        (CODE.replace("build(width)", "build(depth)"), "is called with width="),
        (CODE.replace("[width] * 5)", "[width] * 4)"), "channels are [8, 8, 8, 8], and must be 5 numbers"),
        ("def build(width):\n    return print", "channels are None"),
    ],
)
def test_backbone_that_cannot_be_built(package: Callable[..., Path], here: None, code: str, told: str) -> None:
    from stereo_exp.suite.build import build_network

    package(NET, code)
    config = compose("plugins=[mine]", "model/backbone=mine")
    with pytest.raises(UserError) as caught:
        build_network(config.model)
    assert caught.value.key == "model/backbone"
    assert told in str(caught.value)


def test_data_set_and_loss_of_another_kind(package: Callable[..., Path], here: None) -> None:
    from stereo_exp.suite.build import build_loss
    from stereo_exp.suite.datasets import open_split

    keys = '@option("{0}", "mine", "mine_code:make_{0}")\n@dataclass\nclass K{0}({1}):\n    name: str = "mine"\n'
    text = keys.format("dataset", "Dataset") + keys.format("loss", "Loss")
    package(text, "def make_dataset(split, root):\n    return [1]\n\ndef make_loss():\n    return 3.0\n")
    config = compose("plugins=[mine]", "dataset=mine", "loss=mine")
    with pytest.raises(UserError, match=r"dataset=mine: its builder gave list, which is no StereoSource"):
        open_split(config.dataset, "train")
    with pytest.raises(UserError, match=r"loss=mine: its builder gave float, which cannot be called"):
        build_loss(config.loss)


def test_rule_told_as_a_plain_error(package: Callable[..., Path], here: None) -> None:
    package(NET + "\n    def __post_init__(self):\n        if self.width % 2:\n            raise ValueError('odd')\n")
    with pytest.raises(UserError, match=r"model\.backbone=mine: mine\.Mine refuses its values \(ValueError: odd\)"):
        compose("plugins=[mine]", "model/backbone=mine", "model.backbone.width=3")
    assert compose("plugins=[mine]", "model/backbone=mine", "model.backbone.width=4").model.backbone.name == "mine"


def test_optimiser_gets_its_own_keys(package: Callable[..., Path], here: None) -> None:
    import torch

    from stereo_exp.suite.train.optim import build_optimizer

    text = '@option("optim", "mine", "mine_code:sgd")\n@dataclass\nclass S(Optim):\n    name: str = "mine"\n'
    code = "import torch\n\ndef sgd(params, lr, betas, momentum):\n    return torch.optim.SGD(params, lr, momentum)\n"
    package(text + "    momentum: float = 0.5\n", code)
    config = compose("plugins=[mine]", "optim=mine", "optim.momentum=0.25", "optim.lr=0.125")
    found = build_optimizer(config.optim, torch.nn.Conv2d(1, 1, 1))
    assert {(each["momentum"], each["lr"]) for each in found.param_groups} == {(0.25, 0.125)}


# What a file names is not imported.

TRACE = "from pathlib import Path\nPath(__file__).with_name('trace').write_text('')\n" + NET


@pytest.fixture
def strangers_run(package: Callable[..., Path], tmp_path: Path) -> Path:
    """A run's folder whose checkpoint and config name a package that leaves a trace where it is imported."""
    from stereo_exp.model.checkpoint import BEST, LAST, save_checkpoint
    from stereo_exp.suite.build import build_network

    package(TRACE)
    config = bind(composed("experiment=smoke", "tracker=none"))
    tensors = {"model": build_network(config.model).state_dict()}
    plain: dict[str, Any] = asdict(config)
    plain["plugins"] = ["mine"]
    plain["model"]["backbone"] = {"name": "mine", "width": 8}
    meta = {"stage": "float", "step": 8, "num_steps": 8, "config": plain, "run_id": None}
    run = tmp_path / "run"
    for place in (BEST, LAST):
        save_checkpoint(run / place, meta, tensors)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(plain)))
    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ["task=eval", "checkpoint=run/checkpoints/best.safetensors"],
        ["init_from=run/checkpoints/best.safetensors"],
        ["train.resume=run"],
        ["replay=RUN"],
    ],
    ids=lambda each: " ".join(each),
)
def test_what_only_a_file_names_is_not_imported(strangers_run: Path, cli: Cli, arguments: list[str]) -> None:
    presets = [] if arguments == ["replay=RUN"] else ["experiment=smoke", "tracker=none"]
    outcome = cli(*presets, *(each.replace("RUN", str(strangers_run)) for each in arguments))
    assert outcome.error_line.endswith("add plugins=[mine] if you trust it")
    assert "model/backbone=mine" in outcome.error_line
    trace = strangers_run.parent / "mine" / "trace"
    assert not trace.exists(), "code from the package ran"
    assert cli("plugins=[mine]", "--cfg", "job").code == 0
    assert trace.exists(), "the test's trap does not spring, so it proves nothing"


def test_bind_names_packages_and_nothing_else(here: None) -> None:
    plain: dict[str, Any] = asdict(bind(composed()))
    plain["model"]["backbone"] = {"name": "mine"}
    plain["plugins"] = ["mine", "os", "x] root=/ ~[", 3, "other.part"]
    for function in (bind, bind_network):
        with pytest.raises(MissingPlugin) as caught:
            function(plain)
        assert caught.value.fix == "add plugins=[mine,other.part] if you trust it", "os is loaded, the rest no name"
    plain["plugins"] = []
    with pytest.raises(UserError, match=r"model/backbone=mine: must be one of mixvargenet"):
        bind_network(plain)


def test_checkpoint_needs_the_package_of_its_network_alone(here: None) -> None:
    """A network of ours that was trained with somebody's loss is ours."""
    plain: dict[str, Any] = asdict(bind(composed()))
    plain["loss"], plain["plugins"] = {"name": "theirs"}, ["theirs"]
    assert bind_network(plain).model.name == "stereonetplus"
    with pytest.raises(MissingPlugin, match=r"loss=theirs: .*add plugins=\[theirs\]"):
        bind(plain)


# What finds its place.


def test_options_without_yaml(package: Callable[..., Path], here: None) -> None:
    grey = '@option("augment", "grey")\n@dataclass(frozen=True)\nclass Grey:\n    before_crop: ClassVar[bool] = False\n'
    grey += "    share: float = 0.5\n    def __call__(self, sample, rng):\n        return sample\n"
    package(NET + grey)
    config = compose("plugins=[mine]", "model/backbone=mine", "augment=grey", "augment.grey.share=0.25")
    assert (config.model.backbone.name, config.augment["grey"].share) == ("mine", 0.25)
    assert config.plugins == ["mine"]
    assert bind(asdict(config)) == config, "through a checkpoint"
    both = compose("plugins=[mine]", "augment=photometric", "+augment.grey={}")
    assert list(both.augment) == ["photometric", "grey"]


def test_yaml_of_the_package_and_of_the_user_come_first(package: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    wide = "defaults:\n  - /schema/model/backbone/mine@_here_\nwidth: {}\n"
    package(NET, model__backbone__wide=wide.format(32))
    shown = cli("plugins=[mine]", "model/backbone=wide", "--cfg", "job", "-p", "model.backbone")
    assert (shown.err, "width: 32" in shown.out) == ("", True)
    (tmp_path / "own" / "model" / "backbone").mkdir(parents=True)
    (tmp_path / "own" / "model" / "backbone" / "mine.yaml").write_text(wide.format(64))
    for way in (["--config-dir", "own"], [f"hydra.searchpath=[file://{tmp_path}/own]"]):
        shown = cli(*way, "plugins=[mine]", "model/backbone=mine", "--cfg", "job", "-p", "model.backbone")
        assert (shown.err, "width: 64" in shown.out) == ("", True)
    line = cli("--config-dir", "own", "model/backbone=mine").error_line
    assert "model/backbone=mine: has a YAML file" in line
    assert "add plugins=[PACKAGE]" in line


def test_console_script_finds_what_lies_where_it_is_started(package: Callable[..., Path], tmp_path: Path) -> None:
    package(NET)
    script = str(Path(sys.executable).with_name("stereo-exp"))
    shown = command(script, "plugins=[mine]", "model/backbone=mine", "--cfg", "job", "-p", "model", cwd=tmp_path)
    assert (shown.code, "name: mine" in shown.out) == (0, True), shown.err


def test_a_declaration_that_changed_counts_anew(package: Callable[..., Path], here: None) -> None:
    """As in a notebook, whose cell is run again."""
    package(NET)
    assert compose("plugins=[mine]", "model/backbone=mine").model.backbone == _mine().Mine(width=8)
    exec(compile(HEAD + NET.replace("width: int = 8", "depth: int = 5"), "cell", "exec"), vars(_mine()))
    assert compose("plugins=[mine]", "model/backbone=mine").model.backbone == _mine().Mine(depth=5)


def _mine() -> Any:
    return sys.modules["mine"]


SMOKE = ("plugins=[mine]", "experiment=smoke", "tracker=none", "model/backbone=mine", "optim.steps=2")


@pytest.mark.long
def test_every_process_knows_the_option(package: Callable[..., Path], cli: Cli) -> None:
    """Two that train, each with one that loads."""
    package(NET)
    report = cli(*SMOKE, "machine.processes=2", "machine.threads=1", "loader.workers=1").report
    assert (report["num_steps"], report["num_bad_steps"]) == (2, 0)


@pytest.mark.long
def test_every_stage_of_a_network_from_outside(package: Callable[..., Path], cli: Cli) -> None:
    package(NET)
    overrides = ["stage=float,calib,qat,int_infer", "model.backbone.width=16", "quant.stage.num_batches=1"]
    outcome = cli("-m", *SMOKE, overrides[0], overrides[1])
    assert outcome.report["stage"] == "int_infer"


@pytest.mark.long
def test_engine_from_outside(package: Callable[..., Path], cli: Cli) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    engine = 'declare("engine", mine="mine_code:Mine")\ndeclare("compile.engines", mine="mine_code:write")\n'
    code = """
from stereo_exp.base.files import write_bytes
from stereo_exp.runtime.engines.onnxruntime import OnnxRuntimeEngine
from stereo_exp.runtime.manifest import file_entry

class Mine(OnnxRuntimeEngine):
    name = "mine"

def write(model, folder, name, opt):
    write_bytes(folder / f"mine/{name}.onnx", model.SerializeToString())
    return file_entry(folder, f"mine/{name}.onnx"), {}
"""
    package(engine, code)
    common = ("plugins=[mine]", "experiment=smoke", "tracker=none")
    assert cli(*common, "optim.steps=1").code == 0
    compiled = cli(*common, "task=compile", "compile.engines=[mine]", "compile.opt=0", "compile.report_size=[64,128]")
    assert list(compiled.report["engines"]) == ["mine"]
    bench = cli(*common, "task=bench", "engine=mine", "bench.frames=2", "bench.size=[64,128]")
    assert bench.report["engine"].split()[0] == "mine"
