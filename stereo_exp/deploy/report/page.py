"""`model.html`: one file that opens from disk, without a network; light and dark.

`page.html.j2` holds all its markup, style and script. Here is what the template does not reckon itself: where the two
drawings have their bars, roofs and points, in px of an SVG of `WIDTH` by `HEIGHT`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from stereo_exp.deploy.report.layers import PARTS

TEMPLATE = "page.html.j2"
WIDTH, HEIGHT = 960, 260
# Room for the labels around what is drawn.
_LEFT, _BOTTOM, _TOP = 56, 34, 14
_RIGHT = 8
_GAP = 0.6
"""Between two bars, and the width of the narrowest."""


def render_page(report: dict[str, Any]) -> str:
    """The whole page.

    Args:
        report: what `summarize` returns; names may hold anything, they are escaped.
    """
    # Each part has its colour in the template's style.
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text("utf-8"))
    return template.render(
        report,
        colours=PARTS,
        frame={"width": WIDTH, "height": HEIGHT, "left": _LEFT, "base": HEIGHT - 8},
        grid=_place_grid(report["layers"]),
        bars=_place_bars(report["layers"]),
        roofline=_place_roofline(report["layers"], report["device"]),
    )


def _rise(share: float) -> float:
    """How far down the drawing a share of its height is."""
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * share


# One bar for every layer, in the order of the graph: its estimated time.


class _Bar(NamedTuple):
    layer: dict[str, Any]
    x: float
    y: float
    width: float
    height: float


def _place_bars(layers: list[dict[str, Any]]) -> list[_Bar]:
    longest = _longest(layers)
    step = (WIDTH - _LEFT) / max(len(layers), 1)
    bars = []
    for i, layer in enumerate(layers):
        top = _rise(layer["ms"] / longest)
        bars.append(_Bar(layer, _LEFT + i * step, top, max(step - _GAP, _GAP), _rise(0) - top))
    return bars


def _place_grid(layers: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """(y, ms) of every line behind the bars."""
    return [(_rise(share), share * _longest(layers)) for share in (0, 0.25, 0.5, 0.75, 1)]


def _longest(layers: list[dict[str, Any]]) -> float:
    return max((layer["ms"] for layer in layers), default=1.0) or 1.0


# Every layer that multiplies: operations for each byte moved, and what the device can reach there.


class _Roof(NamedTuple):
    name: str
    peak: float
    """Operations a second."""
    corners: list[tuple[float, float]]
    label: float
    """Height of its label."""


class _Point(NamedTuple):
    layer: dict[str, Any]
    intensity: float
    """Operations a byte."""
    x: float
    y: float
    radius: float


def _place_roofline(layers: list[dict[str, Any]], device: dict[str, Any]) -> dict[str, Any]:
    """`roofs` and `points`, both axes logarithmic; the points' areas grow with their times."""
    found = [layer for layer in layers if layer["macs"] and layer["bytes_moved"]]
    intensities = [2 * layer["macs"] / layer["bytes_moved"] for layer in found]
    bandwidth, int8, float32 = device["bandwidth"], device["int8_ops"], device["float32_ops"]
    ridge = int8 / bandwidth
    low, high = min([ridge / 64, *intensities]), max([ridge * 4, *intensities])
    x_of = _logarithmic(low, high, _LEFT, WIDTH - _RIGHT)
    y_of = _logarithmic(low * bandwidth / 2, int8 * 2, _rise(0), _rise(1))
    roofs = []
    for name, peak in (("int8", int8), ("float32", float32)):
        # Along the bandwidth up to the peak, then level.
        bends = [low, min(peak / bandwidth, high), high] if low < peak / bandwidth else [low, high]
        corners = [(x_of(bend), y_of(bend * bandwidth)) for bend in bends[:-1]]
        corners.append((x_of(high), y_of(min(peak, high * bandwidth))))
        roofs.append(_Roof(name, peak, corners, y_of(peak) - 5))
    longest = _longest(found)
    points = []
    for layer, intensity in zip(found, intensities, strict=True):
        rate = min(int8 if layer["bits_in"] <= 8 else float32, intensity * bandwidth)
        radius = 2 + 6 * math.sqrt(layer["ms"] / longest)
        points.append(_Point(layer, intensity, x_of(intensity), y_of(rate), radius))
    return {"roofs": roofs, "points": points}


def _logarithmic(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """A scale from `low` at `start` to `high` at `end`."""
    return lambda value: start + (end - start) * math.log(value / low) / math.log(high / low)
