"""Sessions for developers: `nox` runs lint, types and tests; `nox -l` lists them all.

Which of them were run where stands in CONTRIBUTING.md.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.2"

HEAVY = ("torch", "mlflow", "matplotlib", "scikit-image", "jinja2")
"""What predicting does without; training and its pictures bring them."""
PLATFORMS = {
    "x86_64-pc-windows-msvc": ["win_amd64"],
    "aarch64-apple-darwin": ["macosx_14_0_arm64"],
    # OpenVINO's wheel asks for glibc 2.35: Debian 12, Ubuntu 22.04.
    "aarch64-manylinux_2_35": [
        *(f"manylinux_2_{minor}_aarch64" for minor in range(35, 16, -1)),
        "manylinux2014_aarch64",
    ],
}
"""uv's name of a platform → the tags of its wheels, all of which pip wants to be told (macOS's older ones it knows)."""
SOURCE_ONLY = "antlr4-python3-runtime"
"""Hydra's parser: its release has no wheel. It is Python alone, so one that is made here serves everywhere."""


def read_requirements(extra: str | None = None) -> list[str]:
    """What the package needs by setup.cfg, with an extra where one is named; `full` is every extra but `dev` where
    setup.cfg has none of that name."""
    config = configparser.ConfigParser()
    config.read("setup.cfg")
    extras = {key: config["options.extras_require"][key].split("\n") for key in config["options.extras_require"]}
    extras.setdefault("full", [line for key, lines in extras.items() if key != "dev" for line in lines])
    found = config["options"]["install_requires"].split("\n") + (extras[extra] if extra else [])
    plain: list[str] = []
    while found:
        line = found.pop(0).strip()
        if line and Requirement(line).name.replace("-", "_") == config["metadata"]["name"]:
            found += [inner for key in Requirement(line).extras for inner in extras[key]]
        elif line and line not in plain:
            plain.append(line)
    return plain


def read_extras(leave_out: tuple[str, ...] = ()) -> str:
    """`[full]`, or the names of all extras where setup.cfg has none of that name."""
    config = configparser.ConfigParser()
    config.read("setup.cfg")
    names = [name for name in config["options.extras_require"] if name not in leave_out]
    return "[full]" if "full" in names else f"[{','.join(names)}]"


def install(session: nox.Session) -> None:
    """The package, editable, with everything that development needs, at the versions it was tested with."""
    session.install("-c", "constraints.txt", "-e", ".[dev]")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: mistakes, import order, format; import-linter: who may import whom."""
    session.install("-c", "constraints.txt", "ruff", "import-linter")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """mypy over the packages."""
    install(session)
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The suite, without what takes long; arguments go to pytest."""
    install(session)
    session.run("pytest", *session.posargs)


