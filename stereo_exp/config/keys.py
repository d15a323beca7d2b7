"""The keys of a schema: what may be typed below a node, of which type, with which default, and what it means.

The meaning is the string literal under the field, which Python throws away: it is read from the class's source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import omegaconf

MUST_BE_GIVEN = omegaconf.MISSING
"""The default of a key that has none."""


@dataclass(frozen=True)
class Key:
    """One field of a schema."""

    name: str
    """As users type it, `model.maxdisp`."""
    type: str
    """As the source has it."""
    default: Any
    """`???` where there is none."""
    text: str
    """The sentences under the field, in one line; empty where there are none."""

    @property
    def field(self) -> str:
        """The name without its node."""
        return self.name.rpartition(".")[2]

    def with_values(self, values: Mapping[str, Any]) -> Key:
        """With the default that `values` of its node say."""
        if self.field not in values:
            return self
        value = values[self.field]
        both = isinstance(value, Mapping) and isinstance(self.default, Mapping)
        return replace(self, default={**self.default, **value} if both else value)

    def __str__(self) -> str:
        return f"{self.name}: {self.type} {self.default_text}"

    @property
    def default_text(self) -> str:
        """The default behind an equals sign, as YAML has it."""
        return "(must be given)" if self.default == MUST_BE_GIVEN else f"= {as_yaml(self.default)}"


def list_keys(schema: type, node: str = "") -> list[Key]:
    """The keys of `schema` at `node`, in the order of their declaration, without `name` and the nodes below."""
    texts, nodes = sentences(schema), sub_nodes(schema)
    return [
        Key(f"{node}.{each.name}".lstrip("."), _type(each), _default(each), texts.get(each.name, ""))
        for each in fields(schema)
        if each.name not in nodes and (each.name != "name" or not node)
    ]


def sub_nodes(schema: type) -> dict[str, type]:
    """Field -> schema, of the fields that are nodes themselves."""
    return {key: hint for key, hint in _hints(schema).items() if isinstance(hint, type) and is_dataclass(hint)}


def sentences(schema: type) -> dict[str, str]:
    """Field -> what its docstring says, in one line; a field that is declared again keeps the first one's words."""
    found: dict[str, str] = {}
    for each in reversed(schema.__mro__):
        file = getattr(sys.modules.get(each.__module__), "__file__", None)
        if is_dataclass(each) and file is not None:
            found |= _documented(file).get(each.__qualname__, {})
    return found


def as_yaml(value: Any) -> str:
    """A default as one types it: null, true, 0.5, [256, 512], {a: 1}."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {as_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_yaml, value))}]"
    return str(value)


@cache
def _documented(file: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the string literal under it, of every class at the top of a file."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}  # compiled, or out of an archive: the keys go without their sentences
    return {node.name: dict(_literals(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for above, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name) and isinstance(below, ast.Expr):
            literal = below.value
            if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                yield above.target.id, " ".join(literal.value.split())


@cache
def _hints(schema: type) -> dict[str, Any]:
    return get_type_hints(schema)


def _type(each: Field[Any]) -> str:
    kind: Any = each.type
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind)) if type(kind) is type else str(kind)


def _default(each: Field[Any]) -> Any:
    if each.default_factory is not MISSING:
        return each.default_factory()
    return MUST_BE_GIVEN if each.default is MISSING else each.default
