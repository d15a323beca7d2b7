"""`python docs/write_keys.py`: the page of every key of the configuration, from the schema (a test compares)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stereo_exp.config.choices import Choices
from stereo_exp.config.keys import Key, as_yaml, list_keys, sub_nodes
from stereo_exp.config.schema import Root
from stereo_exp.config.sections import Section, sections

PAGE = Path(__file__).resolve().parent / "keys.md"
_HEAD = """# Every key

What may be typed, as `--help NAME` prints it: each group with its options, each key with type, default and meaning.
`python docs/write_keys.py` writes this page from the schema. [Configuration](configuration.md) tells how to find a key.
"""


def write() -> str:
    """The page's text."""
    choices = Choices([])
    tops = [group for group in choices.groups if "/" not in group]
    nodes = [key for key in sub_nodes(Root) if key not in choices.groups]
    names = [key.name for key in list_keys(Root) if key.name not in choices.groups]
    # As --help tells them, with the defaults of the YAML.
    top = [key for name in names for section in sections(name, choices) for key in section.keys]
    parts = [_HEAD, "## Keys at the top", "", *_rows(top)]
    told: set[str] = set()
    for name in sorted({*tops, *nodes}):
        for level, section in zip(_levels(), sections(name, choices), strict=False):
            if section.title not in told:
                told.add(section.title)
                parts += _about(section, level)
    return "\n".join(parts).rstrip() + "\n"


def _levels() -> Iterator[int]:
    """A heading for what was asked for, smaller ones for its options and the nodes below."""
    yield 2
    while True:
        yield 3


def _about(section: Section, level: int) -> list[str]:
    parts = [f"{'#' * level} {section.title}", "", *([_escape(section.text), ""] if section.text else [])]
    if section.base and section.changes:
        parts += [f"As {section.base}, but for:", ""]
    if section.changes:
        parts += [*(f"- `{name} = {as_yaml(value)}`" for name, value in section.changes.items()), ""]
    return [*parts, *_rows(section.keys)]


def _rows(keys: Iterable[Key]) -> list[str]:
    rows = [f"| `{key.name}` | {_code(key.type)} | {_code(_default(key))} | {_escape(key.text)} |" for key in keys]
    return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""] if rows else []


def _default(key: Key) -> str:
    return str(key.default_text).removeprefix("= ")


def _code(text: str) -> str:
    """In a cell of a table, where readers of Markdown differ about bars."""
    return f"`{text.replace(' | ', ' or ')}`"


def _escape(text: str) -> str:
    return re.sub(r"([|<])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(write())
    print(PAGE.name)
