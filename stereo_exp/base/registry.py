"""The table of options: for every group, names with the schema of their keys and the code that they stand for.

One declaration makes an option, ours or a plug-in's:

    @option("model/backbone", "half", "my_package.half:HalfNet")
    @dataclass
    class Half(Backbone):
        name: str = "half"
        width: float = 0.5

The code is named by `module:attribute` and imported when the option is used, so that `--help`, tab completion and
config errors never wait for torch; a plug-in may hand over the object itself. Config files carry names only, no
`_target_`: a config from a stranger's checkpoint can choose among the options of this table and do nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, TypeVar

from stereo_exp.base.errors import UserError

Schema = TypeVar("Schema", bound=type)
NOT_BUILT_FROM = {"build": False}
"""Metadata of a schema's field that says something to its readers and nothing to the builder."""
PLUGINS: list[str] = []
"""Modules that were loaded because the user named them, or installed them with an entry point; in order."""
_OURS = __name__.partition(".")[0]


@dataclass(frozen=True)
class Option:
    """One choice of a group.

    Attributes:
        group: as users type it, `model/backbone`.
        name: as users type it.
        schema: the dataclass of its keys; None where an option has none of its own.
        builder: what the option stands for, `module:attribute` or the object itself; None: a choice without code.
    """

    group: str
    name: str
    schema: type | None
    builder: str | Callable[..., Any] | None

    @property
    def origin(self) -> str:
        """Where it is declared: the schema, or where there is none the code."""
        named = self.builder if self.schema is None else self.schema
        return named if isinstance(named, str) else f"{named.__module__}.{named.__qualname__}"  # type: ignore[union-attr]

    @property
    def is_ours(self) -> bool:
        """Whether this package declares it; else a plug-in, or the user's own script."""
        return self.origin.partition(".")[0] == _OURS

    @property
    def plugin(self) -> str:
        """What to name in `plugins=` to have it; of our own options, the empty string."""
        if self.is_ours:
            return ""
        module = self.origin.partition(":")[0] if self.schema is None else self.schema.__module__
        return next((name for name in PLUGINS if module == name or module.startswith(f"{name}.")), module)

    def load(self) -> Any:
        """What the option stands for, imported now.

        Raises:
            UserError: a plug-in's option whose code cannot be imported.
        """
        if not isinstance(self.builder, str):
            return self.builder
        module, attribute = self.builder.split(":")
        if self.is_ours:
            return getattr(import_module(module), attribute)
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            fix = f"mend the declaration of {self.origin}, or its code"
            raise UserError(self.group, self.name, f"stands for {self.builder}: {error}", fix) from None


class Group(Mapping[str, Option]):
    """The options of one group, in the order of their declaration."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._options: dict[str, Option] = {}

    def __getitem__(self, name: str) -> Option:
        try:
            return self._options[name]
        except KeyError:
            rule = f"must be one of {', '.join(self)}"
            raise UserError(self.key, name, rule, f"choose one, e.g. {self.key}={next(iter(self), 'NAME')}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._options

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def add(self, option: Option) -> None:
        """Declare one; of two with one name the same declaration counts once.

        Raises:
            UserError: the name is taken by another option.
        """
        there = self._options.get(option.name)
        if there is not None and there.origin != option.origin:
            rule = f"is declared twice: by {there.origin} and by {option.origin}"
            raise UserError(self.key, option.name, rule, "give one of them another name")
        self._options[option.name] = option


GROUPS: dict[str, Group] = {}
"""Every group by what users type."""


def group(key: str) -> Group:
    """The options of a group, which is made when it is asked for."""
    return GROUPS.setdefault(key, Group(key))


def outside(key: str) -> tuple[str, ...]:
    """The options of a group that plug-ins add."""
    return tuple(each.name for each in GROUPS[key].values() if not each.is_ours) if key in GROUPS else ()


def option(key: str, name: str, builder: str | Callable[..., Any] | None = None) -> Callable[[Schema], Schema]:
    """Decorates the dataclass of an option's keys.

    Args:
        key: the group.
        name: the option; also what the dataclass's field `name` has for its default.
        builder: called with the fields of the dataclass, but for `name`, as keyword arguments, and with what the group
            hands over besides (docs/plugins.md). None: the dataclass itself.
    """

    def declare_schema(schema: Schema) -> Schema:
        group(key).add(Option(key, name, schema, schema if builder is None else builder))
        return schema

    return declare_schema


def declare(key: str, **builders: str) -> Group:
    """Options without keys of their own, engines for one: name -> `module:attribute`; returns the group."""
    for name, builder in builders.items():
        group(key).add(Option(key, name, None, builder))
    return group(key)


def build(key: str, node: Any, **given: Any) -> Any:
    """What a config node describes: its option's builder, called with the node's fields.

    Args:
        key: the group.
        node: an instance of the option's schema.
        given: further arguments, which the group hands over.

    Raises:
        UserError: a plug-in's builder that does not take these arguments.
    """
    option = group(key)[node.name]
    builder = option.load()
    keywords = {**arguments(node), **given}
    if not option.is_ours:
        _check_takes(option, builder, keywords)
    return builder(**keywords)


def arguments(node: Any) -> dict[str, Any]:
    """What a config node says to its builder: its fields but for `name`."""
    return {f.name: getattr(node, f.name) for f in fields(node) if f.name != "name" and f.metadata.get("build", True)}


def _check_takes(option: Option, builder: Callable[..., Any], keywords: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(builder)
    except ValueError:
        return  # written in C: calling it will tell
    try:
        signature.bind(**keywords)
    except TypeError as error:
        rule = f"its builder is called with {', '.join(f'{each}=' for each in keywords)}: {error}"
        raise UserError(option.group, option.name, rule, f"mend the builder that {option.origin} names") from None
