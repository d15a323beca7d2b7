"""The options that plug-ins bring: their own conf/ folders, and options that have no YAML at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stereo_exp.base.registry import GROUPS, Option

CONF_FOLDERS: list[Path] = []
"""The conf/ folders of the plug-ins, in the order in which they were loaded."""
USER_FOLDERS: list[Path] = []
"""Folders that the command line adds; Hydra looks into them after ours."""


def bare_options() -> Iterator[Option]:
    """Options from outside that no YAML file stands for: their dataclasses are all there is to choose."""
    for key, options in GROUPS.items():
        for option in options.values():
            if option.schema is not None and not option.is_ours and not _has_file(key, option.name):
                yield option


def _has_file(key: str, name: str) -> bool:
    return any((folder / key / f"{name}.yaml").is_file() for folder in (*CONF_FOLDERS, *USER_FOLDERS))
