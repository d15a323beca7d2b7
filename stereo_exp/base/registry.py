"""Names to code, imported on first use.

A registry holds `name -> "module:attribute"`. Nothing is imported until the name is asked for, so that
`--help`, tab completion and config errors never wait for torch. Config files carry names only, no `_target_`:
a config from a stranger's checkpoint can choose among our options and do nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from stereo_exp.base.errors import UserError


class Registry:
    """Names of lazily imported objects; iterates over the names.

    Args:
        key: the config key by which users choose, for error messages.
        entries: name -> "package.module:attribute".
    """

    def __init__(self, key: str, entries: Mapping[str, str]) -> None:
        self.key = key
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Any:
        try:
            module, attribute = self._entries[name].split(":")
        except KeyError:
            raise UserError(
                self.key,
                name,
                f"must be one of {', '.join(self)}",
                f"choose one, e.g. {self.key}={next(iter(self))}",
            ) from None
        return getattr(import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
