"""What a comparison leaves: one page that opens from disk, and its table as CSV, LaTeX and in a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.table import Table as Terminal
from rich.text import Text

from stereo_exp.base import write_bytes, write_text
from stereo_exp.geometry import encode_png
from stereo_exp.suite.compare.charts import BOTTOM, HEIGHT, TOP, WIDTH, Chart, draw_charts, place_curves, place_front
from stereo_exp.suite.compare.records import DONE
from stereo_exp.suite.compare.table import Row, Table, list_chains

TEMPLATE = "page.html.j2"
PAGE_FILE, CSV_FILE, LATEX_FILE, PICTURE_FILE = "report.html", "runs.csv", "runs.tex", "report.png"
_STAGES = ("float", "calib", "qat", "int_infer")
_MOST_ROWS = 40
_PAGE_ONLY = ("bad1", "bad3", "GMAC", "seconds")
_LATEX = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"})


def write_files(folder: Path, table: Table, title: str) -> dict[str, str]:
    """Page, CSV, LaTeX and PNG; returns their paths by what they are."""
    charts = [chart for chart in _charts(table) if chart is not None]
    write_text(folder / PAGE_FILE, render_page(table, charts, title))
    write_text(folder / CSV_FILE, to_csv(table))
    write_text(folder / LATEX_FILE, to_latex(table))
    write_bytes(folder / PICTURE_FILE, encode_png(draw_charts(charts)))
    named = (("html", PAGE_FILE), ("csv", CSV_FILE), ("latex", LATEX_FILE), ("png", PICTURE_FILE))
    return {f"report_{kind}": str(folder / name) for kind, name in named}


def _charts(table: Table) -> list[Chart | None]:
    return [
        place_curves(table),
        place_front(table, "latency of the float network, ms", lambda row: row.latency_ms),
        place_front(table, "parameters, millions", lambda row: row.parameters and row.parameters / 1e6),
    ]


def render_page(table: Table, charts: Sequence[Chart], title: str) -> str:
    """The whole page; names may hold anything, they are escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text("utf-8"))
    heads, body = _cells(table)
    lost = [row for row in table.rows if not row.is_done]
    chains, frame = list_chains(table), {"width": WIDTH, "height": HEIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM}
    return template.render(
        title=title,
        table=table,
        heads=heads,
        body=body,
        lost=lost,
        charts=charts,
        chains=chains,
        stages=_STAGES,
        frame=frame,
    )


def _cells(table: Table) -> tuple[list[str], list[tuple[Row, list[str]]]]:
    """Heads, and each row with its cells, as page and files show them."""
    costs = [name for name, known in _COSTS.items() if any(known(row) is not None for row in table.rows)]
    heads = ["stage", *table.columns, "seeds", *table.scores, *costs, "seconds", "status"]
    body = []
    for row in table.rows:
        scores = [_score(row, key) for key in table.scores]
        seconds = "–" if row.seconds is None else f"{row.seconds:.0f}"
        stage, status = str(row.first.facts.get("stage")), row.first.status
        known = [_COSTS[name](row) or "–" for name in costs]
        body.append((row, [stage, *row.cells, str(len(row.records)), *scores, *known, seconds, status]))
    return heads, body


_COSTS = {
    "latency ms": lambda row: None if row.latency_ms is None else f"{row.latency_ms:.1f}",
    "parameters": lambda row: None if row.parameters is None else f"{row.parameters:,}",
    "GMAC": lambda row: None if row.gmac is None else f"{row.gmac:.2f}",
}


def _score(row: Row, key: str) -> str:
    """`1.234 ± 0.012`; shares in %."""
    found = row.score(key) if row.is_done else None
    if found is None:
        return "–"
    factor, digits, unit = (1.0, 3, "") if key.startswith("epe") else (100.0, 2, " %")
    value, spread = found
    more = "" if spread is None else f" ± {factor * spread:.{digits}f}"
    return f"{factor * value:.{digits}f}{more}{unit}"


def to_csv(table: Table) -> str:
    """One line for each row; means and standard deviations apart, as plain numbers."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    scores = [name for key in table.scores for name in (key, f"{key}_std")]
    costs = ["latency_ms", "parameters", "gmac"]
    lines.writerow(["stage", *table.columns, "seeds", *scores, *costs, "seconds", "status", "last", "command"])
    for row in table.rows:
        values: list[Any] = [row.first.facts.get("stage"), *row.cells, len(row.records)]
        for key in table.scores:
            values += (row.score(key) if row.is_done else None) or (None, None)
        values += [row.latency_ms, row.parameters, row.gmac, row.seconds, row.first.status]
        lines.writerow([*values, row.first.last, row.first.command])
    return out.getvalue()


def to_latex(table: Table) -> str:
    """A tabular of booktabs with the rows that have a result."""
    heads, body = _cells(table)
    left = 1 + len(table.columns)
    lines = [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(heads) - left - 1)}}}",
        r"\toprule",
        " & ".join(_latex(head) for head in heads[:-1]) + r" \\",
        r"\midrule",
        *(" & ".join(_latex(cell) for cell in cells[:-1]) + r" \\" for row, cells in body if row.is_done),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _latex(text: str) -> str:
    return text.translate(_LATEX).replace("±", r"$\pm$").replace("–", "--")


def to_terminal(table: Table) -> list[Terminal]:
    """The first rows, and why others have no result."""
    heads, body = _cells(table)
    # A terminal is narrow: the page has the rest.
    kept = [i for i, head in enumerate(heads) if head not in _PAGE_ONLY]
    more = f" ({_MOST_ROWS} of {len(body)} rows)" if len(body) > _MOST_ROWS else ""
    shown = Terminal(title=f"{table.num_runs} runs{more}", title_justify="left")
    left = 1 + len(table.columns)
    for i in kept:
        words = i < left
        shown.add_column(heads[i], justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for _, cells in body[:_MOST_ROWS]:
        shown.add_row(*(Text(cells[i]) for i in kept))
    lost = [row for row in table.rows if row.first.status != DONE]
    if not lost:
        return [shown]
    why = Terminal(title="without a result", title_justify="left")
    for head in ("run", "status", "last line"):
        why.add_column(head, overflow="fold")
    for row in lost[:_MOST_ROWS]:
        for record in row.records:
            why.add_row(*(Text(text) for text in (record.folder.name, record.status, record.last)))
    return [shown, why]