@nox.session(name="tests-long")
def tests_long(session: nox.Session) -> None:
    """Only what takes long: installed wheels, real servers, longer training."""
    install(session)
    session.run("pytest", "-m", "long", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """The table of faults: kills, disk, damage, signals, workers, tracking, shards, replay, power, fuzz, load; takes an
    hour."""
    install(session)
    session.run("python", "tests/faults/table.py", *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13"], reuse_venv=False)
def light(session: nox.Session) -> None:
    """`pip install .` alone, at the newest versions that setup.cfg allows; predicts a pair from a foreign folder."""
    shutil.rmtree("build", ignore_errors=True)  # setuptools would pack what an earlier build left there
    session.install(".")
    core = {Requirement(line).name.lower() for line in read_requirements()}
    absent = () if "torch" in core else HEAVY
    folder = Path(session.create_tmp()).resolve()
    with session.chdir(folder):
        session.run("stereo-exp", "--help", silent=True)
        session.run("stereo-exp", "task=infer", f"root={folder}/outputs")
        Path("look.py").write_text(LOOK)
        session.run("python", "look.py", *absent)


LOOK = """
import importlib.util, pathlib, sys, sysconfig
import stereo_exp
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name.replace("scikit-image", "skimage"))]
size = sum(f.stat().st_size for f in pathlib.Path(sysconfig.get_path("purelib")).rglob("*") if f.is_file())
print(f"stereo_exp {stereo_exp.__version__} on Python {sys.version.split()[0]}: {size / 1e6:.0f} MB of packages")
sys.exit(f"a light install brought {', '.join(found)}" if found else 0)
"""


@nox.session(python="3.11")
def full(session: nox.Session) -> None:
    """The package with every extra but development's, not editable, and the suite on it; arguments go to pytest."""
    shutil.rmtree("build", ignore_errors=True)
    session.install("-c", "constraints.txt", f".{read_extras(leave_out=('dev',))}")
    session.install("-c", "constraints.txt", "pytest", "pytest-xdist", "hypothesis", "build", "setuptools")
    session.run("pytest", *session.posargs)


@nox.session
def platforms(session: nox.Session) -> None:
    """Light and full resolve from wheels alone for Windows, macOS on arm64 and Linux on aarch64; installs nothing.

    uv resolves, since pip judges environment markers by the machine that it runs on; pip then looks for every wheel.
    """
    session.install("-c", "constraints.txt", "uv")
    folder = Path(session.create_tmp()).resolve()
    (runtime,) = (line for line in Path("constraints.txt").read_text().splitlines() if line.startswith(SOURCE_ONLY))
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", f"{folder}/made", runtime)
    if not list((folder / "made").glob("*-py3-none-any.whl")):
        session.error(f"the wheel of {runtime} is not for every platform")
    wheels = "--only-binary=:all:", f"--find-links={folder}/made"
    for name in ("light", "full"):
        wanted = folder / f"{name}.txt"
        wanted.write_text("\n".join(read_requirements("full" if name == "full" else None)) + "\n")
        for platform, tags in PLATFORMS.items():
            pins, report = folder / f"{name}-{platform}.txt", folder / f"{name}-{platform}.json"
            resolve = "uv", "pip", "compile", "-q", "--no-config", "--no-annotate", "--no-header", *wheels
            target = f"--python-platform={platform}", "--python-version=3.11"
            macos = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # torch's wheels begin there
            session.run(
                *resolve, *target, "-c", "constraints.txt", "-o", str(pins), str(wanted), env=macos, silent=True
            )
            look = "python", "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--no-deps", *wheels
            target = *(f"--platform={tag}" for tag in tags), "--python-version=3.11", f"--target={folder}/none"
            session.run(*look, *target, f"--report={report}", "-r", str(pins), silent=True)
            found = json.loads(report.read_text())["install"]
            files = [entry["download_info"]["url"].rsplit("/", 1)[-1] for entry in found]
            own = sum(not file.endswith("-any.whl") for file in files)
            session.log(f"{name}, {platform}: {len(files)} wheels, {own} of them for this platform")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it into an environment of its own, and run it from a foreign folder."""
    session.install("-c", "constraints.txt", "build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", f"{folder}/dist")
    session.run(
        "python",
        "-m",
        "pip",
        "install",
        "-c",
        "constraints.txt",
        "--find-links",
        f"{folder}/dist",
        "stereo_exp",
    )
    with session.chdir(folder):
        session.run("stereo-exp", "--cfg", "job", "--resolve")


@nox.session
def release(session: nox.Session) -> None:
    """What goes out: the version stands in the CHANGELOG; sdist and wheel are sound, and the wheel alone installs."""
    (version,) = re.findall(r'^VERSION = "(.+)"$', Path("stereo_exp/base/constants.py").read_text(), re.MULTILINE)
    headings = re.findall(r"^## (.+)$", Path("CHANGELOG.md").read_text(), re.MULTILINE)
    (heading,) = [h for h in headings if h.split(" ")[0] == version] or [""]
    if not heading:
        session.error(f"stereo_exp.__version__ is {version}, but CHANGELOG.md has sections {', '.join(headings)} only")
    if "unreleased" in heading:
        session.warn(f"CHANGELOG.md still says {heading!r}: put the day of the release there")
    session.install("-c", "constraints.txt", "build", "twine")
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder / "dist", ignore_errors=True)
    shutil.rmtree("build", ignore_errors=True)
    # The wheel is built from the unpacked sdist, so that both hold the same.
    session.run("python", "-m", "build", "--outdir", f"{folder}/dist")
    files = sorted(str(path) for path in (folder / "dist").iterdir())
    session.run("twine", "check", "--strict", *files)
    (built,) = (file for file in files if file.endswith(".whl"))
    session.run("python", "-m", "venv", "--clear", f"{folder}/venv")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    session.run(str(python), "-m", "pip", "install", "-q", built, external=True)
    with session.chdir(folder):
        session.run(str(python.with_name("stereo-exp")), "--help", external=True, silent=True)
    session.log(f"{version} could go out: {', '.join(Path(file).name for file in files)}")


@nox.session
def notebook(session: nox.Session) -> None:
    """docs/tour.ipynb runs from its first cell to its last; with `-- --store` what comes out is kept in it."""
    pins = "-c", "constraints.txt", "-c", "constraints-notebook.txt"
    session.install(*pins, "-e", ".[dev,notebook]")
    if "--store" in session.posargs:
        session.run("python", "docs/run_notebook.py")
    session.run("pytest", "-n", "0", "-m", "long or not long", "tests/test_notebook.py")


@nox.session
def docs(session: nox.Session) -> None:
    """The pages as a site in outputs/site, which opens and is searched from disk; a dead link is an error."""
    # Versions of its own: nothing of it is needed to develop or to use the package.
    session.install("-c", "docs/constraints.txt", "mkdocs-material")
    session.run("mkdocs", "build", "--strict", "--clean", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})
    session.log("open outputs/site/index.html")


@nox.session
def screens(session: nox.Session) -> None:
    """Pictures of viewer, panels, site, MLflow and report in outputs/screens; `-- --store` renews those of docs.

    Needs Chromium. Look at each of them after new weights, and after changes of what they show.
    """
    session.install("-c", "constraints.txt", "-e", ".[dev]")
    session.install("-c", "docs/constraints.txt", "mkdocs-material")
    session.run("python", "tests/screens.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks that need no runs of one's own, one after the other; each prints a table and one line of JSON."""
    session.install("-c", "constraints.txt", "-e", ".[dev,bench]")
    for name in (
        "cli",
        "first_picture",
        "memory",
        "cost_volume",
        "render",
        "augment",
        "loader",
        "index",
        "accuracy",
        "training_curve",
    ):
        session.run("python", f"benchmarks/{name}.py", *session.posargs)
    folder = session.create_tmp()
    for stage in ("float", "int_infer"):
        options = (f"stage={stage}", "checkpoint=release", "compile.size=[544,960]", f"hydra.run.dir={folder}/{stage}")
        session.run("python", "-m", "stereo_exp", "task=compile", "tracker=none", *options)
    models = f"--float={folder}/float", f"--int8={folder}/int_infer"
    session.run("python", "benchmarks/engines.py", *models, *session.posargs)
