"""Where Hydra finds the options of plug-ins: in their own conf/ folders, and in those that have no YAML.

Both go behind our own conf/, so that nothing from outside takes the place of an option of ours. Apart from `outside`,
because Hydra takes a quarter of a second to import, which `--help` goes without.
"""

from __future__ import annotations

from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from stereo_exp.base import Option
from stereo_exp.config.choices import CONF_FOLDERS, bare_options

_PROVIDER = "plug-ins"


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
        assert option is not None, "Hydra asks is_config first"
        if option.schema is None:
            return ConfigResult(
                self.provider, self.full_path(), OmegaConf.create({"name": option.name}), {"package": None}
            )
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
