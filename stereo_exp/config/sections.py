"""What is to be said of a place of the configuration: its keys, its options and theirs, the nodes below it.

`--help NAME` prints it; whoever writes a page about the configuration can take it from here too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stereo_exp.base import GROUPS, Option, UserError
from stereo_exp.config.choices import Choice, Choices, summary
from stereo_exp.config.keys import MUST_BE_GIVEN, Key, list_keys, sentences, sub_nodes
from stereo_exp.config.schema import Root

# Of these the keys are with the code of what is named there: imported when they are asked for.
_BY_NAME = "augment"


@dataclass(frozen=True)
class Node:
    """A place of the configuration."""

    key: str
    """`model.backbone`."""
    schema: type | None = None
    """The keys that all that may stand there have in common; None where there is no node: `experiment`."""

    @property
    def group(self) -> str:
        """The group whose options may stand there, if it is one."""
        return self.key.replace(".", "/")


@dataclass(frozen=True)
class Section:
    """What is said of a node or of one option."""

    title: str
    """As users type it."""
    text: str = ""
    """What it is."""
    keys: list[Key] = field(default_factory=list)
    """Those that are told of for the first time."""
    base: str | None = None
    """The option that it builds on."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Key -> default, where another was told."""

    def only(self, key: str) -> Section:
        """The part that is about one key."""
        keys, changes = [k for k in self.keys if k.name == key], {k: v for k, v in self.changes.items() if k == key}
        return replace(self, text="", keys=keys, changes=changes)


def sections(name: str, choices: Choices) -> list[Section]:
    """What is said of a group, a node or a key, `model/backbone`, `model.backbone` or `model.backbone.width`.

    Raises:
        UserError: there is none of that name.
    """
    key = name.partition("=")[0].strip("/.").replace("/", ".")
    if node := _find(key, choices):
        return list(_about(node, choices))
    parent = _find(key.rpartition(".")[0], choices)
    found = [section.only(key) for section in _about(parent, choices, below=False)] if parent else []
    found = [section for section in found if section.keys or section.changes]
    if not found:
        near = difflib.get_close_matches(name, _all_names(choices), n=3)
        fix = f"try --help {' or '.join(near)}" if near else "see all with --help, --cfg job"
        raise UserError(f"--help {name}", None, "is no group, node or key of the configuration", fix)
    return found


def _find(key: str, choices: Choices) -> Node | None:
    """The node of that key; the top of the configuration has none."""
    node = Node("", Root)
    for part in key.split(".") if key else ():
        found = [below[part] for schema in _schemas(node) if part in (below := sub_nodes(schema))]
        if not found:
            break
        node = Node(f"{node.key}.{part}".lstrip("."), found[0])
    if node.key == key:
        return node if key else None
    group, _, name = key.partition(".")
    if group == _BY_NAME and name in GROUPS[group]:
        option = GROUPS[group][name]
        return Node(key, option.schema or option.load())
    known = {*choices.groups, *(each.name for each in list_keys(Root))}
    return Node(key) if key.replace(".", "/") in known else None


def _schemas(node: Node) -> list[type]:
    """What may stand at a node: what its options have in common, and theirs."""
    options: Mapping[str, Option] = GROUPS.get(node.group, {}) if node.schema else {}
    return [*([node.schema] if node.schema else []), *(o.schema for o in options.values() if o.schema)]


def _about(node: Node, choices: Choices, below: bool = True) -> Iterator[Section]:
    """The sections of a node: itself, its options, and the nodes under it."""
    group = node.group if node.group in choices.groups else ""
    if node.schema is None:
        common = [key for key in _top_keys(choices) if key.name == node.key]
    else:
        common = list_keys(node.schema, node.key)
    yield Section(group or node.key, _text_of(node.schema) or _text_of_presets(group, choices), common)
    for name in choices.groups.get(group, ()):
        yield _option(node, choices.read(group, name), common, choices)
    if below and node.key == _BY_NAME:
        for name in GROUPS[_BY_NAME]:
            if found := _find(f"{_BY_NAME}.{name}", choices):
                yield from _about(found, choices)
    if below:
        nodes: dict[str, type | None] = {k: s for each in _schemas(node) for k, s in sub_nodes(each).items()}
        presets = (name.rpartition("/") for name in choices.groups if node.schema is not None)
        nodes |= {name: None for above, _, name in presets if above == node.group and name not in nodes}
        for key, schema in nodes.items():
            yield from _about(Node(f"{node.key}.{key}", schema), choices)


