"""Where Hydra finds the options of plug-ins: their own conf/ folders, and options that have no YAML at all.

Both go behind our own conf/, so that nothing from outside takes the place of an option of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from stereo_exp.base.registry import GROUPS, Option

CONF_FOLDERS: list[Path] = []
"""The conf/ folders of the plug-ins, in the order in which they were loaded."""
USER_FOLDERS: list[Path] = []
"""Folders that the command line adds; Hydra looks into them after ours."""
_PROVIDER = "plug-ins"


def bare_options() -> Iterator[Option]:
    """Options from outside that no YAML file stands for: their dataclasses are all there is to choose."""
    for key, options in GROUPS.items():
        for option in options.values():
            if option.schema is not None and not option.is_ours and not _has_file(key, option.name):
                yield option


def _has_file(key: str, name: str) -> bool:
    return any((folder / key / f"{name}.yaml").is_file() for folder in (*CONF_FOLDERS, *USER_FOLDERS))


class OutsideSearchPath(SearchPathPlugin):
    """Adds the folders and the bare options to every search path that Hydra makes from now on."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in CONF_FOLDERS:
            search_path.append(_PROVIDER, f"file://{folder}")
        search_path.append(_PROVIDER, f"{BareOptions.scheme()}://")


class BareOptions(ConfigSource):
    """What the YAML file of a bare option would say, without the file."""

    @staticmethod
    def scheme() -> str:
        return "option"

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        path = config_path.strip("/")
        return any(each.group == path or each.group.startswith(f"{path}/") for each in bare_options())

    def is_config(self, config_path: str) -> bool:
        return self._find(config_path) is not None

    def load_config(self, config_path: str) -> ConfigResult:
        option = self._find(config_path)
        assert option is not None and option.schema is not None, "Hydra asks is_config first"
        content: dict[str, Any] = {"defaults": [f"/schema/{option.group}/{option.name}@_here_"]}
        if option.group == "augment":
            # An option of this group is a set of augmentations, each under its name.
            content = {option.name: OmegaConf.to_container(OmegaConf.structured(option.schema))}
        return ConfigResult(self.provider, self.full_path(), OmegaConf.create(content), {"package": None})

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        path = config_path.strip("/")
        names: set[str] = set()
        for each in bare_options():
            below = f"{each.group}/{each.name}".removeprefix(f"{path}/" if path else "")
            if below != f"{each.group}/{each.name}" or not path:
                head, _, rest = below.partition("/")
                kind = ObjectType.GROUP if rest else ObjectType.CONFIG
                if results_filter in (None, kind):
                    names.add(head)
        return sorted(names)

    def _find(self, config_path: str) -> Option | None:
        path = config_path.strip("/").removesuffix(".yaml")
        return next((each for each in bare_options() if f"{each.group}/{each.name}" == path), None)


def extend_search_paths() -> None:
    """Have Hydra use both classes; calling it again changes nothing."""
    for each in (OutsideSearchPath, BareOptions):
        Plugins.instance().register(each)
