"""The rooms below the suite speak of arguments: no key of the config, no option, no command stands in their text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import stereo_exp
from stereo_exp.base.registry import GROUPS
from stereo_exp.config.binding import list_chosen_nodes
from stereo_exp.config.schema import Root
from stereo_exp.suite.keys import EVERYWHERE, FIXES, KEYS

PACKAGE = Path(stereo_exp.__file__).parent
ROOMS = ("base", "geometry", "model", "shapes", "data", "runtime", "quant", "deploy")
FILES = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text())
    for room in ROOMS
    for path in sorted((PACKAGE / room).rglob("*.py"))
}
ALLOWED = {
    # Groups of options carry the name that users type, so that one table holds them all.
    ("deploy/engines/__init__.py", "compile.engines"),
    # Where the quantisers lie in the trunk.
    ("quant/network.py", "quant."),
}
# What an error may be about that is neither an argument nor a file.
PACKAGES = {"scikit-image", "torchao"}


def _keys(schema: Any, place: str = "") -> Iterator[str]:
    hints = get_type_hints(schema)
    for field in fields(schema):
        key = f"{place}{field.name}"
        yield key
        if is_dataclass(hints[field.name]):
            yield from _keys(hints[field.name], f"{key}.")


def config_keys() -> set[str]:
    """Every key of the configuration, of every option's node too."""
    found = set(_keys(Root))
    for node, options in list_chosen_nodes():
        for each in options.values():
            found |= set(_keys(each.schema or each.load(), f"{node}."))
    return found


KEYS_OF_CONFIG = config_keys()
_DOTTED = "|".join(re.escape(key) for key in sorted(KEYS_OF_CONFIG, reverse=True) if "." in key)
_GROUPS = "|".join(re.escape(key) for key in sorted(GROUPS, reverse=True) if "/" in key)
_NODES = "|".join(sorted({key.split(".")[0] for key in KEYS_OF_CONFIG if "." in key}))
_TYPED = "|".join(field.name for field in fields(Root))
WORDS = re.compile(
    rf"(?<![\w.])(?:(?:{_DOTTED}|{_GROUPS})(?![\w(])|(?:{_TYPED})=|(?:{_NODES})\.\0)|python -m stereo_exp(?![.\w])"
)


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string but docstrings; what an f-string fills in is a NUL."""
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def words_of_the_command_line(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, word) of all that only somebody at the command line understands."""
    return [(line, found[0].rstrip("\0")) for line, text in literals(tree) for found in WORDS.finditer(text)]


@pytest.mark.parametrize("file", FILES)
def test_no_message_below_the_suite_names_a_key_or_a_command(file: str) -> None:
    found = [(line, word) for line, word in words_of_the_command_line(FILES[file]) if (file, word) not in ALLOWED]
    assert not found, f"{file}: raise about the argument, and give its key in stereo_exp/suite/keys.py"


@pytest.mark.parametrize(
    "code",
    [
        'raise UserError("infer.right", None, "", "")',
        'fix = "or add stage=float"',
        'fix = f"use dataset={other}"',
        'key = f"dataset.{name}"',
        'key = "quant/target"',
        'fix = "list them with: python -m stereo_exp --cfg job"',
        'fix = "raise loader.workers"',
        'rule = f"as in quant.target.weight_bits={bits}"',
    ],
)
def test_such_words_are_found(code: str) -> None:
    assert words_of_the_command_line(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        'raise ArgumentError("right", None, "", "add {right}=FILE, or {name}=other")',
        '"""`infer.right=FILE`"""',
        'path = folder / "model.onnx"',
        'raise ArgumentError(f"{threads}", threads, f"try {{threads}}={cores}")',
        'prog = "python -m stereo_exp.runtime"',
        'label = f"backbone.stages.{i}"',
    ],
)
def test_other_words_are_not(code: str) -> None:
    assert not words_of_the_command_line(ast.parse(code))


@pytest.mark.parametrize("file", FILES)
def test_an_error_about_a_name_is_an_argument_error(file: str) -> None:
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            about = node.args[0]
            if node.func.id in ("UserError", "DataError", "CheckpointError") and isinstance(about, ast.Constant):
                assert about.value in PACKAGES, f"{file}:{node.lineno}"


def _names(file: ast.AST) -> Iterator[str]:
    for node in ast.walk(file):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_the_table_holds_arguments_that_are_and_keys_that_are() -> None:
    names = {name for tree in FILES.values() for name in _names(tree)}
    tables = [EVERYWHERE, *KEYS.values()]
    assert {argument for table in tables for argument in table} <= names
    assert {key for table in tables for key in table.values()} <= KEYS_OF_CONFIG | GROUPS.keys()
    assert set(KEYS) - {"dataset"} <= set(GROUPS["task"])


def test_what_the_table_of_fixes_replaces_is_still_said() -> None:
    said = {text for tree in FILES.values() for _, text in literals(tree)}
    assert set(FIXES) <= said
