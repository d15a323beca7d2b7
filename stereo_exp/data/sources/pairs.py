"""One's own pairs, listed by `pair_table` or `pair_pattern`."""

from __future__ import annotations

import csv
import glob
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.data.sources.files import FilesSource, PairFiles
from stereo_exp.data.sources.sceneflow import pair_key
from stereo_exp.geometry import Calibration, read_disparity


@dataclass(frozen=True)
class OwnPair(PairFiles):
    """The files of a pair of one's own, and its calibration where it is known."""

    calibration: Calibration | None = None


class PairsSource(FilesSource):
    """Pairs of one's own.

    Args:
        pairs: where their files lie.
        scale: disparity files hold disparity times this; None as in `read_disparity`.
        calibration: of the pairs that have none of their own; None: not known.
    """

    def __init__(
        self, pairs: Sequence[OwnPair], *, scale: float | None = None, calibration: Calibration | None = None
    ) -> None:
        super().__init__(pairs)
        self.scale, self.default_calibration = scale, calibration

    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        values = read_disparity(path, self.scale)
        # What cameras' own tools write for unknown; sets with a rule of their own have a source of their own.
        return np.where(np.isnan(values), np.float32(np.inf), values) if np.isnan(values).any() else values

    def calibration(self, pair: PairFiles) -> Calibration | None:
        assert isinstance(pair, OwnPair)
        return pair.calibration or self.default_calibration


# One's own pairs by pattern: `left/*.png` names the left images, what `*` stands for names the rest.
#
# A pattern without `*` names one file, and so one pair.


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
        raise ArgumentError("root", root, "there is no such folder", "give the folder that the patterns start from")
    for name, pattern in (("left", left), ("right", right), ("disparity", disparity)):
        if pattern is not None:
            check_pattern(name, pattern, left)
    pairs = []
    for path in sorted(_candidates(root, left)):
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
        raise ArgumentError(
            "left",
            left,
            f"matches no file in {root}" if wildcards(left) else f"there is no such file in {root}",
            "give a pattern like {left}=left/*.png, or an image",
        )
    _some_exist("right", right, [pair.right for pair in pairs])
    if disparity is not None:
        _some_exist("disparity", disparity, [pair.disparity for pair in pairs])
    return pairs


def _candidates(root: Path, pattern: str) -> Iterator[Path]:
    """Files that may match; `**/` goes through linked folders, too, as `*` does, and once round a loop."""
    if "**/" not in pattern:
        parts = (part if part == "*" else glob.escape(part) for part in _WILDCARD.split(pattern))
        yield from root.glob("".join(parts))
        return
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        try:
            found = folder.stat()
            entries = list(folder.iterdir())
        except OSError:
            continue
        place = (found.st_dev, found.st_ino)
        if place in above:
            continue
        for entry in entries:
            if entry.is_dir():
                waiting.append((entry, above | {place}))
            else:
                yield entry


def check_pattern(argument: str, pattern: str, left: str) -> None:
    """A relative path with the wildcards of `left`, none where it has none; else `ArgumentError`."""
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts:
        raise ArgumentError(argument, pattern, "must be a path below {root}", f"try {{{argument}}}=left/*.png")
    if parts[-1] == "**" or any("**" in part and part != "**" for part in parts):
        raise ArgumentError(argument, pattern, "** stands for whole folders", f"try {{{argument}}}=**/left/*.png")
    if not wildcards(left) and wildcards(pattern):
        raise ArgumentError(
            argument,
            pattern,
            f"must be one file as {{left}}={left} is",
            f"name the file, or put a * into {{left}} too: {{{argument}}} is filled with what it stands for there",
        )
    if wildcards(pattern) != wildcards(left):
        raise ArgumentError(
            argument,
            pattern,
            f"must have the wildcards of {{left}}={left} in the same order",
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
        raise ArgumentError(name, pattern, f"finds none of the files it names, e.g. {paths[0]}", "mend the pattern")


# One's own pairs by table: a CSV file with a line for each.


COLUMNS = ("left", "right", "disparity", "focal", "baseline", "doffs")
_FORM = f"a first line with names of columns: left,right and what you have of {','.join(COLUMNS[2:])}"


def read_pair_table(path: Path, root: Path | None = None) -> list[OwnPair]:
    """Read a CSV file.

    Args:
        path: the file, UTF-8, its first line the names of the columns: `left`, `right`, and optionally
            `disparity` (files), `focal` (px), `baseline` (metres), `doffs` (px). An empty cell: not known.
        root: the folder that its paths are relative to; None takes the file's own.

    Raises:
        DataError: the file cannot be read or lacks a column, or a line is malformed; named with its number.
    """
    base = path.parent if root is None else root
    try:
        reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", "name an existing CSV file") from None
    except UnicodeDecodeError as error:
        raise DataError(path, f"byte {error.start}", "a CSV file is UTF-8 text", "save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(path, None, f"is no CSV ({error})", "save it as CSV with commas") from None
    rows = [(number, row) for number, row in rows if any(row)]
    header = rows[0][1] if rows else []
    if not {"left", "right"} <= set(header) or not set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise DataError(path, ",".join(header), f"must begin with {_FORM}", "mend its first line")
    if len(rows) < 2:
        raise DataError(path, None, "names no pairs", "add a line for each pair")
    return [_pair(f"{path} line {number}", header, row, base) for number, row in rows[1:]]


def _pair(place: str, header: list[str], row: list[str], base: Path) -> OwnPair:
    if len(row) != len(header):
        raise DataError(place, ",".join(row), f"must have {len(header)} cells like the first line", "mend the line")
    cells = dict(zip(header, row, strict=True))
    for name in ("left", "right"):
        if Path(cells[name]).name in ("", ".."):
            raise DataError(place, ",".join(row), f"names no {name} image", "mend the line")
    if any("\0" in cell for cell in row):
        raise DataError(place, repr(",".join(row)), "has a NUL character in it", "mend the line")
    truth = cells.get("disparity")
    return OwnPair(
        pair_key(cells["left"]),
        base / cells["left"],
        base / cells["right"],
        base / truth if truth else None,
        calibration=_calibration(place, cells),
    )


def _calibration(place: str, cells: dict[str, str]) -> Calibration | None:
    numbers = {name: _number(place, name, cells[name]) for name in COLUMNS[3:] if cells.get(name)}
    if not numbers:
        return None
    for name in ("focal", "baseline"):
        if not numbers.get(name, 0) > 0:
            raise DataError(place, cells.get(name) or None, f"{name} must be a number above 0", "mend the line")
    return Calibration(numbers["focal"], numbers["baseline"], numbers.get("doffs", 0.0))


def _number(place: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(place, cell, f"{name} must be a finite number", "mend the line")
    return value
