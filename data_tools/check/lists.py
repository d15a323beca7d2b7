"""The list files: what they should say, how those that are there compare, and writing them.

A list holds every whole pair of its split, `left right disparity` a line, sorted by path as bytes; that is AANet's
`SceneFlow_finalpass_test.txt` to the byte where the whole test split is on disk.
"""

from __future__ import annotations

from pathlib import Path

from data_tools.check.problems import Findings
from data_tools.check.tree import SPLITS, DiskPair, Tree
from stereo_exp.base import DataError, write_text
from stereo_exp.data import read_pair_list


def list_name(render_pass: str, split: str) -> str:
    """`SceneFlow_finalpass_train.txt` and the like."""
    return f"SceneFlow_{render_pass}_{split}.txt"


def list_text(pairs: list[DiskPair]) -> str:
    """The list of these pairs, which must be in its order already."""
    return "".join(f"{pair.line}\n" for pair in pairs)


def compare_lists(tree: Tree, findings: Findings) -> dict[str, str]:
    """Compare each list of this pass in the root with the disk; what to say of it, by name.

    Problems: a list that cannot be read, a line whose files are missing, a line that joins files which do not belong
    together. Notes: whole pairs that the list of their split does not name (a shorter list may well be meant). Files
    that a problem has named already are not named again.
    """
    states = {}
    for split in SPLITS:
        name = list_name(tree.render_pass, split)
        # As the loader does: the final pass's list serves the clean pass that has none of its own.
        candidates = [tree.root / name, tree.root / list_name("finalpass", split)]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            states[name] = "not there"
            continue
        state = _compare(tree, path, split, findings)
        states[name] = state if path.name == name else f"{state} (by {path.name})"
    return states


def _compare(tree: Tree, path: Path, split: str, findings: Findings) -> str:
    try:
        lines = read_pair_list(path, tree.render_pass).pairs
    except DataError as error:
        findings.problem("list", error.key.replace(str(path), path.name), error.rule)
        return "damaged"
    on_disk = tree.complete(split)
    by_left = {pair.left: pair for pair in tree.pairs}
    listed = set()
    for line in lines:
        where = f"{path.name} line {line.line}"
        files = (line.left, line.right, line.disparity)
        expected = by_left.get(line.left)
        listed.add(line.left)
        absent = [name for name in files if not findings.names(name) and not (tree.root / name).is_file()]
        for name in absent:
            findings.problem("missing", name, f"is missing ({where} names it)")
        if expected is not None and files != expected.paths:
            findings.problem("list", where, f"joins files of different pairs: {' '.join(files)}")
        elif expected is None and not absent and line.left.split("/")[-2:-1] == ["right"]:
            findings.problem("list", where, f"names a right view first: {line.left}")
    unlisted = [pair for pair in on_disk if pair.left not in listed]
    if len(lines) != len({line.left for line in lines}):
        findings.note("list", path.name, "names some pairs more than once")
    if unlisted:
        first = ", ".join(pair.key for pair in unlisted[:3]) + (" ..." if len(unlisted) > 3 else "")
        findings.note("list", path.name, f"does not name {len(unlisted):,} of {len(on_disk):,} pairs on disk: {first}")
    if [(line.left, line.right, line.disparity) for line in lines] == [pair.paths for pair in on_disk]:
        return "as the disk"
    return f"{len(lines):,} lines, other than the disk ({len(on_disk):,} pairs)"


def write_lists(tree: Tree, force: bool, findings: Findings) -> dict[str, str]:
    """Write the list of each split that has whole pairs, each file whole or not at all; what was done, by name.

    A list that is there already and says something else is kept unless `force`. That, and a folder that cannot be
    written to, is a problem.
    """
    states = {}
    for split in SPLITS:
        path, text = tree.root / list_name(tree.render_pass, split), list_text(tree.complete(split))
        before = _bytes(path)
        if not text:
            continue
        if before == text.encode():
            states[path.name] = "unchanged"
        elif path.exists() and not force:
            states[path.name] = "kept"
            findings.problem("list", path.name, "is there and says something else: kept; --force replaces it")
        else:
            try:
                write_text(path, text)
            except OSError as error:
                states[path.name] = "not written"
                findings.problem("list", path.name, f"cannot be written ({error.strerror})")
            else:
                states[path.name] = f"written, {len(tree.complete(split)):,} lines"
    return states


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
