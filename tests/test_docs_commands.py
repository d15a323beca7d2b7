"""Every fenced command of README and docs is composed, parsed by its own program, or of a tool that is there."""

from __future__ import annotations

import argparse
import ast
import re
import runpy
import shlex
import sys
from collections.abc import Sequence
from configparser import ConfigParser
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from test_docs import PAGES, ROOT, entrypoint_commands, is_entrypoint, read

SHELL = re.compile(r"```(?:bash|sh)\n(.*?)```", re.DOTALL)
TOOLS = {
    "lint-imports": "nox -s lint runs it",
    "python -m pytest": "this is it",
    "python3 -m venv .venv": "of Python itself",
    ". .venv/bin/activate": "of Python itself",
    "rerun photos/recording.rrd": "of rerun-sdk",
}
"""Commands of other programs that are right as they stand."""


def fenced_commands(pages: Sequence[Path] = PAGES) -> list[str]:
    """Each once, without its comment."""
    lines = (line for page in pages for block in SHELL.findall(read(page)) for line in block.splitlines())
    words = (shlex.split(part, comments=True) for line in lines for part in line.split("&&"))
    return sorted({unwrap(shlex.join(each)) for each in words if each})


def unwrap(command: str) -> str:
    """The command that Slurm, or xargs, is given, as its first job runs it; any other as it is."""
    if not command.startswith(("sbatch ", "seq ")):
        return command
    inner = command[command.index("python -m ") :].replace("$SLURM_ARRAY_TASK_ID", "1").replace("{}", "1")
    return inner.replace("'", "")


def kind_of(command: str) -> str:
    """How a command is held: `composed`, `parsed`, `installed` or `known`; empty where nothing holds it."""
    if is_entrypoint(command):
        return "composed"
    if re.match(r"python (-m (stereo_exp|data_tools)\.|(benchmarks|docs|tests)/)", command):
        return "parsed"
    if command.startswith("pip install "):
        return "installed"
    return "known" if command in TOOLS else ""


def of_kind(kind: str) -> list[str]:
    return [command for command in fenced_commands() if kind_of(command) == kind]


def test_something_holds_every_command() -> None:
    assert [command for command in fenced_commands() if not kind_of(command)] == []
    assert len(of_kind("parsed")) >= 15 and len(of_kind("installed")) >= 8


def test_every_composed_command_is_among_those_that_are_composed() -> None:
    """What needs packages of others, or the page's own, has tests of its own: launchers, sweepers and plugins."""
    composed = {shlex.join(shlex.split(command, comments=True)) for command in entrypoint_commands()}
    of_plugins = set(fenced_commands([page for page in PAGES if page.name == "plugins.md"]))
    others = set(of_kind("composed")) - composed - of_plugins
    assert [command for command in sorted(others) if not re.search(r"hydra/(launcher|sweeper)=", command)] == []


class Parsed(Exception):
    """A program has read its arguments."""


@pytest.mark.parametrize("command", of_kind("parsed"))
def test_a_program_takes_its_arguments(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)[1:]
    as_module = words[0] == "-m"
    name, arguments = (words[1], words[2:]) if as_module else (words[0], words[1:])
    if not arguments:
        # It would do its work.
        assert find_spec(name) if as_module else ast.parse((ROOT / name).read_text())
        return
    plain = argparse.ArgumentParser.parse_args

    def parse(parser: argparse.ArgumentParser, *given: object, **more: object) -> None:
        plain(parser, *given, **more)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    if not as_module:
        monkeypatch.syspath_prepend(str((ROOT / name).parent))
    with pytest.raises(Parsed):
        if as_module:
            runpy.run_module(name, run_name="__main__")
        else:
            runpy.run_path(str(ROOT / name), run_name="__main__")


@pytest.mark.parametrize("command", of_kind("installed"))
def test_what_is_installed_exists(command: str) -> None:
    words = shlex.split(command)[2:]
    files = [word for flag, word in pairwise(words) if flag == "-c"]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    known = set(config["options.extras_require"])
    pinned = "".join((ROOT / file).read_text() for file in files)
    for word in (word for word in words if not word.startswith("-") and word not in files):
        package, _, extras = word.rstrip("]").partition("[")
        assert set(extras.split(",")) - {""} <= known, word
        assert package in (".", "stereo_exp") or f"\n{package}==" in pinned, word
