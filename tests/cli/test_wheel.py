"""The wheel holds the whole program and its configs, and runs from any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import command
from wheels import CHECKOUT, build_wheel

from stereo_exp.config import conf_dir
from stereo_exp.runtime.manifest import read_manifest
from stereo_exp.weights import COMPILED, FOLDER, RELEASES, locate_compiled

pytestmark = pytest.mark.skipif(not (CHECKOUT / "setup.cfg").is_file(), reason="needs a checkout")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked into a folder of its own."""
    work = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(work)
    target = work / "site"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return target


def test_wheel_has_every_config(installed: Path) -> None:
    def configs(folder: Path) -> set[str]:
        return {f.relative_to(folder).as_posix() for f in folder.rglob("*.yaml")}

    tracked = {name for name in configs(conf_dir()) if not name.startswith("local/")}
    assert configs(installed / "stereo_exp" / "conf") == tracked


def test_wheel_has_the_released_weights(installed: Path) -> None:
    """Whole, with the card beside them."""
    there = installed / "stereo_exp" / "weights"
    for name in (*(f for files in RELEASES.values() for f in files.values()), "CARD.md"):
        assert (there / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("network", RELEASES)
def test_wheel_has_the_compiled_releases(installed: Path, network: str) -> None:
    manifest = read_manifest(locate_compiled(installed / "stereo_exp" / "weights", network), check_files=True)
    assert sorted(manifest.engines) == ["onnxruntime", "openvino"]
    files = [
        {path.relative_to(top).as_posix() for path in (top / "stereo_exp" / "weights" / COMPILED).rglob("*.*")}
        for top in (CHECKOUT, installed)
    ]
    assert files[0] == files[1]


def test_wheel_has_every_module(installed: Path) -> None:
    for package in ("stereo_exp", "data_tools"):
        modules = {f.relative_to(CHECKOUT).as_posix() for f in (CHECKOUT / package).rglob("*.py")}
        there = {f.relative_to(installed).as_posix() for f in (installed / package).rglob("*.py")}
        assert modules - there == set()
    assert not (installed / "conf").exists(), "a package called conf would be in everybody's way"
    assert not (installed / "tests").exists()


def test_wheel_runs_with_its_own_configs(installed: Path, tmp_path: Path) -> None:
    where = "import stereo_exp.config as c; print(c.conf_dir())"
    found = command(sys.executable, "-c", where, cwd=tmp_path, PYTHONPATH=str(installed))
    assert found.out.strip() == str(installed / "stereo_exp" / "conf"), found.err
    shown = command(
        sys.executable,
        "-m",
        "stereo_exp",
        "--cfg",
        "job",
        "experiment=smoke",
        cwd=tmp_path,
        PYTHONPATH=str(installed),
    )
    assert (shown.code, shown.err) == (0, "")
    assert "name: smoke" in shown.out
