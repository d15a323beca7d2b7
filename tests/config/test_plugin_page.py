"""docs/plugins.md, followed word for word: its files are written, its commands run, one after the other."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import command
from in_process import Outcome

from stereo_exp.model.checkpoint import read_meta

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
if not PAGE.is_file():
    pytest.skip("docs/ is not beside the tests (they run from an installed wheel)", allow_module_level=True)
TEXT = PAGE.read_text()
FILES = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE))
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
(ERROR,) = re.findall(r"```text\n(error: .*)\n```", TEXT)
INSTALL = "pip install --no-deps ."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files."""
    folder = tmp_path_factory.mktemp("page")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    """Where `pip install` would put the package: its metadata with the entry point, which is all that pip adds."""
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    site = folder / "site"
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (site / "my_package").symlink_to(folder / "my_package")
    return site


def run(line: str, folder: Path, *paths: Path) -> Outcome:
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "stereo_exp"]
    found = ":".join([*map(str, paths), *(p for p in sys.path if p and Path(p).is_dir())])
    return command(sys.executable, *words[1:], cwd=folder, timeout=300, PYTHONPATH=found)


def test_the_page_was_read() -> None:
    assert len(FILES) == 6
    assert INSTALL in COMMANDS
    assert all(FILES.values())
    network = [line for line in FILES["my_package/network.py"].splitlines() if line.strip()]
    assert len(network) <= 20, "a backbone is about 20 lines"


LINES = COMMANDS[: COMMANDS.index(INSTALL)]


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[Outcome, Outcome]:
    """The page's first two commands: help, and a training with one of each."""
    assert len(LINES) == 6
    return run(LINES[0], folder), run(LINES[1], folder)


def test_one_of_each_is_shown_and_trained(folder: Path, trained: tuple[Outcome, Outcome]) -> None:
    helped, outcome = trained
    shown = dict(line.split(maxsplit=1) for line in helped.out.splitlines() if line.startswith("  "))
    named = {"model/backbone": "plain", "loss": "huber", "dataset": "planes", "quant/target": "thirds"}
    for group, name in (*named.items(), ("augment", "dusk"), ("augment", "grey")):
        assert name in shown[group].replace("*", "").split(", "), group
    report = outcome.report
    assert (report["num_steps"], report["num_bad_steps"], report["n_images"]) == (4, 0, 4)
    config = read_meta(folder / report["checkpoint"])["config"]
    chosen = config["model"]["backbone"]["name"], config["loss"]["name"], config["dataset"]["name"]
    assert chosen == ("plain", "huber", "planes")
    assert list(config["augment"]) == ["photometric", "grey"]
    assert config["augment"]["grey"] == {"probability": 0.3}
    assert config["plugins"] == ["my_package"]


def test_without_the_package_the_argument_to_add_is_told(folder: Path, trained: tuple[Outcome, Outcome]) -> None:
    """The package could be imported: it lies where the command is typed."""
    assert trained[1].code == 0
    assert run(LINES[3], folder).error_line == ERROR


@pytest.mark.long
def test_calibrated_restored_and_swept(folder: Path, trained: tuple[Outcome, Outcome]) -> None:
    report = trained[1].report
    calibrated, evaluated, swept = (run(LINES[i], folder) for i in (2, 4, 5))
    assert calibrated.report["target"] == "thirds"
    assert calibrated.report["init_from"] == report["checkpoint"]
    assert evaluated.report["epe"] == pytest.approx(report["epe"], rel=1e-4)
    assert swept.report["name"] == "sweep"
    jobs = sorted((folder / "outputs" / "sweep" / "sweep").glob("*/*/report.json"))
    sizes = [json.loads(job.read_text())["num_parameters"] for job in jobs]
    assert len(sizes) == 2
    assert sizes[0] != sizes[1] == report["num_parameters"]


def test_installed_with_an_entry_point(folder: Path, site: Path, tmp_path: Path) -> None:
    """From a folder in which the package does not lie."""
    lines = COMMANDS[COMMANDS.index(INSTALL) + 1 :]
    assert len(lines) == 1
    assert "plugins=" not in lines[0]
    outcome = run(lines[0], tmp_path, site)
    config = read_meta(tmp_path / outcome.report["checkpoint"])["config"]
    assert config["plugins"] == ["my_package"], "whoever has the checkpoint alone is told what to install"
    helped = run("python -m stereo_exp --help", tmp_path, site)
    assert "plain" in helped.out
    assert "dusk" in helped.out


@pytest.mark.long
def test_pip_takes_the_pages_project(folder: Path, tmp_path: Path) -> None:
    """Built by setuptools: the wheel holds the YAML and the entry point."""
    words = [sys.executable, "-m", *shlex.split(INSTALL), "--no-build-isolation", "--target", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line = COMMANDS[-1].replace("optim.steps=2", "optim.steps=1")
    assert run(line, tmp_path, tmp_path / "site").report["num_steps"] == 1
