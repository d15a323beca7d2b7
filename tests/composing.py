"""Configs as Hydra composes them from overrides, without the command line."""

from __future__ import annotations

from functools import cache

import hydra
from hydra import initialize_config_dir
from omegaconf import DictConfig

from stereo_exp.config import conf_dir, register
from stereo_exp.config.binding import list_chosen_nodes

NODES = {node: {name: option.schema for name, option in options.items()} for node, options in list_chosen_nodes()}
"""Config node -> option -> the dataclass of its keys."""
_VERSION_BASE = {"version_base": "1.3"} if hydra.__version__ < "1.4" else {}


@cache
def composed(*overrides: str) -> DictConfig:
    """What Hydra makes of `overrides`, not bound yet: interpolations are still open. Not to be changed."""
    register()
    with initialize_config_dir(str(conf_dir()), **_VERSION_BASE):
        return hydra.compose("config", overrides=list(overrides))
