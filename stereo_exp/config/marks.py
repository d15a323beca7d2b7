"""What the fields of the configuration mean to what comes later, marked where they are declared.

`network`: a checkpoint holds the network of these values and no other. `run`: a run can go on where another stopped if
these are equal; they decide which numbers come out. `task`: what is done with a network, which says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NETWORK, RUN, TASK = "network", "run", "task"
Node = TypeVar("Node", bound="DataclassInstance")
_MAKES, _FREE, _NARROWS = "makes", "free", "narrows"


def makes(*marks: str, default: Any = MISSING, default_factory: Any = MISSING, **metadata: Any) -> Any:
    """A field that is part of what each of `marks` stands for, with all that lies below it."""
    return field(default=default, default_factory=default_factory, metadata={_MAKES: frozenset(marks), **metadata})


def narrows(default: Any = MISSING, *, default_factory: Any = MISSING, **metadata: Any) -> Any:
    """A field of a network's part that says how many channels its units have inside, a number or one for each stage:
    training may start from weights of a network that has more of them there (`stereo_exp.quant.narrow`)."""
    return field(default=default, default_factory=default_factory, metadata={_NARROWS: True, **metadata})


def widen_part(ours: Node, theirs: Any) -> Node | None:
    """A part of a network with another's values where `narrows` marks them; None: one of its own is larger, or they are
    not as many. A part of another kind is left as it is."""
    if type(ours) is not type(theirs):
        return ours
    marked = [each.name for each in fields(ours) if each.metadata.get(_NARROWS)]
    for name in marked:
        here, there = (
            each if isinstance(each, list) else [each] for each in (getattr(p, name) for p in (ours, theirs))
        )
        if len(here) != len(there) or any(a > b for a, b in zip(here, there, strict=True)):
            return None
    return replace(ours, **{name: getattr(theirs, name) for name in marked})


def free(default: Any = MISSING, *, default_factory: Any = MISSING, **metadata: Any) -> Any:
    """A field below a marked one that changes how fast things go or where they lie, not what comes out."""
    return field(default=default, default_factory=default_factory, metadata={_FREE: True, **metadata})


def facts(node: Any, mark: str) -> dict[str, Any]:
    """The values of a bound config, or of a part of it, that `mark` stands for, as plain dictionaries."""
    found: dict[str, Any] = {}
    for each in fields(node):
        value = getattr(node, each.name)
        if mark in each.metadata.get(_MAKES, ()):
            found[each.name] = _without_free(value)
        elif is_dataclass(value) and (below := facts(value, mark)):
            found[each.name] = below
    return found


def keys_of(schema: type, mark: str) -> list[str]:
    """The fields of a schema that carry a mark themselves."""
    return [each.name for each in fields(schema) if mark in each.metadata.get(_MAKES, ())]


def find_differences(a: Any, b: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The keys at which two configs differ, with both values; a `name`, which says what else there is, first."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for name in sorted(a.keys() | b.keys(), key=lambda each: (each != "name", each)):
            yield from find_differences(a.get(name), b.get(name), f"{key}.{name}" if key else name)
    elif a != b:
        yield key, a, b


def first_difference(a: Any, b: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first of `find_differences`."""
    return next(find_differences(a, b, key), None)


def _without_free(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _without_free(getattr(value, f.name)) for f in fields(value) if not f.metadata.get(_FREE)}
    if isinstance(value, Mapping):
        return {key: _without_free(each) for key, each in value.items()}
    return value
