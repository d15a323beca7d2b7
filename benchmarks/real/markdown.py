"""Measured tables in Markdown pages, between two comments, so that the command that measures also writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import UserError, write_text


def table(head: Sequence[str], rows: Sequence[Sequence[str]], others: str = "---:") -> str:
    """A Markdown table; the first column to the left, the others as told, to the right unless told otherwise."""
    lines = [head, ["---", *[others] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def block(page: Path, name: str) -> str | None:
    """What stands between `<!-- NAME -->` and `<!-- /NAME -->`, without the lines' ends around it; None: no such
    place."""
    found = _pattern(name).search(page.read_text())
    return None if found is None else found[2].strip("\n")


def write_block(page: Path, name: str, text: str) -> None:
    """Put `text` between the two comments.

    Raises:
        UserError: see `check_block`.
    """
    before = check_block(page, name)
    write_text(page, _pattern(name).sub(lambda found: f"{found[1]}\n{text}\n{found[3]}", before))


def check_block(page: Path, name: str) -> str:
    """The text of a page that has one place of that name.

    Raises:
        UserError: the page cannot be read or has no such place, or several.
    """
    try:
        text = page.read_text()
    except OSError as error:
        raise UserError("--write", page, f"cannot be read ({error.strerror})", "give a Markdown page") from None
    count = len(_pattern(name).findall(text))
    if count != 1:
        rule = f"must hold one place for the table, <!-- {name} --> and <!-- /{name} -->, and has {count}"
        raise UserError("--write", page, rule, "add the two comments, each on a line of its own")
    return text


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->)(.*?)(<!-- /{name} -->)", re.DOTALL)
