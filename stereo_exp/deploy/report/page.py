"""`model.html`: one file that opens from disk, without a network; light and dark."""

from __future__ import annotations

import math
from html import escape
from typing import Any

# The page's two drawings, as SVG that needs no script.


WIDTH, HEIGHT = 960, 260
_LEFT, _BOTTOM, _TOP = 56, 34, 14
PARTS = ("images", "backbone", "neck", "head", "pixels", "trunk")


def skyline(report: dict[str, Any]) -> str:
    """One bar for every layer, in the order of the graph: its estimated time."""
    rows = report["layers"]
    longest = max((row["ms"] for row in rows), default=1.0) or 1.0
    step = (WIDTH - _LEFT) / max(len(rows), 1)
    bars = []
    for i, row in enumerate(rows):
        height = (HEIGHT - _BOTTOM - _TOP) * row["ms"] / longest
        tip = f"{row['name']} · {row['kind']} · {row['ms']:.3f} ms ({row['bound']})"
        bars.append(
            f'<rect class="{row["part"]}" x="{_LEFT + i * step:.2f}" y="{HEIGHT - _BOTTOM - height:.2f}" '
            f'width="{max(step - 0.6, 0.6):.2f}" height="{height:.2f}"><title>{escape(tip)}</title></rect>'
        )
    lines = [
        _line(_LEFT, _y(f), WIDTH, _y(f)) + _text(_LEFT - 6, _y(f) + 4, f"{f * longest:.2f}", "end")
        for f in (0, 0.25, 0.5, 0.75, 1)
    ]
    label = _text(_LEFT, HEIGHT - 8, "layers in the order of the graph; height: estimated ms", "start")
    return _svg("Estimated time of every layer", [*lines, *bars, label])


