"""The files under conf/: the options of every group, what they say of themselves and which defaults they set.

Read without Hydra, which composes the whole configuration to answer for one file. Only what our files make use of is
understood: a schema, an option of the same group to build on, options of groups below, and values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stereo_exp.base import GROUPS, Option, UserError

_HIDDEN = ("hydra", "local")
_HERE = ("", "_here_", "_group_")
_GLOBAL = "_global_"
_PACKAGE = re.compile(r"@package\s+(\S+)")


def conf_dir() -> Path:
    """The folder of config files.

    The package's own comes first: a `conf` beside an installed package would be somebody else's.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise FileNotFoundError("no conf/config.yaml inside or beside the stereo_exp package")


CONF_FOLDERS: list[Path] = []
"""The conf/ folders of the plug-ins, in the order in which they were loaded."""
USER_FOLDERS: list[Path] = []
"""Folders that the command line adds; Hydra looks into them after ours."""


ENGINE = "engine"
"""The group whose options all have the same keys, and no dataclass of their own."""


def bare_options() -> Iterator[Option]:
    """Options from outside that no YAML file stands for: their dataclasses are all there is to choose."""
    for key, options in GROUPS.items():
        for option in options.values():
            is_choice = option.schema is not None or key == ENGINE
            if is_choice and not option.is_ours and not _has_file(key, option.name):
                yield option


def _has_file(key: str, name: str) -> bool:
    return any((folder / key / f"{name}.yaml").is_file() for folder in (*CONF_FOLDERS, *USER_FOLDERS))


@dataclass
class Choice:
    """What one file says, together with what it builds on."""

    group: str
    """Where it lies, `model/backbone`."""
    name: str
    """Of the file."""
    text: str = ""
    """The comment at its top."""
    is_global: bool = False
    """Its values stand at the top of the configuration, not at the group's node."""
    base: str | None = None
    """The option of the same group that it builds on."""
    schema: str | None = None
    """Name of the option in the table whose keys it has."""
    values: dict[str, Any] = field(default_factory=dict)
    """What it sets below its node, interpolations open; an option that it puts there stands by its name."""
    picks: dict[str, str] = field(default_factory=dict)
    """Group -> option, of the groups that it chooses for."""
    forces: dict[str, str] = field(default_factory=dict)
    """Group -> option, of the groups in which it takes the place of what was chosen (`override`)."""
    package: str = ""
    """Where its values stand, as its comment says; empty: at the group's node."""

    @property
    def is_preset(self) -> bool:
        """Whether its group has no node of its own: it chooses among groups beside it, and sets values there."""
        return self.package not in (*_HERE, _GLOBAL)


