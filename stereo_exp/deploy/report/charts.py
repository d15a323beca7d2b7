"""The page's two drawings, as SVG that needs no script."""

from __future__ import annotations

import math
from html import escape
from typing import Any

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
