"""Stable names for the tensors of an exported network: by module, not by the exporter's counters."""

from __future__ import annotations

import torch
from torch.fx import Graph, Node


def label_nodes(graph: Graph) -> dict[Node, str]:
    """Every computing node's label: the path of the module that made it.

    Functional operators of our own modules get the operator's name behind it (`neck.add`); a module used more than
    once, or an operator that comes more than once, counts on: `head.aggregation.0.act`, `head.aggregation.0.act.1`.
    """
    labels: dict[Node, str] = {}
    seen: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            labels[node] = node.name
            continue
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        # Arithmetic on sizes is not of the network's tensors.
        if not isinstance(node.target, torch._ops.OpOverload) or not stack:
            continue
        path, kind = stack[-1]
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        base = path if kind.startswith("torch.nn.") else f"{path}.{_operator(node)}".lstrip(".")
        count = seen.get(base, 0)
        seen[base] = count + 1
        labels[node] = f"{base}.{count}" if count else base
    return labels


def _operator(node: Node) -> str:
    # aten.add.Tensor -> add
    return str(node.target).split(".")[1]
