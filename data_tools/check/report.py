"""What a check found, for people (a table, then every problem by its path) and for programs (one JSON object)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from data_tools.check.pairs import Measured
from data_tools.check.problems import KINDS, Findings
from data_tools.check.tree import PUBLISHED, SPLITS, TOTALS, Group, Tree, lefts_of_test_split

_MAX_LACK = 0.1
_MAX_NAMED = 20  # in the JSON line


@dataclass(frozen=True)
class Row:
    """One line of the table: pairs of which all files are there, and what the others lack."""

    label: str
    pairs: int
    published: int | None
    views_missing: int
    truth_missing: int


def compare_counts(tree: Tree, findings: Findings) -> None:
    """A part that is nearly whole, nine tenths or more, but lacks pairs altogether is a problem; less is a subset.

    Of the test split every pair is known by name, so that each one that lacks is named too, unless a list's line has
    brought it up already.
    """
    for group, published in PUBLISHED.items():
        lefts = {pair.left for pair in tree.pairs if pair.group == group}
        lack = published - len(lefts)
        if not 0 < lack <= _MAX_LACK * published:
            continue
        findings.problem("count", str(group), f"{len(lefts):,} pairs, {lack:,} fewer than published")
        if group.split == "test":
            for left in lefts_of_test_split(group.section, tree.render_pass):
                if left not in lefts and not findings.names(left):
                    findings.problem("missing", left, "is missing, and the pair's other files too")


def rows(tree: Tree) -> list[Row]:
    """The table: every published group and every other that is on disk, then the total of each split."""
    counts: Counter[tuple[Group, str]] = Counter()
    for pair in tree.pairs:
        left, right, truth = pair.sizes
        counts[pair.group, "pairs"] += pair.complete
        counts[pair.group, "views"] += (left < 0) + (right < 0)
        counts[pair.group, "truth"] += truth < 0
    table = []
    for split in SPLITS:
        groups = sorted({group for group in (*PUBLISHED, *(group for group, _ in counts)) if group.split == split})
        part = [
            Row(
                f"{split:<6}{group.part} {group.section}".rstrip(),
                *(counts[group, "pairs"], PUBLISHED.get(group), counts[group, "views"], counts[group, "truth"]),
            )
            for group in groups
        ]
        pairs, views, truth = (
            sum(getattr(row, name) for row in part) for name in ("pairs", "views_missing", "truth_missing")
        )
        table += [*part, Row(f"{split:<6}all", pairs, TOTALS[split], views, truth)]
    return table


def print_table(tree: Tree, measured: Measured, lists: dict[str, str], maxdisp: float) -> None:
    """Counts, list files, and what the pairs that were looked into measure."""
    print(f"{tree.root}, {tree.render_pass}")
    print(f"\n{'':<40}{'pairs':>8}{'published':>11}{'views missing':>15}{'truth missing':>15}")
    for row in rows(tree):
        published = "-" if row.published is None else f"{row.published:,}"
        print(f"{row.label:<40}{row.pairs:>8,}{published:>11}{row.views_missing:>15,}{row.truth_missing:>15,}")
    print()
    for name, state in lists.items():
        print(f"{name:<40}{state}")
    readable = sum(min(pair.sizes) > 0 for pair in tree.pairs)
    print(f"\n{'pairs looked into':<40}{measured.pairs:,} of {readable:,}")
    if not measured.sizes:
        return
    sizes = ", ".join(f"{size} ({count:,})" for size, count in measured.sizes.most_common(5))
    more = len(measured.sizes) - 5
    print(f"{'sizes, height x width':<40}{sizes}{f' and {more} more' if more > 0 else ''}")
    if measured.known:
        print(f"{'disparity':<40}{measured.lowest:.2f} to {measured.highest:.2f} px")
    print(f"{'pixels with known disparity':<40}{_share(measured.known, measured.pixels):.2%}")
    print(f"{f'pixels at or above maxdisp {maxdisp:g}':<40}{_share(measured.beyond, measured.pixels):.2%}")
    print(f"{'order of the views, cannot tell':<40}{measured.order_unknown:,}")
    print(f"{'rectified, cannot tell':<40}{measured.rows_unknown:,}")


def print_findings(findings: Findings, show: int) -> None:
    """Problems by kind, `show` of each at most (0: all), then the notes in the same way."""
    for title, found in (("problems", findings.problems), ("notes", findings.notes)):
        if not found:
            continue
        print(f"\n{title}: {len(found):,}")
        order = list(KINDS)
        for kind, group in groupby(sorted(found, key=lambda f: order.index(f.kind)), key=lambda f: f.kind):
            named = list(group)
            print(f"  {KINDS[kind]}: {len(named):,}")
            for finding in named[: show or None]:
                print(f"    {finding}")
            if show and len(named) > show:
                print(f"    and {len(named) - show:,} more (--show 0 names all)")
    if not findings.problems:
        print("\nno problems")
    print()


def summary(
    tree: Tree, measured: Measured, findings: Findings, lists: dict[str, str], maxdisp: float
) -> dict[str, Any]:
    """The JSON object: disparity in px, shares of all pixels of the pairs looked into; null where there is none."""
    pairs = {split: len(tree.complete(split)) for split in SPLITS}
    return {
        "root": str(tree.root),
        "render_pass": tree.render_pass,
        "pairs": pairs,
        "published": TOTALS,
        "whole": pairs == TOTALS,
        "missing": sum(size < 0 for pair in tree.pairs for size in pair.sizes),
        "lists": lists,
        "checked": measured.pairs,
        "sizes": dict(measured.sizes.most_common()),
        "disparity": [round(measured.lowest, 3), round(measured.highest, 3)] if measured.known else None,
        "maxdisp": maxdisp,
        "known_share": round(_share(measured.known, measured.pixels), 6) if measured.pixels else None,
        "beyond_share": round(_share(measured.beyond, measured.pixels), 6) if measured.pixels else None,
        "cannot_tell": {"order": measured.order_unknown, "rectified": measured.rows_unknown},
        "problems": len(findings.problems),
        "by_kind": findings.by_kind(),
        "named": [finding.path for finding in findings.problems[:_MAX_NAMED]],
        "notes": len(findings.notes),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
