"""How much of each tensor's signal is rounding noise: float against quantised, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from stereo_exp.base import Meter
from stereo_exp.data import StereoBatch
from stereo_exp.geometry import StereoMetrics
from stereo_exp.model import normalize, predict
from stereo_exp.quant.fake import ActivationQuantiser, Quantiser
from stereo_exp.quant.network import QuantisedStereoNet

_NO_NOISE_DB = 200.0


@torch.no_grad()
def layer_noise(network: QuantisedStereoNet, batches: Iterable[StereoBatch]) -> list[dict[str, Any]]:
    """One record for each quantised activation, worst first.

    Keys: `name`; `low`, `high` (the range seen); `scale`, `zero_point`, `bits`; `snr_db` (signal to noise of the
    quantised network's tensor against the float network's: what all layers up to here lost); `own_snr_db` (the same for
    this tensor's rounding alone).
    """
    quantisers = list(network.quantizers(ActivationQuantiser))
    sums = {q.label: torch.zeros(3, dtype=torch.float64) for q in quantisers}
    device = next(network.parameters()).device
    for batch in batches:
        # One pair at a time: every tensor of the float pass waits for its quantised twin.
        for i in range(len(batch)):
            left, right = (normalize(view[i : i + 1].to(device)) for view in (batch.left, batch.right))
            _add_pair(network, quantisers, left, right, sums)
    records = []
    for q in quantisers:
        signal, noise, own = sums[q.label].tolist()
        low, high = (float(limit - q.zero_point) * float(q.scale) for limit in (q.numbers.low, q.numbers.high))
        if q.observer.low is not None and q.observer.high is not None:
            low, high = float(q.observer.low), float(q.observer.high)
        records.append(
            {
                "name": q.label,
                "low": round(low, 6),
                "high": round(high, 6),
                "scale": float(q.scale),
                "zero_point": int(q.zero_point),
                "bits": q.numbers.bits,
                "snr_db": _decibel(signal, noise),
                "own_snr_db": _decibel(signal, own),
            }
        )
    return sorted(records, key=lambda r: r["snr_db"])


def _add_pair(
    network: QuantisedStereoNet,
    quantisers: list[ActivationQuantiser],
    left: Tensor,
    right: Tensor,
    sums: dict[str, Tensor],
) -> None:
    floats: dict[str, Tensor] = {}

    def keep(module: ActivationQuantiser, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        floats[module.label] = inputs[0]

    def compare(module: ActivationQuantiser, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        reference = floats.pop(module.label)
        alone = module.forward(reference)
        sums[module.label] += torch.stack(
            [
                reference.double().square().sum(),
                (output.double() - reference.double()).square().sum(),
                (alone.double() - reference.double()).square().sum(),
            ]
        ).cpu()

    for enabled, hook in ((False, keep), (True, compare)):
        handles = [q.register_forward_hook(hook) for q in quantisers]
        network.quantize(enabled)
        network.trunk(left, right)
        for handle in handles:
            handle.remove()


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return _NO_NOISE_DB
    return round(10 * math.log10(signal / noise), 2) if signal > 0 else 0.0


# Which layers cost most: the EPE lost when only one layer is quantised.


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
def rank_layers(network: QuantisedStereoNet, batches: Sequence[StereoBatch]) -> list[dict[str, Any]]:
    """`name`, `epe_lost` (px, against the float network) and `tensors` (names for `quant.lift`), worst first."""
    ranking: list[dict[str, Any]] = []
    parts = layers(network)
    network.quantize(False)
    base = _epe(network, batches)
    with Meter("sensitivity", len(parts)) as meter:
        for name, quantisers in parts.items():
            for quantiser in quantisers:
                quantiser.quantising = True
            lost = _epe(network, batches) - base
            for quantiser in quantisers:
                quantiser.quantising = False
            tensors = [q.label for q in quantisers if q.label and not q.label.endswith(".bias")]
            ranking.append({"name": name, "epe_lost": round(lost, 5), "tensors": tensors})
            meter.advance(worst=f"{max(r['epe_lost'] for r in ranking):.4f}")
    network.quantize(True)
    return sorted(ranking, key=lambda r: -r["epe_lost"])


def _epe(network: QuantisedStereoNet, batches: Sequence[StereoBatch]) -> float:
    metrics = StereoMetrics(network.maxdisp)
    device = next(network.parameters()).device
    for batch in batches:
        predictions = predict(network, batch.left.to(device), batch.right.to(device)).cpu()
        if batch.disparity is not None:
            for i in range(len(batch)):
                metrics.update(batch.crop(i, predictions), batch.crop(i, batch.disparity))
    return float(metrics.compute()["epe"])
