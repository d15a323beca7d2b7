"""Records that do not tell a secret: what stands in a URL to let somebody in is left out of what a run leaves.

A user's name and password, the values of a query (signed URLs carry their signature there), and what commands of a
`pipe:` say in headers and variables. Paths, hosts and ports stay.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MASK = "***"
"""Stands where a secret stood."""
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#'\"<>]*@", re.IGNORECASE)
_QUERY = re.compile(r"(://[^\s?'\"<>]*\?)([^\s'\"<>#]+)")
_VALUE = re.compile(r"=[^&;]*")
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|[\w-]*(?:token|api-?key|secret))(\s*:\s*)(?:(?:bearer|basic|token)\s+)?[^\s'\"]+",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\b(\w*(?:secret|token|passw(?:or)?d|api_?key|credential)\w*)=[^\s'\"]+", re.IGNORECASE)
_LOGIN = re.compile(r"((?:^|\s)(?:-u|--user|--password|--token)[\s=]+['\"]?)[^\s'\"]+")


def mask(text: str) -> str:
    """A text with `***` for each secret in it."""
    if "://" in text:
        text = _QUERY.sub(lambda found: found[1] + _masked_query(found[2]), _USER.sub(rf"\1{MASK}@", text))
    if "pipe:" in text:
        text = _HEADER.sub(lambda found: f"{found[1]}{found[2]}{MASK}", text)
        text = _LOGIN.sub(rf"\1{MASK}", _VARIABLE.sub(rf"\1={MASK}", text))
    return text


def mask_all(value: Any) -> Any:
    """Dictionaries and lists with every text in them masked; anything else as it is."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: mask_all(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [mask_all(each) for each in value]
    return value


def mask_file(path: Path) -> None:
    """Mask a text file that somebody else wrote, in place; one that is not there or cannot be read is left."""
    try:
        found = path.read_text(encoding="utf-8")
        if (masked := mask(found)) != found:
            path.write_text(masked, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return


class MaskingFormatter(logging.Formatter):
    """Logging's own formatter, whose lines and tracebacks are masked."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def _masked_query(query: str) -> str:
    return _VALUE.sub(f"={MASK}", query) if "=" in query else MASK
