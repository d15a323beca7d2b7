"""What a check finds: problems (the exit code is 2) and notes (it is not), each with the path it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

KINDS = {
    "missing": "files that are missing",
    "empty": "files without a byte",
    "damaged": "files that cannot be read",
    "misfit": "pairs whose files do not fit each other",
    "swapped": "pairs whose views are swapped",
    "negated": "pairs whose disparity has the wrong sign",
    "unrelated": "pairs whose truth does not belong to the views",
    "unrectified": "pairs that are not rectified",
    "layout": "folders and files where they do not belong",
    "count": "parts that are not whole",
    "list": "list files",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        kind: a key of `KINDS`.
        path: relative to the data set's folder.
        text: what is wrong with it.
    """

    kind: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


@dataclass
class Findings:
    """Problems and notes in the order found."""

    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)

    def problem(self, kind: str, path: str, text: str) -> None:
        """Something that must be mended."""
        self.extend([Finding(kind, path, text)])

    def extend(self, problems: Iterable[Finding]) -> None:
        """Problems found elsewhere."""
        for problem in problems:
            self.problems.append(problem)
            self._paths.add(problem.path)

    def note(self, kind: str, path: str, text: str) -> None:
        """Something to know that may well be meant."""
        self.notes.append(Finding(kind, path, text))

    def names(self, path: str) -> bool:
        """Whether a problem about `path`, or about a folder that it lies in, has been found."""
        ends = [index for index, letter in enumerate(path) if letter == "/"]
        return any(path[:end] in self._paths for end in (*ends, len(path)))

    def by_kind(self) -> dict[str, int]:
        """Problems of each kind, in the order of `KINDS`."""
        counts = Counter(finding.kind for finding in self.problems)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}
