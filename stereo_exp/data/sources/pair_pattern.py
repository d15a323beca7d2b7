"""One's own pairs by pattern: `left/*.png` names the left images, what `*` stands for names the rest.

A pattern without `*` names one file, and so one pair.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path

from stereo_exp.data.sources.pair_list import pair_key
from stereo_exp.data.sources.pairs import OwnPair
from stereo_exp.errors import UserError

# `**` is any number of folders, none included; `*` is part of one name.
_WILDCARD = re.compile(r"(\*\*/|\*)")


def wildcards(pattern: str) -> list[str]:
    """The wildcards of a pattern in their order: `**/` and `*`."""
    return _WILDCARD.findall(pattern)


def find_pairs(root: Path, left: str, right: str, disparity: str | None = None) -> list[OwnPair]:
    """The pairs whose left image matches a pattern, sorted by name.

    Args:
        root: the folder that the patterns are relative to.
        left: pattern of the left images: `left/*.png`, `**/left/*.png`, or one file, `left.png`.
        right, disparity: patterns with the same wildcards in the same order; each is filled with what the
            left image has there. Where `left` is one file they are, too.

    Raises:
        UserError: there is no such folder, a pattern finds nothing, or the wildcards differ.
    """
    if not root.is_dir():
        raise UserError("dataset.root", root, "there is no such folder", "give the folder that the patterns start from")
    for key, pattern in (("left", left), ("right", right), ("disparity", disparity)):
        if pattern is not None:
            check_pattern(f"dataset.{key}", pattern, left)
    pairs = []
    for path in sorted(root.glob("".join(p if p in ("*", "**/") else glob.escape(p) for p in _WILDCARD.split(left)))):
        name = path.relative_to(root).as_posix()
        found = _regex(left).fullmatch(name)
        # Archives made on a Mac carry a hidden twin of every file, which only a wildcard can mean by mistake.
        hidden = path.name.startswith(".") and wildcards(left)
        if found is None or hidden or not path.is_file():
            continue
        others = [None if p is None else root / _fill(p, found.groups()) for p in (right, disparity)]
        assert others[0] is not None
        pairs.append(OwnPair(pair_key(name), path, others[0], others[1]))
    if not pairs:
        raise UserError(
            "dataset.left",
            left,
            f"matches no file in {root}" if wildcards(left) else f"there is no such file in {root}",
            "give a pattern like dataset.left=left/*.png, or an image",
        )
    _some_exist("right", right, [pair.right for pair in pairs])
    if disparity is not None:
        _some_exist("disparity", disparity, [pair.disparity for pair in pairs])
    return pairs


def check_pattern(key: str, pattern: str, left: str) -> None:
    """A relative path with the wildcards of `left`, none where it has none; else `UserError`."""
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts:
        raise UserError(key, pattern, "must be a path below dataset.root", f"try {key}=left/*.png")
    if parts[-1] == "**" or any("**" in part and part != "**" for part in parts):
        raise UserError(key, pattern, "** stands for whole folders", f"try {key}=**/left/*.png")
    if not wildcards(left) and wildcards(pattern):
        raise UserError(
            key,
            pattern,
            f"must be one file as dataset.left={left} is",
            f"name the file, or put a * into dataset.left too: {key} is filled with what it stands for there",
        )
    if wildcards(pattern) != wildcards(left):
        raise UserError(
            key,
            pattern,
            f"must have the wildcards of dataset.left={left} in the same order",
            "put a * where the name of the left image goes",
        )


def _regex(pattern: str) -> re.Pattern[str]:
    meaning = {"*": r"([^/]*)", "**/": r"((?:[^/]+/)*)"}
    return re.compile("".join(meaning.get(part) or re.escape(part) for part in _WILDCARD.split(pattern)))


def _fill(pattern: str, values: tuple[str, ...]) -> str:
    """The pattern with its wildcards replaced by what the left image has in their place."""
    rest = iter(values)
    return _WILDCARD.sub(lambda _: next(rest), pattern)


def _some_exist(name: str, pattern: str, paths: list[Path | None]) -> None:
    """One missing file is that pair's error; if all are missing it is the pattern's."""
    if not any(path is not None and path.is_file() for path in paths):
        raise UserError(
            f"dataset.{name}", pattern, f"finds none of the files it names, e.g. {paths[0]}", "mend the pattern"
        )
