"""Which layers cost most: the EPE lost when only one layer is quantised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from stereo_exp.data.batch import StereoBatch
from stereo_exp.evaluate import predict
from stereo_exp.metrics import StereoMetrics
from stereo_exp.progress import Meter
from stereo_exp.quant.fake import ActivationQuantiser, Quantiser
from stereo_exp.quant.network import QuantisedStereoNet


def layers(network: QuantisedStereoNet) -> dict[str, list[Quantiser]]:
    """Layer -> its quantisers: an activation's, and those of the weights and biases whose sums flow into it.

    Named by the activation; the convolutions whose sums leave the network by their weights.
    """
    found: dict[str, list[Quantiser]] = {}
    owner: dict[Node, list[Quantiser]] = {}
    for node in network.trunk.graph.nodes:
        if node.op == "output":
            break
        gathered = [q for n in node.all_input_nodes for q in owner.get(n, [])]
        module = network.trunk.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(module, ActivationQuantiser):
            found.setdefault(module.label, [module]).extend(gathered)
            owner[node] = []  # what comes behind is the next layer's
        else:
            owner[node] = [*dict.fromkeys([*gathered, *([module] if isinstance(module, Quantiser) else [])])]
    ends = next(n for n in network.trunk.graph.nodes if n.op == "output").all_input_nodes
    for node in ends:
        parts = owner[node]
        found[parts[0].label] = parts
    return {name: [*dict.fromkeys(parts)] for name, parts in found.items()}


@torch.no_grad()
def rank_layers(network: QuantisedStereoNet, batches: Sequence[StereoBatch], maxdisp: int) -> list[dict[str, Any]]:
    """`name`, `epe_lost` (px, against the float network) and `tensors` (names for `quant.lift`), worst first."""
    ranking: list[dict[str, Any]] = []
    parts = layers(network)
    network.quantise(False)
    base = _epe(network, batches, maxdisp)
    with Meter("sensitivity", len(parts)) as meter:
        for name, quantisers in parts.items():
            for quantiser in quantisers:
                quantiser.quantising = True
            lost = _epe(network, batches, maxdisp) - base
            for quantiser in quantisers:
                quantiser.quantising = False
            tensors = [q.label for q in quantisers if q.label and not q.label.endswith(".bias")]
            ranking.append({"name": name, "epe_lost": round(lost, 5), "tensors": tensors})
            meter.advance(worst=f"{max(r['epe_lost'] for r in ranking):.4f}")
    network.quantise(True)
    return sorted(ranking, key=lambda r: -r["epe_lost"])


def _epe(network: QuantisedStereoNet, batches: Sequence[StereoBatch], maxdisp: int) -> float:
    metrics = StereoMetrics(maxdisp)
    device = next(network.parameters()).device
    for batch in batches:
        predictions = predict(network, batch.left.to(device), batch.right.to(device), maxdisp).cpu()
        for i, (height, width) in enumerate(batch.sizes):
            if batch.disparity is not None:
                metrics.update(predictions[i, :height, :width], batch.disparity[i, :height, :width])
    return float(metrics.compute()["epe"])
