"""Some pairs of a set, by a list file: which to fine-tune on, which to hold back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stereo_exp.data.sources.files import PairFiles
from stereo_exp.errors import DataError


def select(pairs: Sequence[PairFiles], list_file: Path | None) -> Sequence[PairFiles]:
    """The pairs that a list names, in its order; all of them without a list.

    Args:
        pairs: every pair of the set.
        list_file: a pair a line, by its key or its left image's path, of which only the end counts
            (`000000_10.png`, or `training/colored_0/000000_10.png`). What follows on the line is left alone:
            lists with three paths a line, as KITTI's usual splits have them, serve as they are. Blank lines
            and lines that begin with `#` do not count.

    Raises:
        DataError: the list cannot be read, names nothing, or a line names no pair of the set or several.
    """
    if list_file is None:
        return pairs
    try:
        lines = Path(list_file).read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(list_file, None, f"cannot be read ({error.strerror})", "name an existing list file") from None
    except UnicodeDecodeError as error:
        raise DataError(list_file, f"byte {error.start}", "a list file is UTF-8 text", "save it as UTF-8") from None
    names = _names(pairs)
    chosen = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        # A name of one's own may have blanks in it; a line of three paths has its pair in the first.
        found = names.get(_plain(line.strip())) or names.get(_plain(line.split()[0])) or ()
        if len(found) != 1:
            rule = "names several pairs" if found else "names no pair of this set"
            raise DataError(f"{list_file} line {number}", line, rule, f"pairs are named like {pairs[0].key}")
        chosen.append(pairs[found[0]])
    if not chosen:
        raise DataError(list_file, None, "the list names no pairs", f"pairs are named like {pairs[0].key}")
    return chosen


def _names(pairs: Sequence[PairFiles]) -> dict[str, tuple[int, ...]]:
    """Every end of every left path, and every key, to the pairs that it may mean; a key means its own alone."""
    names: dict[str, tuple[int, ...]] = {}
    for index, pair in enumerate(pairs):
        parts = pair.left.parts
        for start in range(len(parts)):
            name = _plain("/".join(parts[start:]))
            names[name] = (*names.get(name, ()), index)
    return names | {_plain(pair.key): (index,) for index, pair in enumerate(pairs)}


def _plain(name: str) -> str:
    return str(PurePosixPath(name))