def _top_keys(choices: Choices) -> list[Key]:
    """The keys that stand below no node, of which some are groups, too: `task`."""
    keys = [key.with_values(choices.top.values) for key in list_keys(Root)]
    return [key.with_values(choices.defaults) if key.default == MUST_BE_GIVEN else key for key in keys]


def _option(node: Node, choice: Choice, common: Sequence[Key], choices: Choices) -> Section:
    """One option: the keys that it has beside the common ones, and defaults that differ from those told before."""
    is_default = choices.defaults.get(choice.group) == choice.name
    title = f"{choice.group}={choice.name}{' (default)' if is_default else ''}"
    if choice.is_global:
        return Section(title, choice.text)
    keys = _keys_of(node, choice)
    base = choices.read(choice.group, choice.base) if choice.base else None
    told = {key.name: key for key in ([] if node.schema is None else common)}
    told |= {key.name: key for key in (_keys_of(node, base) if base else [])}
    changes = {key.name: key.default for key in keys if key.name in told and key.default != told[key.name].default}
    named = {key.field for key in keys} | {"name"}
    place = choice.package if choice.is_preset else node.key
    before = {} if base is None else dict(_flat(base.values, place))
    for key, value in _flat({k: v for k, v in choice.values.items() if k not in named}, place):
        if key not in before or before[key] != value:
            changes[key] = value
    # A preset is what it picks, the defaults among them too.
    changes |= {g: name for g, name in choice.picks.items() if choice.is_preset or choices.defaults.get(g) != name}
    return Section(title, choice.text, [key for key in keys if key.name not in told], choice.base, changes)


def _keys_of(node: Node, choice: Choice) -> list[Key]:
    """The keys of an option with the defaults that are in force when it is chosen."""
    if node.schema is None:
        return []
    name = str(choice.values.get("name", choice.schema))
    options: Mapping[str, Option] = GROUPS.get(choice.group, {})
    schema = (options[name].schema if name in options else None) or node.schema
    return [key.with_values(choice.values) for key in list_keys(schema, node.key)]


def _text_of(schema: type | None) -> str:
    """What a node is: the sentence about what chooses among its options, or the first of its class."""
    if schema is not None and "name" in (told := sentences(schema)):
        return told["name"]
    return summary(schema)


def _text_of_presets(group: str, choices: Choices) -> str:
    """What a group is whose options choose among groups beside it; empty: they have values of their own."""
    found = [choices.read(group, name) for name in choices.groups.get(group, ())]
    picked = dict.fromkeys(each for choice in found if choice.is_preset for each in choice.picks)
    return f"Presets of {', '.join(picked)}; what is typed for one of them wins." if picked else ""


def _flat(values: Mapping[str, Any], node: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{node}.{key}")
        else:
            yield f"{node}.{key}", value


def _all_names(choices: Choices) -> list[str]:
    """Everything that may be asked for, but for the keys of what is imported only when it is asked for."""
    names = [*choices.groups, *(f"{_BY_NAME}.{name}" for name in GROUPS[_BY_NAME])]
    nodes = [Node("", Root)]
    for node in nodes:
        names += [node.key] if node.key and node.group not in choices.groups else []
        for schema in _schemas(node):
            names += [key.name for key in list_keys(schema, node.key)]
            nodes += [Node(f"{node.key}.{key}".lstrip("."), below) for key, below in sub_nodes(schema).items()]
    return list(dict.fromkeys(names))
