"""What setup.cfg promises is what the tree holds, and the pinned versions lie within its ranges."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "setup.cfg").is_file():
    pytest.skip("setup.cfg is not beside the tests (they run from an installed wheel)", allow_module_level=True)
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg")


def lines(section: str, key: str) -> list[str]:
    return [line for line in CONFIG[section][key].split("\n") if line]


def test_no_folder_of_code_lacks_its_init() -> None:
    for top in ("stereo_exp", "data_tools"):
        for path in (ROOT / top).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path


def pinned() -> dict[str, str]:
    files = [ROOT / "constraints.txt"]
    files += [ROOT / f"constraints-{name}.txt" for name in ("render", "executorch", "litert", "ncnn", "notebook")]
    rows = [line.split("==") for path in files for line in path.read_text().splitlines() if "==" in line]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in rows}


EXTRAS = {key: lines("options.extras_require", key) for key in CONFIG["options.extras_require"]}
CORE = lines("options", "install_requires")


def resolved(extra: str) -> set[str]:
    """What an extra brings, with the extras of our own that it names."""
    found: set[str] = set()
    for line in EXTRAS[extra]:
        wanted = Requirement(line)
        found |= (
            {inner for each in wanted.extras for inner in resolved(each)} if wanted.name == "stereo_exp" else {line}
        )
    return found


@pytest.mark.parametrize("extra", ["train", "tracking", "export", "onnxruntime", "openvino", "full"])
def test_development_has_what_everything_needs(extra: str) -> None:
    assert resolved(extra) <= resolved("dev") | set(CORE)


def test_predicting_needs_little() -> None:
    wanted = {Requirement(line).name: Requirement(line) for line in CORE}
    engines = [wanted.pop(name) for name in ("openvino", "onnxruntime")]
    assert set(wanted) == {
        "hydra-core", "lazy-loader", "numpy", "omegaconf", "opencv-python-headless", "pyyaml", "rich",
    }  # fmt: skip
    for machine in ("x86_64", "AMD64", "aarch64", "arm64"):
        here = [each.name for each in engines if each.marker and each.marker.evaluate({"platform_machine": machine})]
        assert here == (["openvino"] if machine in ("x86_64", "AMD64") else ["onnxruntime"])


def test_messages_name_the_extra_that_brings_a_package() -> None:
    from stereo_exp.base.errors import EXTRAS as TOLD

    names = {"skimage": "scikit-image", "PIL": "pillow", "onnx_ir": "onnx-ir", "rerun": "rerun-sdk"}
    for module, extra in TOLD.items():
        assert names.get(module, module) in {Requirement(line).name for line in resolved(extra)}, module


RANGES = {*CORE, *(line for extra in EXTRAS for line in resolved(extra))}


@pytest.mark.parametrize("requirement", sorted(RANGES))
def test_pinned_version_is_within_its_range(requirement: str) -> None:
    wanted = Requirement(requirement)
    version = pinned()[re.sub(r"[-_.]+", "-", wanted.name).lower()]
    assert wanted.specifier.contains(version, prereleases=True), f"{wanted} but constraints.txt has {version}"


def test_who_runs_the_suite_has_what_its_options_need() -> None:
    """`-n` of pyproject.toml is an option of pytest-xdist's."""
    sessions = (ROOT / "noxfile.py").read_text().split("@nox.session")[1:]
    running = [session for session in sessions if 'session.run("pytest"' in session]
    assert len(running) > 3
    for session in running:
        assert any(word in session for word in ("install(session)\n", '".[dev', '"pytest-xdist"')), session


def test_outputs_holds_only_its_gitignore() -> None:
    assert (ROOT / "outputs" / ".gitignore").read_text().split() == ["*", "!.gitignore"]


def test_what_is_compiled_keeps_its_bytes_in_every_checkout() -> None:
    """Git would give Windows other line endings, and with them other checksums."""
    attributes = (ROOT / ".gitattributes").read_text().splitlines()
    assert any(line.startswith("stereo_exp/weights/compiled/** -text") for line in attributes)


def test_notice_names_every_photograph_that_scenes_are_painted_with() -> None:
    from stereo_exp.shapes.textures import NAMES

    notice = (ROOT / "NOTICE").read_text()
    assert [name for name in NAMES if name not in notice] == []


def test_the_version_stands_in_changelog_and_citation() -> None:
    from stereo_exp.base.constants import VERSION

    assert re.search(rf"^## {re.escape(VERSION)} - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()
