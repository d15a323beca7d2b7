"""Rows and columns: what differs between runs, repetitions under other seeds as one row, and fronts of the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from stereo_exp.suite.compare.records import DONE, Record

# Their own column, or the row itself.
_APART = ("seed", "task", "stage", "name")
SCORES = ("epe", "d1", "bad1", "bad2", "bad3")
_CHAIN = ("float", "calib", "qat", "int_infer")


@dataclass
class Row:
    """Runs that differ in their seed only, and have come equally far."""

    records: list[Record]
    cells: list[str]
    """Values of the columns that `Table` names."""
    latency_ms: float | None = None
    """Of the float network, exported, for one pair."""
    parameters: int | None = None
    gmac: float | None = None
    """10⁹ multiply-accumulates for one pair."""

    @property
    def first(self) -> Record:
        """Stands for all of them."""
        return self.records[0]

    @property
    def is_done(self) -> bool:
        """Whether there is a result."""
        return self.first.status == DONE

    @property
    def seconds(self) -> float | None:
        """Of all together."""
        return sum(float(r.report.get("seconds") or 0) for r in self.records) if self.is_done else None

    def score(self, key: str) -> tuple[float, float | None] | None:
        """Mean of a metric over the seeds, and their standard deviation where there are several; None: not scored."""
        values = [float(v) for r in self.records if isinstance(v := r.report.get(key), int | float)]
        if not values:
            return None
        return mean(values), stdev(values) if len(values) > 1 else None

    @property
    def epe(self) -> float | None:
        """Mean over the seeds, px."""
        found = self.score("epe") if self.is_done else None
        return found[0] if found and math.isfinite(found[0]) else None

    @property
    def title(self) -> str:
        """What tells it from the others, in one line."""
        return " ".join([str(self.first.facts.get("stage")), *self.cells])


@dataclass
class Table:
    """Runs as rows."""

    columns: list[str]
    """The keys in which runs differ."""
    rows: list[Row]
    scores: list[str]
    """Metrics that some run has."""
    common: list[tuple[str, str]]
    """What was typed for every run alike."""

    @property
    def num_runs(self) -> int:
        """Runs in all rows."""
        return sum(len(row.records) for row in self.rows)


def tabulate(records: Sequence[Record]) -> Table:
    """The table of runs: best EPE first within a stage, then those without one."""
    keys = list(dict.fromkeys(key for record in records for key in record.typed))
    several = {key for key in ("task", "name") if len({record.facts.get(key) for record in records}) > 1}
    values = {key: [record.value_of(key) for record in records] for key in keys if key not in _APART}
    columns = [key for key in values if len(set(values[key])) > 1]
    common = [(key, found[0]) for key, found in values.items() if len(set(found)) == 1]
    groups: dict[tuple[Any, ...], Row] = {}
    for i, record in enumerate(records):
        cells = [str(record.facts.get(key)) for key in sorted(several)] + [values[key][i] for key in columns]
        facts = tuple(record.facts.get(key) for key in ("task", "stage", "name"))
        seed = record.value_of("seed")
        group = (*facts, record.status, *cells)
        twin = groups.get(group)
        # The same run done twice is two rows; the same under another seed is one.
        if twin is not None and all(other.value_of("seed") != seed for other in twin.records):
            twin.records.append(record)
        else:
            groups[group if twin is None else (*group, i)] = Row([record], cells)
    rows = sorted(groups.values(), key=_rank)
    scores = [key for key in SCORES if any(row.score(key) for row in rows)]
    return Table([*sorted(several), *columns], rows, scores, common)


def _rank(row: Row) -> tuple[int, int, float]:
    stage = str(row.first.facts.get("stage"))
    place = _CHAIN.index(stage) if stage in _CHAIN else len(_CHAIN)
    return (0 if row.is_done else 1, place, row.epe if row.epe is not None else math.inf)


def find_front(rows: Iterable[Row], cost: Callable[[Row], float | None]) -> list[Row]:
    """The rows that no other one beats in EPE at no greater cost, the cheapest first."""
    known = [(c, row.epe, i, row) for i, row in enumerate(rows) if (c := cost(row)) is not None and row.epe is not None]
    front, best = [], math.inf
    for _, epe, _, row in sorted(known):
        if epe < best:
            best = epe
            front.append(row)
    return front


# From float to integers: each chain that came to its end, one stage after the other.


@dataclass(frozen=True)
class Chain:
    """The stages of one network, as the report of its integers has them."""

    title: str
    dataset: str
    """On which all were scored; several where they differ."""
    epe: dict[str, float | None]
    """Stage → px."""
    against_float: float | None
    """The integers' EPE through the float network's."""


def list_chains(table: Table) -> list[Chain]:
    """Of every run whose report tells the stages that led to it."""
    chains = []
    for row in table.rows:
        for record in row.records:
            links = [link for link in record.report.get("chain") or [] if isinstance(link, dict)]
            if not links:
                continue
            sets = list(dict.fromkeys(str(link["dataset"]) for link in links if link.get("dataset")))
            title = " ".join(row.cells) or str(record.facts.get("name"))
            scored = {str(link.get("stage")): link.get("epe") for link in links}
            chains.append(Chain(title, ", ".join(sets) or "–", scored, links[-1].get("against_float")))
    return chains
