"""Draw docs/images/<network>.svg from the networks as they are built: python docs/draw_network.py

A network's trunk is exported as a graph of operators, which are gathered into boxes by the modules that made them. Each
stands in the column of its size (whole image, 1/2, … 1/32) and below all that it reads; beside an arrow stands what
passes, channels×height×width for a pair of 544×960 px. What a box multiplies is written in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

import stereo_exp as se
from stereo_exp.quant import export_trunk, fold_batchnorm

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ("stereonetplus", "quarternet")
SIZE = (544, 960)
MAXDISP = 192
# Modules and the box that they belong to; a number that is added to that of the module stands behind a plus.
BOXES = (
    (r"backbone\.stem", "stem"),
    (r"backbone\.stages\.(\d)", "stage"),
    (r"neck\.(?:lateral|top_down|down|smooth)\.(\d)", "neck"),
    (r"volume", "volume"),
    (r"aggregation\.stages", "aggregation"),
    (r"aggregation\.gates\.(\d)", "gate"),
    (r"aggregation\.down\.(\d)", "down+1"),
    (r"aggregation\.(?:enter|units)\.(\d)", "down"),
    (r"aggregation\.(?:up|keep|up_units)\.(\d)", "up"),
    (r"aggregation\.(?:final|shortcut)", "disparity logits"),
    (r"upsampling\.", "superpixel logits"),
)
COLUMN, ROW, WIDTH, HEIGHT, LEFT, TOP = 164, 74, 118, 40, 90, 60
STYLE = """
  svg { --paper: #ffffff; --ink: #1f2733; --soft: #667080; --line: #8d99a8; --box: #e3ecf8; --edge: #7593bd;
        --float: #f7ead7; --lane: #f3f5f8 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #12161c; --ink: #e4e9f0; --soft: #95a1b2; --line: #6b788a; --box: #22344f; --edge: #5c83bb;
          --float: #4a3a22; --lane: #1a2029 } }
  text { font: 11px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--soft); text-anchor: middle }
  .name { font-weight: 600; font-size: 12px; fill: var(--ink) }
  .box { fill: var(--box); stroke: var(--edge) } .float { fill: var(--float); stroke: var(--line) }
  .shape { font-size: 9px } .paper { fill: var(--paper) } .lane { fill: var(--lane) }
  .line { stroke: var(--line); fill: none } .tip { fill: var(--line) }
"""


@dataclass
class Box:
    """Operators of one part of the network at one size."""

    name: str
    stride: int
    reads: dict[int, str] = field(default_factory=dict)
    """Number of another box -> the shape of what comes from it."""
    macs: float = 0
    is_float: bool = False
    note: str = ""
    rank: int = 0


class _Shapes(Interpreter):
    """Keeps every node's shape, for one pair; nothing is computed."""

    def __init__(self, trunk: GraphModule) -> None:
        super().__init__(trunk.to("meta"))
        self.of: dict[Node, tuple[int, ...]] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor) and result.ndim == 4:
            self.of[n] = tuple(result.shape)
        return result


def _box_name(path: str) -> str | None:
    """None: of a module that only passes on what others made."""
    for pattern, name in BOXES:
        if found := re.match(pattern + r"(?=\.|$|(?<=\.))", path):
            name, _, more = name.partition("+")
            return f"{name} {int(found[1]) + int(more or 0)}" if found.groups() else name
    return None


def find_boxes(network: nn.Module) -> list[Box]:
    """The trunk's boxes; what one reads of another is told with its shape."""
    trunk = export_trunk(fold_batchnorm(network))  # type: ignore[arg-type]
    shapes = _Shapes(trunk)
    image = torch.zeros(1, 3, *SIZE, device="meta")
    with torch.no_grad():
        shapes.run(image, image)
    boxes, index, of = [Box("left, right", 1)], {}, {}
    for node in trunk.graph.nodes:
        sources = {source: of[source] for source in node.all_input_nodes if source in of}
        if node.op == "placeholder":
            of[node] = 0
        if node.op != "call_function" or not sources:
            continue
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        name = _box_name(stack[-1][0]) if stack else None
        if name is None:
            of[node] = max(sources.values())
            continue
        if name not in index:
            index[name] = len(boxes)
            boxes.append(Box(name, 0))
        number = of[node] = index[name]
        boxes[number].macs += _multiplications(trunk, node, shapes.of.get(node, ()))
        if node in shapes.of and name != "volume":
            boxes[number].stride = SIZE[0] // shapes.of[node][2]
        for source, other in sources.items():
            if other != number and source in shapes.of:
                boxes[number].reads.setdefault(other, "×".join(map(str, shapes.of[source][1:])))
    regression = network.regression
    boxes[index["volume"]].stride = regression.stride  # type: ignore[union-attr, assignment]
    return [*boxes, *_float_boxes(network, index["disparity logits"], index["superpixel logits"], len(boxes))]


