"""A composed or reloaded config to plain dataclasses, every rule checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base.errors import UserError, keys_below
from stereo_exp.config.messages import from_omegaconf
from stereo_exp.config.schema import NODES, Root


def bind(config: DictConfig | Mapping[str, Any]) -> Root:
    """Give a config its types back and check it.

    What Hydra composes is typed already; what comes out of a run folder or a checkpoint is not. Both go through
    here, so that they obey the same rules.

    Raises:
        UserError: an unknown key or option, a value of the wrong type, a missing value, or a broken rule.
    """
    # Types off first: an option that builds on another (optim=adamw on adam) is composed with the other's type.
    plain: Any = OmegaConf.to_container(config) if isinstance(config, DictConfig) else dict(config)
    untyped = OmegaConf.create({key: _with_floats(v) if key == "augment" else v for key, v in plain.items()})
    typed = OmegaConf.structured(Root)
    for node, options in NODES.items():
        name = OmegaConf.select(untyped, f"{node}.name")
        if name not in options:
            key = node.replace(".", "/")
            raise UserError(key, name, f"must be one of {', '.join(options)}", f"try {key}={next(iter(options))}")
        OmegaConf.update(typed, node, OmegaConf.structured(options[name]), merge=False)
    for name, part in ((plain["dataset"].get("parts") or {}) if plain["dataset"]["name"] == "mix" else {}).items():
        chosen = part.get("name") if isinstance(part, Mapping) else part
        if chosen not in NODES["dataset"]:
            choices = ", ".join(NODES["dataset"])
            raise UserError(f"dataset.parts.{name}", chosen, f"must be one of {choices}", "give it a dataset option")
        OmegaConf.update(typed, f"dataset.parts.{name}", OmegaConf.structured(NODES["dataset"][chosen]), merge=False)
    try:
        merged = OmegaConf.merge(typed, untyped)
        for name in OmegaConf.select(merged, "dataset.parts") or {}:
            with keys_below("dataset", f"dataset.parts.{name}"):
                OmegaConf.to_object(merged.dataset.parts[name])
        root = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise from_omegaconf(error) from None
    assert isinstance(root, Root)
    return root


def _with_floats(node: Any) -> Any:
    """The same dicts with floats for whole numbers: in a field OmegaConf takes 60 for 60.0, in a dict it does not."""
    if isinstance(node, Mapping):
        return {key: _with_floats(value) for key, value in node.items()}
    return float(node) if type(node) is int else node


# Hands the schema to Hydra: the group `schema/` holds a typed node for every option, YAML adds the choices.


_registered = False


def register() -> None:
    """Fill Hydra's ConfigStore; calling it again does nothing (Hydra 1.4 warns on collisions)."""
    global _registered
    if _registered:
        return
    store = ConfigStore.instance()
    store.store(name="schema", node=Root)
    for node, options in NODES.items():
        for name, schema in options.items():
            store.store(group=f"schema/{node.replace('.', '/')}", name=name, node=schema)
    _registered = True
