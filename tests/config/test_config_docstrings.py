"""Every field of the schema says what it is, in a docstring under it."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import typing
from pathlib import Path

import pytest

import stereo_exp.config

MODULES = sorted(Path(stereo_exp.config.__file__).parent.glob("*.py"))


def _documented(path: Path) -> dict[str, set[str]]:
    """Class -> its fields that have a docstring under them."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                field.target.id
                for field, below in zip(node.body, node.body[1:], strict=False)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
                and below.value.value.strip()
            }
    return found


DOCUMENTED = {f"stereo_exp.config.{path.stem}": _documented(path) for path in MODULES}


def _fields() -> list[tuple[type, str]]:
    return [
        (cls, field.name)
        for module_name, classes in DOCUMENTED.items()
        for cls in (getattr(importlib.import_module(module_name), name) for name in classes)
        if dataclasses.is_dataclass(cls)
        for field in dataclasses.fields(cls)
    ]


FIELDS = _fields()


def test_the_schema_was_found() -> None:
    names = {f"{cls.__name__}.{field}" for cls, field in FIELDS}
    assert {"Root.task", "Loader.crop", "Optim.lr", "Model.maxdisp", "Shapes.num_train"} <= names


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=[f"{c.__name__}.{f}" for c, f in FIELDS])
def test_field_is_documented(cls: type, field: str) -> None:
    if dataclasses.is_dataclass(typing.get_type_hints(cls)[field]):
        return  # a node: its own fields tell
    # An option repeats a field to give it another default; the base class says what it is.
    told = [c for c in cls.__mro__ if field in DOCUMENTED.get(c.__module__, {}).get(c.__name__, ())]
    assert told, f"{cls.__name__}.{field} needs a docstring under it"
