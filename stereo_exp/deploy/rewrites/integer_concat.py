"""Concatenate integers, then dequantise once: a quarter of the bytes, and the convolution behind sees integers."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from stereo_exp.deploy.surgery import constant, nodes_of, replace_nodes


def rewrite(model: ir.Model) -> int:
    """Returns how many concatenations of dequantised tensors on one grid were changed."""
    changed = 0
    for node in nodes_of(model, "Concat"):
        sources = [value.producer() if value is not None else None for value in node.inputs]
        if any(s is None or s.op_type != "DequantizeLinear" for s in sources) or not _one_grid(sources):
            continue
        first = sources[0]
        assert first is not None
        axis = node.attributes["axis"].as_int()
        joined = ir.node("Concat", [s.inputs[0] for s in sources if s is not None], {"axis": axis}, name=str(node.name))
        joined.outputs[0].name = f"{node.outputs[0].name}.integers"
        joined.outputs[0].type = first.inputs[0].type if first.inputs[0] is not None else None
        back = ir.node("DequantizeLinear", [joined.outputs[0], *first.inputs[1:]], name=f"{node.name}/DequantizeLinear")
        replace_nodes(model, [node], [joined, back])
        changed += 1
    return changed


def _one_grid(nodes: list[ir.Node | None]) -> bool:
    grids = [[constant(value) for value in node.inputs[1:]] for node in nodes if node is not None]
    if any(value is None or value.size != 1 for grid in grids for value in grid):
        return False
    return all(
        len(grid) == len(grids[0]) and all(np.array_equal(a, b) for a, b in zip(grid, grids[0], strict=True))  # type: ignore[arg-type]
        for grid in grids
    )
