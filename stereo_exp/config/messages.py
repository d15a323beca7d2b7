"""Hydra's and OmegaConf's errors in our one line: the key, the value, the rule and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from omegaconf import Container
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from stereo_exp.base import UserError
from stereo_exp.config.choices import conf_dir

RENAMED = {
    "bench.engine": "engine",
    "bench.threads": "engine.threads",
    "align.threads": "engine.threads",
    "model.head.hidden": "model.upsampling.hidden",
    "model.head.num_modules": "model.aggregation.num_modules",
}
"""Keys of earlier versions -> what is typed now; CHANGELOG.md lists them too."""
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


def _nearest(word: str, options: Sequence[str]) -> str:
    return (difflib.get_close_matches(word, options, n=1, cutoff=0.0) or list(options))[0]
