"""A composed or reloaded config to plain dataclasses, every rule checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base.errors import ArgumentError, DataError, UserError
from stereo_exp.base.registry import GROUPS, Group, group
from stereo_exp.config.marks import NETWORK, makes
from stereo_exp.config.messages import from_omegaconf
from stereo_exp.config.model import Model
from stereo_exp.config.quant import Quant
from stereo_exp.config.schema import Root

Node = TypeVar("Node")


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
    return _bind(config, Root)


def bind_network(config: Mapping[str, Any]) -> Network:
    """The network of a checkpoint's config; the rest of it, whose keys may have changed since, is not looked at.

    Keys that came after the checkpoint have their defaults: what a key that is added one day has for its default must
    be what the networks before it were.

    Raises:
        UserError: see `bind`.
    """
    return _bind({key: config[key] for key in ("model", "quant")}, Network)


def _bind(config: DictConfig | Mapping[str, Any], schema: type[Node]) -> Node:
    # Types off first: an option that builds on another's YAML is composed with the other's type.
    plain: Any = OmegaConf.to_container(config) if isinstance(config, DictConfig) else dict(config)
    untyped = OmegaConf.create(plain)
    typed = OmegaConf.structured(schema)
    places = [f.name for f in fields(schema)]  # type: ignore[arg-type]
    for node, options in chosen_nodes():
        if node.split(".")[0] in places:
            name = OmegaConf.select(untyped, f"{node}.name")
            _put(typed, node, options, options.key, name, f"try {options.key}={next(iter(options))}")
    for place, options, name in _nodes_in_dicts(plain):
        _put(typed, place, options, place, name, f"the {options.key} options are {', '.join(options)}")
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
    assert isinstance(bound, schema)
    return bound


def chosen_nodes() -> list[tuple[str, Group]]:
    """Config nodes whose keys depend on the option that is chosen, with their groups; parents first."""
    with_schema = (options for options in GROUPS.values() if any(each.schema for each in options.values()))
    return sorted(((options.key.replace("/", "."), options) for options in with_schema), key=lambda p: p[0].count("."))


def _nodes_in_dicts(plain: Mapping[str, Any]) -> Iterator[tuple[str, Group, Any]]:
    """(place, group, option) of what has a name of its own: the parts of a mixture, augmentations."""
    dataset = plain.get("dataset") or {}
    for name, part in ((dataset.get("parts") or {}) if dataset.get("name") == "mix" else {}).items():
        yield f"dataset.parts.{name}", group("dataset"), part.get("name") if isinstance(part, Mapping) else part
    for name in plain.get("augment") or {}:
        yield f"augment.{name}", group("augment"), name


def _put(typed: DictConfig, place: str, options: Group, key: str, name: Any, fix: str) -> None:
    """The schema of the option `name` at a place of a config."""
    if name not in options:
        raise UserError(key, name, f"must be one of {', '.join(options)}", fix)
    schema = OmegaConf.structured(options[name].schema or options[name].load())
    # Of a frozen dataclass, whose values are still to be merged.
    OmegaConf.set_readonly(schema, False)
    OmegaConf.update(typed, place, schema, merge=False)


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
        raise error.renamed(lambda name: f"{place}.{name}") from None


_registered: set[tuple[str, str]] = set()


def register() -> None:
    """Fill Hydra's ConfigStore: the group `schema/` holds a typed node for every option, YAML adds the choices.

    Calling it again adds what was declared since (Hydra 1.4 warns on collisions).
    """
    # Hydra takes a quarter of a second to import, which `--help` goes without.
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    if not _registered:
        store.store(name="schema", node=Root)
    for key, options in GROUPS.items():
        for name, option in options.items():
            if option.schema is not None and (key, name) not in _registered:
                store.store(group=f"schema/{key}", name=name, node=option.schema)
                _registered.add((key, name))
