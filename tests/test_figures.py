"""A figure is written once, by what measured it: prose repeats no generated result, and no two pages one figure."""

from __future__ import annotations

import json
import re
import runpy
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
if not (DOCS / "results").is_dir():
    pytest.skip("docs/ is not beside the tests (they run from an installed wheel)", allow_module_level=True)
write_notebook = runpy.run_path(str(DOCS / "site_hooks.py"))["write_notebook"]
# Written by scripts, or, as the log, of what was measured on a day.
NOT_BY_HAND = {"api.md", "keys.md", "log.md"}
PAGES = [
    ROOT / "README.md",
    ROOT / "stereo_exp" / "weights" / "CARD.md",
    DOCS / "tour.ipynb",
    *(page for page in sorted(DOCS.rglob("*.md")) if page.name not in NOT_BY_HAND),
]
FIGURE = re.compile(r"(?<![\w.,:×/-])(\d[\d,]*(?:\.\d+)?) ?(px|%|ms|GMAC|MB|frames/s|pairs/s|parameters|×|times)(?!\w)")
MEANT = {
    ("191", "px"): "the last disparity of a network whose maxdisp is 192",
    ("192", "px"): "maxdisp of the released networks: a setting",
    ("99.5", "%"): "the share that an observer holds: a setting",
    ("1.5", "px"): "the limits of two checks: settings",
    ("1,287,092", "parameters"): "counted, and held by the tests of the network",
}
"""What stands in several places, or looks like a result, and was not measured."""


def prose(text: str) -> str:
    """What was written by hand: no generated block, no code."""
    for pattern in (r"<!-- (\w+) -->.*?<!-- /\1 -->", r"```.*?```", r"`[^`]*`"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    return text


def figures(text: str) -> set[tuple[str, str]]:
    """Number and unit of what is precise enough to be a measurement: three digits, or two with a decimal point."""
    found = {(number, "×" if unit == "times" else unit) for number, unit in FIGURE.findall(prose(text))}
    return {(number, unit) for number, unit in found if count_digits(number) >= (2 if "." in number else 3)} - {*MEANT}


def count_digits(number: str) -> int:
    """Those that count: none of the zeros that begin it."""
    return len(re.sub(r"\D", "", number).lstrip("0"))


def read(page: Path) -> str:
    return write_notebook(json.loads(page.read_text())) if page.suffix == ".ipynb" else page.read_text()


def measured(node: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[Decimal, str]]:
    """Every number of a result's JSON with its unit, which its name tells; shares in %."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from measured(value, (*names, name))
    elif isinstance(node, float | int) and not isinstance(node, bool):
        value = Decimal(str(node))
        for pattern, unit, factor in UNITS:
            if any(re.fullmatch(pattern, name) for name in names):
                yield value * factor, unit
                return


UNITS = (
    (r"ms", "ms", 1),
    (r"gmac", "GMAC", 1),
    (r"parameters", "parameters", 1),
    (r"epe\w*|\w+_px", "px", 1),
    (r"d1\w*|bad\d\w*|kept|right|found|promised|mean|flicker|still", "%", 100),
)


def of_blocks(text: str) -> Iterator[tuple[Decimal, str]]:
    """Figures with a unit in the generated blocks of a page."""
    for _, block in re.findall(r"<!-- (\w+) -->(.*?)<!-- /\1 -->", text, re.DOTALL):
        yield from ((Decimal(number.replace(",", "")), unit) for number, unit in FIGURE.findall(block))


@pytest.fixture(scope="module")
def results() -> set[tuple[Decimal, str]]:
    found = {pair for file in (DOCS / "results").glob("*.json") for pair in measured(json.loads(file.read_text()))}
    return found | {pair for page in PAGES for pair in of_blocks(read(page))}


def repeated(text: str, results: set[tuple[Decimal, str]]) -> list[tuple[str, str]]:
    """Figures of the prose that are a result, rounded as the prose rounds it."""
    found = []
    for number, unit in sorted(figures(text)):
        value = Decimal(number.replace(",", ""))
        if any(unit == other and round(result, -value.as_tuple().exponent) == value for result, other in results):
            found.append((number, unit))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_result_is_written_by_hand(page: Path, results: set[tuple[Decimal, str]]) -> None:
    assert repeated(read(page), results) == [], "link to the result, or say in MEANT that it was not measured"


def test_no_figure_stands_on_two_pages() -> None:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for page in PAGES:
        for figure in figures(read(page)):
            places[figure].append(page.name)
    assert {figure: pages for figure, pages in places.items() if len(pages) > 1} == {}


def test_what_is_meant_is_still_there() -> None:
    written = {figure for page in PAGES for figure in FIGURE.findall(prose(read(page)))}
    assert {*MEANT} <= written


def test_it_finds_what_it_looks_for() -> None:
    results = {(Decimal("1.7031"), "px"), (Decimal("16.07"), "%"), (Decimal("35.2"), "ms"), (Decimal("2.67"), "×")}
    said = "It is 1.70 px off, in 16.1 % of all, takes 35.2 ms, `1.703 px` in code, 1.8 px and 544×960 px are others."
    assert repeated(said, results) == [("1.70", "px"), ("16.1", "%"), ("35.2", "ms")]
    assert repeated("about 2 px, 35 ms, 0.9 px", {*results, (Decimal("0.9"), "px")}) == [], "too coarse to be told"
    assert repeated("<!-- a -->1.70 px<!-- /a --> it is 2.7 times as fast, 5 times, 192 px", results) == [("2.7", "×")]
    found = dict(measured({"sets": {"A": {"int8": {"epe": 1.5, "bad2": 0.25, "pairs": 4}}}, "ms": {"x": 3}}))
    assert found == {Decimal("1.5"): "px", Decimal("25.00"): "%", Decimal("3"): "ms"}
    assert set(of_blocks("1.2 ms <!-- b -->| 3.17 × | 1.1% (0.4 ms) |<!-- /b -->")) == {
        (Decimal("3.17"), "×"),
        (Decimal("1.1"), "%"),
        (Decimal("0.4"), "ms"),
    }
