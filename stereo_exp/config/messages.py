"""Hydra's and OmegaConf's errors in our one line: the key, the value, the rule and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from omegaconf import Container, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from stereo_exp.base import GROUPS, Option, UserError
from stereo_exp.config.choices import conf_dir
from stereo_exp.config.grammar import explain_argument, explain_several, find_several

RENAMED = {
    "bench.engine": "engine",
    "bench.threads": "engine.threads",
    "align.threads": "engine.threads",
    "model.head.hidden": "model.upsampling.hidden",
    "model.head.num_modules": "model.aggregation.num_modules",
}
"""Keys of earlier versions -> what is typed now; CHANGELOG.md lists them too."""
_MOST_PLACES = 3
_WORD = re.compile(r"[\w-]{1,60}")
_LIST_KEYS = "list the keys with: python -m stereo_exp --cfg job"
_UNKNOWN_OPTION = re.compile(r"Could not find '([^']+)'\s*Available options in '([^']+)':\s*?\n((?:[ \t]+\S+\s*?\n)*)")
_NO_SCHEMA = re.compile(r"Could not load 'schema/([^']+)/([^/']+)'")


def from_hydra(error: Exception, arguments: Sequence[str]) -> UserError:
    """Explain what Hydra refused while composing `arguments`."""
    cause = _omegaconf_cause(error)
    if cause is not None:
        return from_omegaconf(cause, arguments)
    text = str(error)
    if undeclared := _NO_SCHEMA.search(text):
        rule = "has a YAML file, and no package that is loaded declares it"
        return UserError(undeclared[1], undeclared[2], rule, "add plugins=[PACKAGE] with the one that does")
    if unknown := _UNKNOWN_OPTION.search(text):
        group, _, option = unknown[1].rpartition("/")
        options = unknown[3].split()
        return UserError(
            group, option, f"must be one of {', '.join(options)}", f"try {group}={_nearest(option, options)}"
        )
    if text.startswith("Config group override must be"):
        group = next((a.partition("=")[0] for a in arguments if a.lower().endswith("=null")), "config")
        options = sorted(file.stem for file in (conf_dir() / group).glob("*.yaml"))
        choice = f"must be one of {', '.join(options)}" if options else "must name an option"
        return UserError(group, "null", choice, f"leave it out, or try {group}={(options or ['OPTION'])[0]}")
    if (several := find_several(text, arguments)) is not None:
        return explain_several(several)
    if (refused := explain_argument(arguments)) is not None:
        return refused
    lines = [line for line in text.splitlines() if line.strip()]
    return UserError(
        " ".join(arguments) or "config",
        None,
        lines[0],
        " ".join(lines[1:]) or "see: python -m stereo_exp --help",
    )


def from_omegaconf(error: OmegaConfBaseException, arguments: Iterable[str] = ()) -> UserError:
    """Explain an unknown key, a value of the wrong type or a missing value."""
    arguments = list(arguments)
    key = error.full_key or str(error.key or "config")
    # A node that is gone: of its keys, the one that was typed.
    gone = {old: new for old, new in RENAMED.items() if old.startswith(f"{key}.")}
    key = next((old for old in gone if _given_value(old, arguments) is not None), key)
    given = _given_value(key, arguments)
    reason = (error.msg or str(error)).splitlines()[0]
    if isinstance(error, MissingMandatoryValue):
        return UserError(key, "???", "has no default and must be given", f"add {key}=VALUE")
    if isinstance(error, (ConfigKeyError, ConfigAttributeError)):
        if key in RENAMED:
            return UserError(key, given, "has a new name", f"type {RENAMED[key]}={given or 'VALUE'}")
        if gone:
            fix = ", ".join(f"{new} for {old}" for old, new in gone.items())
            return UserError(key, given, "is gone, and what stood there has new names", f"write {fix}")
        parent, _, leaf = key.rpartition(".")
        near = difflib.get_close_matches(leaf, _keys(error.parent_node), n=1)
        elsewhere = [] if parent else _find_elsewhere(leaf, error.parent_node, given)
        if others := _find_options(parent, leaf):
            group = parent.replace(".", "/")
            fix = f"it is a key of {' and '.join(f'{group}={name}' for name in others)}: choose it first"
        elif elsewhere:
            fix = f"did you mean {' or '.join(elsewhere)}?"
        else:
            fix = f"did you mean {parent + '.' if parent else ''}{near[0]}?" if near else _LIST_KEYS
        return UserError(key, given, "is not a key of the configuration", fix)
    return UserError(key, given, reason, f"give {key} a value of its type; {_LIST_KEYS}")


def _omegaconf_cause(error: BaseException | None) -> OmegaConfBaseException | None:
    while error is not None:
        if isinstance(error, OmegaConfBaseException):
            return error
        error = error.__cause__
    return None


def _given_value(key: str, arguments: Iterable[str]) -> str | None:
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name.lstrip("+~") == key:
            return value
    return None


def _keys(node: object) -> list[str]:
    return [str(k) for k in node] if isinstance(node, Container) else []


def _find_options(parent: str, leaf: str) -> list[str]:
    """The options of a group that have a key which the chosen one has not; three at most."""
    options: Mapping[str, Option] = GROUPS.get(parent.replace(".", "/"), {})
    return [name for name, each in options.items() if each.schema and leaf in _fields(each.schema)][:_MOST_PLACES]


def _fields(schema: type) -> set[str]:
    return {each.name for each in fields(schema)} if is_dataclass(schema) else set()


def _find_elsewhere(leaf: str, node: object, given: str | None) -> list[str]:
    """Where a key stands that was typed without its group, or a group without the one above; three at most."""
    value = "VALUE" if given is None else given
    places = conf_dir().rglob(leaf) if _WORD.fullmatch(leaf) else ()
    groups = sorted(str(path.relative_to(conf_dir())) for path in places if path.is_dir())
    if groups:
        return [f"{group}={value}" for group in groups[:_MOST_PLACES]]
    root = node._get_root() if isinstance(node, Container) else None
    keys = list(_walk(root)) if root is not None else []
    leaves = {key.rpartition(".")[2] for key in keys}
    wanted = leaf if leaf in leaves else next(iter(difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.85)), None)
    found = [key for key in keys if key.rpartition(".")[2] == wanted]
    return [f"{key}={value}" for key in found] if len(found) <= _MOST_PLACES else []


def _walk(node: object, above: str = "") -> Iterator[str]:
    """Every key below a node that has a value of its own."""
    content = OmegaConf.to_container(node, resolve=False) if isinstance(node, Container) else node
    for key, value in content.items() if isinstance(content, dict) else ():
        name = f"{above}{key}"
        if isinstance(value, dict):
            if name != "hydra":
                yield from _walk(value, f"{name}.")
        else:
            yield name


def _nearest(word: str, options: Sequence[str]) -> str:
    return (difflib.get_close_matches(word, options, n=1, cutoff=0.0) or list(options))[0]