def _multiplications(trunk: GraphModule, node: Node, shape: tuple[int, ...]) -> float:
    """Of a convolution on both views or one, in 10⁹; a volume's products are next to nothing."""
    if "conv" not in str(node.target):
        return 0
    weight = trunk.get_parameter(str(node.args[1].target))  # type: ignore[union-attr]
    pixels = shape if "transpose" not in str(node.target) else (shape[0], 0, shape[2] // 2, shape[3] // 2)
    return float(weight.numel() * pixels[0] * pixels[2] * pixels[3] / 1e9)


def _float_boxes(network: nn.Module, disparity: int, superpixel: int, count: int) -> list[Box]:
    """What stands behind the trunk, in floating point."""
    regression: Any = network.regression
    (height, width), stride, pixel = SIZE, regression.stride, regression.pixel
    cells = f"{height // stride}×{width // stride}"
    kind = type(regression.readout).__name__.lower()
    logits = f"{regression.maxdisp // stride}×{cells}"
    weights = f"{regression.neighbours}×{height // pixel}×{width // pixel}"
    read = Box("read-out", stride, {disparity: logits}, is_float=True, note=kind)
    mixed = Box("mixing", pixel, {count: f"1×{cells}", superpixel: weights}, is_float=True)
    return [read, mixed, Box("disparity", 1, {count + 1: f"1×{height // pixel}×{width // pixel}"}, is_float=True)]


def _rank(boxes: list[Box]) -> None:
    """Every box below what it reads, and no two at one place."""
    taken: set[tuple[int, int]] = set()
    ranked: set[int] = set()
    while len(ranked) < len(boxes):
        for number, box in enumerate(boxes):
            if number in ranked or not ranked.issuperset(box.reads):
                continue
            box.rank = max((boxes[other].rank + 1 for other in box.reads), default=0)
            while (box.rank, box.stride) in taken:
                box.rank += 1
            taken.add((box.rank, box.stride))
            ranked.add(number)


def draw(network: nn.Module, name: str) -> str:
    """The picture as SVG."""
    boxes = find_boxes(network)
    _rank(boxes)
    lanes = [1, 2, 4, 8, 16, 32]
    place = [(LEFT + COLUMN * lanes.index(box.stride), TOP + ROW * box.rank) for box in boxes]
    width, height = LEFT + COLUMN * 5 + WIDTH, max(y for _, y in place) + ROW
    out = [f'<rect class="paper" width="{width}" height="{height}" rx="10"/>']
    for number, lane in enumerate(lanes):
        x = LEFT + COLUMN * number
        if number % 2 == 0:
            out.append(f'<rect class="lane" x="{x - COLUMN // 2}" width="{COLUMN}" height="{height}"/>')
        out.append(f'<text x="{x}" y="22">{"whole size" if lane == 1 else f"1/{lane}"}</text>')
    beside: dict[tuple[int, int], int] = {}
    for box, (x, y) in zip(boxes, place, strict=True):
        # From the left to the right, and of one column those that come from far outside.
        inputs = sorted(box.reads.items(), key=lambda item: (place[item[0]][0], place[item[0]][1]))
        for slot, (other, shape) in enumerate(inputs):
            side = 0
            if box.rank - boxes[other].rank > 1:
                side = 1 if x > place[other][0] else -1
                column = [key for key in beside if boxes[key[0]].stride == boxes[other].stride and key[1] == side]
                beside.setdefault((other, side), WIDTH // 2 + 5 + 4 * len(column))
            aside = side * beside.get((other, side), 0)
            out += _arrow(place[other], (x, y), shape, (slot, len(inputs)), aside)
    for box, (x, y) in zip(boxes, place, strict=True):
        look = "float" if box.is_float else "box"
        out.append(f'<rect class="{look}" x="{x - WIDTH // 2}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>')
        note = box.note or (f"{box.macs:.1f} GMAC" if box.macs >= 0.05 else "")
        out.append(f'<text class="name" x="{x}" y="{y + (17 if note else 24)}">{box.name}</text>')
        out += [f'<text x="{x}" y="{y + 32}">{note}</text>'] if note else []
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><title>{name}</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *out, "</svg>", ""])


def _arrow(start: tuple[int, int], end: tuple[int, int], shape: str, slot: tuple[int, int], aside: int) -> list[str]:
    """Down from a box's lower edge and into the upper edge of another; what passes stands before the tip.

    Args:
        slot: which of how many arrows into that box.
        aside: px from the middle of its column, where the line runs past other boxes; 0: there are none.
    """
    (x0, y0), (x1, y1), (number, count) = start, end, slot
    x1 += round((number - (count - 1) / 2) * WIDTH / (count + 1))
    turn = y1 - 20 - 4 * number
    way = f"M{x0} {y0 + HEIGHT}V{y0 + HEIGHT + 6}H{x0 + aside}V{turn}H{x1}V{y1 - 6}"
    right = number == count - 1
    x, anchor = (x1 + 5, "start") if right else (x1 - 5, "end")
    # Of three the middle one stands above its neighbours.
    y = y1 - (8 if right or number == 0 else 19)
    label = f'<text class="shape" style="text-anchor:{anchor}" x="{x}" y="{y}">{shape}</text>'
    return [f'<path class="line" d="{way}"/>', f'<path class="tip" d="M{x1 - 4} {y1 - 7}h8l-4 7z"/>', label]


if __name__ == "__main__":
    for name in NETWORKS:
        picture = ROOT / "docs" / "images" / f"{name}.svg"
        picture.write_text(draw(se.create_network(name, maxdisp=MAXDISP), name))
        print(picture.relative_to(ROOT))
