"""Hands the schema to Hydra: the group `schema/` holds a typed node for every option, YAML adds the choices."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from stereo_exp.config.schema import NODES, Root

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