def roofline(report: dict[str, Any]) -> str:
    """Every layer that multiplies: operations for each byte moved, and what the device can reach there."""
    device = report["device"]
    rows = [row for row in report["layers"] if row["macs"] and row["bytes_moved"]]
    points = [(row, 2 * row["macs"] / row["bytes_moved"]) for row in rows]
    peaks = (("int8", device["int8_ops"]), ("float32", device["float32_ops"]))
    ridge = device["int8_ops"] / device["bandwidth"]
    high = max([ridge * 4, *(x for _, x in points)])
    low = min([ridge / 64, *(x for _, x in points)])
    top, floor = device["int8_ops"] * 2, low * device["bandwidth"] / 2

    def x_of(intensity: float) -> float:
        return _LEFT + (WIDTH - _LEFT - 8) * math.log(intensity / low) / math.log(high / low)

    def y_of(rate: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * math.log(rate / floor) / math.log(top / floor)

    drawn = []
    for name, peak in peaks:
        corner = peak / device["bandwidth"]
        path = f"M{x_of(low):.1f},{y_of(low * device['bandwidth']):.1f}"
        if low < corner:
            path += f" L{x_of(min(corner, high)):.1f},{y_of(min(corner, high) * device['bandwidth']):.1f}"
        path += f" L{x_of(high):.1f},{y_of(min(peak, high * device['bandwidth'])):.1f}"
        drawn.append(f'<path class="roof" d="{path}"/>')
        drawn.append(_text(WIDTH - 4, y_of(peak) - 5, f"{name}: {peak / 1e12:.3g} TOPS", "end"))
    for row, intensity in points:
        peak = device["int8_ops"] if row["bits_in"] <= 8 else device["float32_ops"]
        rate = min(peak, intensity * device["bandwidth"])
        tip = f"{row['name']} · {intensity:.1f} operations a byte · {row['bound']}-bound"
        radius = 2 + 6 * math.sqrt(row["ms"] / max(r["ms"] for r, _ in points))
        drawn.append(
            f'<circle class="{row["part"]}" cx="{x_of(intensity):.1f}" cy="{y_of(rate):.1f}" r="{radius:.1f}">'
            f"<title>{escape(tip)}</title></circle>"
        )
    label = _text(_LEFT, HEIGHT - 8, "operations for each byte moved (logarithmic); area: estimated time", "start")
    return _svg("Roofline", [*drawn, label])


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * share


def _svg(title: str, parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #d9dee7; --page: #ffffff; --card: #f4f6fa;
  --images: #8a94a6; --backbone: #2f6fd0; --neck: #2a9d8f; --head: #d9772b; --pixels: #b04a8f; --trunk: #5b6475; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #323a48; --page: #12161d;
  --card: #1b212b; --images: #9aa4b5; --backbone: #6ea3f0; --neck: #59c9ba; --head: #f09a55; --pixels: #d983bd;
  --trunk: #a0a9b8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 24px 20px 48px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; } p { margin: 4px 0; }
.soft { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0; }
.tile { background: var(--card); border-radius: 8px; padding: 10px 16px; min-width: 130px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 11px; } .grid { stroke: var(--line); }
.roof { fill: none; stroke: var(--soft); stroke-width: 1.5; }
circle { fill-opacity: .75; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 4px 8px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
td.text { white-space: normal; }
thead th { position: sticky; top: 0; background: var(--page); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--backbone); }
.key span { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 12px; }
"""
_SCRIPT = """
for (const button of document.querySelectorAll("#layers th button")) button.addEventListener("click", () => {
  const head = button.parentElement, column = head.cellIndex, body = document.querySelector("#layers tbody");
  const value = row => {
    const cell = row.cells[column];
    return cell.dataset.n === undefined ? cell.textContent : +cell.dataset.n;
  };
  const up = head.getAttribute("aria-sort") === "descending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const order = (a, b) => (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0) * (up ? 1 : -1);
  body.append(...[...body.rows].sort(order));
});
"""
_COLUMNS = (
    "layer", "type", "shape", "bits in · weights · out", "M MAC", "parameters", "kB moved", "bound", "ms"
)  # fmt: skip
_TEXT_COLUMNS = ("type", "shape", "bound")


def page(report: dict[str, Any]) -> str:
    """The whole page."""
    model, device, totals = report["model"], report["device"], report["totals"]
    height, width = model["size"]
    title = f"{model['name']} · {model['stage']}"
    tiles = (
        ("estimated", f"{totals['ms']:.2f} ms"),
        ("multiply-accumulates", f"{totals['macs'] / 1e9:.2f} G"),
        ("of these integer", f"{100 * totals['integer_macs'] / max(totals['macs'], 1):.1f} %"),
        ("parameters", f"{totals['parameters']:,}"),
        ("bytes moved", f"{totals['bytes_moved'] / 1e6:.1f} MB"),
        ("layers", str(totals["layers"])),
    )
    style = _STYLE + "".join(f".{p} {{ fill: var(--{p}); background: var(--{p}); }}\n" for p in PARTS)
    peaks = (
        f"{device['int8_ops'] / 1e12:.3g} TOPS int8, {device['float32_ops'] / 1e9:.3g} GFLOPS float32, "
        f"{device['bandwidth'] / 1e9:.3g} GB/s"
    )
    rest = {key: value for key, value in model.items() if key not in ("name", "stage", "size") and value is not None}
    facts = ", ".join(f"{key} {value}" for key, value in rest.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{style}</style></head><body>
<h1>{escape(title)}</h1>
<p class="soft">One pair of {height}×{width} images; {escape(facts)}</p>
<p class="soft">Device: {escape(device["title"])}: {escape(peaks)}.
Times are the longer of computing and moving, layer by layer; a bound, not a measurement.</p>
<div class="tiles">{"".join(f'<div class="tile"><b>{escape(v)}</b>{escape(k)}</div>' for k, v in tiles)}</div>
<h2>Where the time goes</h2>{_key(report)}{skyline(report)}
<h2>Roofline</h2>{roofline(report)}
<h2>Parts</h2><div class="scroll">{_parts(report)}</div>
<h2>Layers</h2><p class="soft">A head sorts. Activations that go on inside one kernel count no bytes.</p>
<div class="scroll">{_layers(report)}</div>
<script>{_SCRIPT}</script></body></html>
"""


def _key(report: dict[str, Any]) -> str:
    names = [part for part in PARTS if part in report["parts"]]
    return f'<p class="key">{"".join(f"<span class={part!r}></span>{part}" for part in names)}</p>'


def _parts(report: dict[str, Any]) -> str:
    total = report["totals"]["ms"] or 1.0
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{p['layers']}</td><td>{p['macs'] / 1e6:,.1f}</td><td>{p['parameters']:,}</td>"
        f"<td>{p['bytes_moved'] / 1e6:.2f}</td><td>{p['ms']:.3f}</td><td>{100 * p['ms'] / total:.1f} %</td></tr>"
        for name, p in report["parts"].items()
    )
    heads = ("part", "layers", "M MAC", "parameters", "MB moved", "ms", "share")
    return f"<table><thead><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr></thead><tbody>{rows}</tbody></table>"


def _layers(report: dict[str, Any]) -> str:
    heads = "".join(f'<th scope="col"{_text_class(name)}><button>{escape(name)}</button></th>' for name in _COLUMNS)
    rows = "".join(f"<tr>{_row(layer)}</tr>" for layer in report["layers"])
    return f'<table id="layers"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _row(layer: dict[str, Any]) -> str:
    shape = " + ".join("×".join(map(str, s)) for s in layer["inputs"]) + " → " + "×".join(map(str, layer["output"]))
    kind = layer["kind"] + (" (fused)" if layer["is_fused"] else "")
    numbers = (
        (layer["macs"], f"{layer['macs'] / 1e6:,.2f}"),
        (layer["parameters"], f"{layer['parameters']:,}"),
        (layer["bytes_moved"], f"{layer['bytes_moved'] / 1e3:,.1f}"),
    )
    bits = f"{layer['bits_in']} · {layer['bits_weight'] or '–'} · {layer['bits_out']}"
    cells = [f"<td>{escape(layer['name'])}</td>", *(f'<td class="text">{escape(t)}</td>' for t in (kind, shape))]
    cells += [f'<td data-n="{layer["bits_in"]}">{bits}</td>']
    cells += [f'<td data-n="{n}">{text}</td>' for n, text in numbers]
    cells += [f'<td class="text">{layer["bound"]}</td>', f'<td data-n="{layer["ms"]}">{layer["ms"]:.4f}</td>']
    return "".join(cells)


def _text_class(name: str) -> str:
    return ' class="text"' if name in _TEXT_COLUMNS else ""
