"""Draw docs/images/architecture.svg from the imports as they are: python docs/draw_architecture.py

Rooms stand on their floors (those of the contract in pyproject.toml), one to a row and one to a column. An arrow leaves
a room to the right, turns at a dot and comes down on what it imports; the dot says how many pairs of modules that is.
What breaks a contract is dashed, in the colour of a warning; what points upwards runs to the left.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
TOPS = "stereo_exp", "data_tools"
SAYS = {
    "data_tools": "pack, render, check, calibrate",
    "__main__": "the command line",
    "suite": "config nodes, runs, stages, tasks",
    "deploy": "ONNX, rewrites, engines, the report",
    "quant": "targets, observers, QAT, integers",
    "model": "networks, losses, the checkpoint's format",
    "shapes": "the scene renderer",
    "data": "sources, shards, order, loader, augmentation",
    "runtime": "compiled models on a board",
    "geometry": "pairs, formats, calibration, depth, SGBM, metrics",
    "config": "every key, its type, rule and sentence",
    "weights": "the released networks",
    "base": "errors, files, progress, registry",
}
PITCH, ROW, BOX, LEFT, TOP = 68, 44, 84, 210, 20
STYLE = """
  svg { --paper: #ffffff; --band: #f3f5f8; --ink: #1f2733; --soft: #667080; --line: #b4bdc9; --box: #e3ecf8;
        --edge: #7593bd; --dot: #2f6fc0; --bad: #c8372d }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #12161c; --band: #1a2029; --ink: #e4e9f0; --soft: #95a1b2; --line: #4a5666; --box: #22344f;
          --edge: #5c83bb; --dot: #7fb0ee; --bad: #ff8577 } }
  text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--soft) }
  .room { font-weight: 600; font-size: 13px; fill: var(--ink); text-anchor: middle }
  .box { fill: var(--box); stroke: var(--edge) } .band { fill: var(--band) } .paper { fill: var(--paper) }
  .line { stroke: var(--line); fill: none; shape-rendering: crispEdges }
  .tip { fill: var(--line) } .dot { fill: var(--dot) } .bad { fill: var(--bad) }
  .badline { stroke: var(--bad); fill: none; stroke-dasharray: 4 3 }
"""


def read_contracts() -> tuple[list[list[str]], set[tuple[str, str]]]:
    """Floors from the top, each a list of rooms; and the pairs of rooms that may not import, floors apart."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if "containers" in contract)
    floors = [["data_tools", "__main__"], *([room.strip() for room in layer.split("|")] for layer in layers[1:])]
    sides = ([c.get("source_modules", []), c.get("forbidden_modules", [])] for c in contracts)
    return floors, {(a.split(".")[-1], b.split(".")[-1]) for side in sides for a, b in product(*side)}


def count_imports() -> Counter[tuple[str, str]]:
    """Between two rooms: pairs of a module and a module that it imports, lazily or for its types too."""
    pairs = set()
    for path in (path for top in TOPS for path in (ROOT / top).rglob("*.py")):
        place = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = node.module in TOPS  # from stereo_exp import runtime
                modules = [f"{node.module}.{alias.name}" for alias in node.names] if whole else [node.module]
            else:
                continue
            pairs |= {(place, tuple(module.split("."))) for module in modules}
    counts: Counter[tuple[str, str]] = Counter()
    for place, module in pairs:
        source, target = (parts[0] if parts[0] == TOPS[1] else (*parts, "")[1] for parts in (place, module))
        if module[0] in TOPS and source != target and {source, target} <= set(SAYS):
            counts[source, target] += 1
    return counts


def draw() -> str:
    """The picture as SVG, the same for the same imports."""
    floors, forbidden = read_contracts()
    level = {room: number for number, floor in enumerate(floors) for room in floor}
    x = {room: LEFT + PITCH * number for number, room in enumerate(level)}
    y = {room: TOP + ROW * number + ROW // 2 for number, room in enumerate(level)}
    width, height = max(x.values()) + BOX // 2 + 24, max(y.values()) + ROW // 2 + TOP
    out = [f'<rect class="paper" width="{width}" height="{height}" rx="10"/>']
    bands = ((y[floor[0]] - ROW // 2, ROW * len(floor)) for floor in floors[::2])
    out += [f'<rect class="band" y="{top}" width="{width}" height="{size}"/>' for top, size in bands]
    counts = sorted(count_imports().items())
    edges = [(*pair, count, level[pair[0]] < level[pair[1]] and pair not in forbidden) for pair, count in counts]
    # Those who import the same share one line down to it, and a room's own imports one line to the right.
    right = {source: x[target] for source, target, _, fine in sorted(edges, key=lambda e: x[e[1]]) if fine}
    down = {target: y[source] for source, target, _, fine in sorted(edges, key=lambda e: -y[e[0]]) if fine}
    out += [f'<path class="line" d="M{x[room]} {y[room]}H{end}"/>' for room, end in right.items()]
    out += [f'<path class="line" d="M{x[room]} {start}V{y[room] - 17}"/>' for room, start in down.items()]
    for source, target, _, fine in edges:
        side = 1 if y[target] > y[source] else -1
        tip = y[target] - side * 16
        if not fine:
            out.append(f'<path class="badline" d="M{x[source]} {y[source]}H{x[target]}V{tip}"/>')
        out.append(f'<path class="{"tip" if fine else "bad"}" d="M{x[target] - 4} {tip - side * 6}h8l-4 {side * 6}z"/>')
    for source, target, count, fine in edges:
        # Three sizes and no number: the picture changes with the architecture, not with every import.
        look, radius = "dot" if fine else "bad", 5 + 3 * sum(count > most for most in (3, 12))
        out.append(f'<circle class="{look}" cx="{x[target]}" cy="{y[source]}" r="{radius}"/>')
    for room in level:
        out.append(f'<rect class="box" x="{x[room] - BOX // 2}" y="{y[room] - 15}" width="{BOX}" height="30" rx="5"/>')
        out.append(f'<text class="room" x="{x[room]}" y="{y[room] + 4}">{room}</text>')
        out.append(f'<text x="20" y="{y[room] + 4}">{SAYS[room]}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><title>Who imports whom</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw())
    print(PICTURE.relative_to(ROOT))
