"""Sessions for developers: `nox` runs lint, types and tests; `nox -l` lists them all."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.2"


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
def bench(session: nox.Session) -> None:
    """Every benchmark, one after the other; each prints a table and one line of JSON."""
    session.install("-c", "constraints.txt", "-e", ".[dev,bench]")
    for name in ("cli", "cost_volume", "render", "augment", "loader", "index", "accuracy", "training_curve"):
        session.run("python", f"benchmarks/{name}.py", *session.posargs)
    folder = session.create_tmp()
    for stage in ("float", "int_infer"):
        options = (f"stage={stage}", "checkpoint=release", "compile.size=[544,960]", f"hydra.run.dir={folder}/{stage}")
        session.run("python", "-m", "stereo_exp", "task=compile", "tracker=none", *options)
    models = f"--float={folder}/float", f"--int8={folder}/int_infer"
    session.run("python", "benchmarks/engines.py", *models, *session.posargs)