class Choices:
    """The options of every group: ours, those of the plug-ins that are loaded and those of further folders.

    Args:
        more: folders as `--config-dir` takes them.
    """

    def __init__(self, more: Sequence[Path] = ()) -> None:
        self.folders = (conf_dir(), *CONF_FOLDERS, *more)
        self._bare = {(each.group, each.name): each for each in bare_options()}

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """Group -> its options, by name."""
        found: dict[str, set[str]] = {}
        for folder in self.folders:
            for path in folder.rglob("*.yaml"):
                group = path.parent.relative_to(folder).as_posix()
                if group != "." and group.split("/")[0] not in _HIDDEN:
                    found.setdefault(group, set()).add(path.stem)
        for group, name in self._bare:
            found.setdefault(group, set()).add(name)
        return {group: sorted(names) for group, names in found.items()}

    @cached_property
    def defaults(self) -> dict[str, str]:
        """Group -> the option that is taken where none is named."""
        top = self.top.picks
        chosen = [self.read(group, name) for group, name in top.items() if name in self.groups.get(group, ())]
        below = {group: name for choice in chosen for group, name in self._picks(choice).items()}
        return {**below, **top, **{group: name for choice in chosen for group, name in choice.forces.items()}}

    def _picks(self, choice: Choice) -> dict[str, str]:
        """What a choice picks, and what that picks in turn."""
        picked = dict(choice.picks)
        for group, name in choice.picks.items():
            if name in self.groups.get(group, ()):
                picked |= self._picks(self.read(group, name))
        return picked

    @cached_property
    def top(self) -> Choice:
        """conf/config.yaml."""
        return self.read("", "config")

    def read(self, group: str, name: str) -> Choice:
        """One option.

        Raises:
            UserError: there is no such file, or it is not YAML.
        """
        below = f"{group}/{name}.yaml".lstrip("/")
        path = next((folder / below for folder in self.folders if (folder / below).is_file()), None)
        if path is None and (group, name) in self._bare:
            # Of a group of named things, as augmentations are, the option puts one there under its name.
            is_named = group == "augment"
            text = summary(self._bare[group, name].schema)
            return Choice(group, name, text, schema=name, values={name: name} if is_named else {})
        if path is None:
            raise UserError(group, name, "has no YAML", f"the options are {', '.join(self.groups.get(group, ()))}")
        source = path.read_text()
        try:
            values = yaml.safe_load(source) or {}
        except yaml.YAMLError as error:
            raise UserError(path, None, f"is not YAML ({error})", "mend it") from None
        choice = Choice(group, name)
        choice.text, choice.package = _comment(source)
        choice.is_global = choice.package == _GLOBAL
        own = {key: value for key, value in values.items() if key not in ("defaults", "hydra")}
        entries = list(values.get("defaults") or ())
        if "_self_" not in entries:
            entries.append("_self_")
        for entry in entries:
            if entry == "_self_":
                choice.values = _merged(choice.values, own)
            else:
                self._add(choice, entry)
        return choice

    def _add(self, choice: Choice, entry: str | Mapping[str, str | None]) -> None:
        """One entry of a defaults list: `[optional] [/]group[@place]: option`, or `[/][group/]option[@place]`."""
        key, option = (entry, None) if isinstance(entry, str) else next(iter(entry.items()))
        *words, where = key.split()
        where, _, place = where.partition("@")
        if "override" in words:
            if option is not None and where.startswith("/"):
                choice.forces[where[1:]] = option
            elif option is not None:
                # Of what the option builds on.
                choice.picks[f"{choice.group}/{where}"] = option
            return
        where = where[1:] if where.startswith("/") else f"{choice.group}/{where}".lstrip("/")
        if isinstance(entry, str):
            where, _, option = where.rpartition("/")
        if option is None:
            return
        if where.split("/")[0] == "schema" or not where:
            choice.schema = option
        elif choice.package and f"{choice.package}.{place}" == where.replace("/", "."):
            # A preset of a group beside its own: `/model/volume@volume: NAME` in a file of `@package model`.
            choice.picks[where] = option
        elif place not in _HERE:
            *parents, leaf = place.split(".")
            node = choice.values
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = option
        elif isinstance(entry, str) or place:
            other = self.read(where, option)
            choice.base = other.name if where == choice.group else choice.base
            choice.schema = other.schema or choice.schema
            choice.values = _merged(choice.values, other.values)
            choice.picks |= other.picks
        else:
            choice.picks[where] = option


def _comment(source: str) -> tuple[str, str]:
    """The comment at a file's top in one line, and the package that it names."""
    package, said = "", []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        if told := _PACKAGE.search(line):
            package = told[1]
        else:
            said.append(line.lstrip("# "))
    return " ".join(said), package


def summary(schema: type | None) -> str:
    """What a dataclass says of itself first, in one line."""
    text = ((schema and schema.__doc__) or "").strip()
    # What dataclasses write themselves where nothing is said.
    is_made = schema is not None and text.startswith(f"{schema.__name__}(")
    return "" if is_made else " ".join(text.partition("\n\n")[0].split())


def _merged(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    both = (key for key in b if isinstance(a.get(key), Mapping) and isinstance(b[key], Mapping))
    return {**a, **b, **{key: _merged(a[key], b[key]) for key in both}}
