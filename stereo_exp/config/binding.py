"""A composed or reloaded config to plain dataclasses, every rule checked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base import GROUPS, PLUGINS, ArgumentError, DataError, Group, Option, UserError, group
from stereo_exp.config.marks import NETWORK, makes
from stereo_exp.config.messages import from_omegaconf
from stereo_exp.config.model import Model
from stereo_exp.config.quant import Quant
from stereo_exp.config.schema import Root

Node = TypeVar("Node")
_MODULE = re.compile(r"[\w.]{1,100}")


class MissingPlugin(UserError):
    """An option of a package that only the config names: it is not imported unless the user says so."""


@dataclass
class Network:
    """What of a config makes the network that a checkpoint holds."""

    model: Model = makes(NETWORK, default=MISSING)
    quant: Quant = field(default_factory=Quant)


def bind(config: DictConfig | Mapping[str, Any]) -> Root:
    """Give a config its types back and check it.

    What Hydra composes is typed already; what comes out of a run folder or a checkpoint is not. Both go through
    here, so that they obey the same rules.

    Raises:
        UserError: an unknown key or option, a value of the wrong type, a missing value, or a broken rule.
    """
    chosen: list[tuple[str, Option]] = []
    root = _bind(config, Root, _plugins_of(config), chosen)
    for plugin in (option.plugin for _, option in chosen if not option.is_ours):
        is_named = any(plugin == name or plugin.startswith(f"{name}.") for name in root.plugins)
        if not is_named and plugin != "__main__":
            # Of an entry point: whoever has the checkpoint alone is told what to install.
            root.plugins.append(plugin)
    return root


def bind_network(config: Mapping[str, Any]) -> Network:
    """The network of a checkpoint's config; the rest of it, whose keys may have changed since, is not looked at.

    Keys that came after the checkpoint have their defaults: what a key that is added one day has for its default must
    be what the networks before it were.

    Raises:
        UserError: see `bind`; or it holds no such nodes.
    """
    for key in ("model", "quant"):
        node = config.get(key) if isinstance(config, Mapping) else None
        if not isinstance(node, Mapping):
            raise UserError(key, node, "is no node of a configuration", "copy the checkpoint again or use another one")
    return _bind({key: config[key] for key in ("model", "quant")}, Network, _plugins_of(config), [])


def _bind(
    config: DictConfig | Mapping[str, Any], schema: type[Node], plugins: list[str], chosen: list[tuple[str, Option]]
) -> Node:
    """`bind` to a schema; `plugins` are what the config names, `chosen` takes each place with its option."""
    # Types off first: an option that builds on another's YAML is composed with the other's type.
    plain: Any = OmegaConf.to_container(config) if isinstance(config, DictConfig) else dict(config)
    untyped = OmegaConf.create(plain)
    typed = OmegaConf.structured(schema)
    places = [f.name for f in fields(schema)]  # type: ignore[arg-type]
    for node, options in list_chosen_nodes():
        if node.split(".")[0] in places:
            name = _name_at(untyped, node)
            fix = f"try {options.key}={next(iter(options))}"
            chosen.append((node, _put(typed, node, _known(options, options.key, name, fix, plugins))))
    for place, options, name in _nodes_in_dicts(plain):
        fix = f"the {options.key} options are {', '.join(options)}"
        chosen.append((place, _put(typed, place, _known(options, place, name, fix, plugins))))
    try:
        merged = OmegaConf.merge(typed, untyped)
        for place in OmegaConf.select(merged, "dataset.parts") or {}:
            with at_place("dataset", f"dataset.parts.{place}"):
                OmegaConf.to_object(merged.dataset.parts[place])
        for name in OmegaConf.select(merged, "augment") or {}:
            with fields_at(f"augment.{name}"):
                OmegaConf.to_object(merged.augment[name])
        bound = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise from_omegaconf(error) from None
    except UserError:
        raise
    except Exception:
        _check_plugins(merged, chosen)
        raise
    assert isinstance(bound, schema)
    return bound


def _name_at(config: Any, node: str) -> Any:
    """Which option a config has at a node; None where there is no node."""
    try:
        return OmegaConf.select(config, f"{node}.name")
    except OmegaConfBaseException:
        return None


def _plugins_of(config: DictConfig | Mapping[str, Any]) -> list[str]:
    """The packages that a config names and that nobody loaded here; only ever told, never imported."""
    named = config.get("plugins")
    named = named if isinstance(named, list | ListConfig) else []
    names = [each for each in named if isinstance(each, str) and _MODULE.fullmatch(each)]
    return [each for each in names if each not in PLUGINS and each not in sys.modules]


def _check_plugins(merged: Any, chosen: list[tuple[str, Option]]) -> None:
    """Tell of the option from outside whose own rules failed with something else than our error."""
    for place, option in chosen:
        if option.is_ours:
            continue
        try:
            OmegaConf.to_object(OmegaConf.select(merged, place))
        except Exception as error:
            rule = f"{option.origin} refuses its values ({type(error).__name__}: {error})"
            raise UserError(place, option.name, rule, f"give {place} others") from None


def list_chosen_nodes() -> list[tuple[str, Group]]:
    """Config nodes whose keys depend on the option that is chosen, with their groups; parents first."""
    # Augmentations are told by their place, see `_nodes_in_dicts`.
    groups = (options for key, options in GROUPS.items() if key != "augment")
    with_schema = (options for options in groups if any(each.schema for each in options.values()))
    return sorted(((options.key.replace("/", "."), options) for options in with_schema), key=lambda p: p[0].count("."))


def _nodes_in_dicts(plain: Mapping[str, Any]) -> Iterator[tuple[str, Group, Any]]:
    """(place, group, option) of what has a name of its own: the parts of a mixture, augmentations."""
    dataset = _dict_of(plain.get("dataset"))
    for name, part in _dict_of(dataset.get("parts") if dataset.get("name") == "mix" else None).items():
        yield f"dataset.parts.{name}", group("dataset"), part.get("name") if isinstance(part, Mapping) else part
    for name in _dict_of(plain.get("augment")):
        yield f"augment.{name}", group("augment"), name


def _dict_of(value: Any) -> Mapping[str, Any]:
    """A node; nothing where a file has something else there, which merging with the schema refuses."""
    return value if isinstance(value, Mapping) else {}


def _known(options: Group, key: str, name: Any, fix: str, plugins: list[str]) -> Option:
    """The option `name`; `plugins` are the packages that might declare it and are not loaded."""
    if name in options:
        return options[name]
    if plugins:
        wanted = ",".join(plugins)
        rule = f"no package that is loaded declares it; only a file names {wanted}, and what it names is not imported"
        raise MissingPlugin(key, name, rule, f"add plugins=[{wanted}] if you trust it")
    raise UserError(key, name, f"must be one of {', '.join(options)}", fix)


def _put(typed: DictConfig, place: str, option: Option) -> Option:
    """The schema of an option at a place of a config."""
    schema = OmegaConf.structured(option.schema or option.load())
    # Of a frozen dataclass, whose values are still to be merged.
    OmegaConf.set_readonly(schema, False)
    OmegaConf.update(typed, place, schema, merge=False)
    return option


@contextmanager
def at_place(node: str, place: str) -> Iterator[None]:
    """What is said of `node.KEY` in here is about `place.KEY`: a config node that stands inside another.

    Errors about files (`DataError`) keep their paths.
    """
    try:
        yield
    except DataError:
        raise
    except UserError as error:
        if not error.key.startswith(f"{node}."):
            raise
        key, fix = (text.replace(f"{node}.", f"{place}.") for text in (error.key, error.fix))
        raise type(error)(key, error.value, error.rule, fix) from None


@contextmanager
def fields_at(place: str) -> Iterator[None]:
    """What a schema that is its own option, and knows no place, says of its fields in here is about `place.FIELD`."""
    try:
        yield
    except ArgumentError as error:
        raise error.rename(lambda name: f"{place}.{name}") from None


_registered: dict[tuple[str, str], type] = {}


def register() -> None:
    """Fill Hydra's ConfigStore: the group `schema/` holds a typed node for every option, YAML adds the choices.

    Calling it again adds what was declared since, anew or for the first time (Hydra 1.4 warns on collisions).
    """
    # Hydra takes a quarter of a second to import, which `--help` goes without.
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    if not _registered:
        store.store(name="schema", node=Root)
        # Hydra's own callbacks are named by class; it is not a choice of the user's, and stands in no YAML.
        sweep = {"sweep": {"_target_": "stereo_exp.suite.sweep.Sweep"}}
        store.store(group="hydra/callbacks", name="stereo_exp", node=sweep, package="hydra.callbacks")
    for key, options in GROUPS.items():
        for name, option in options.items():
            if option.schema is not None and _registered.get((key, name)) is not option.schema:
                store.store(group=f"schema/{key}", name=name, node=option.schema)
                _registered[key, name] = option.schema
