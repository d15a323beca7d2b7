"""The fake-quantised network: what calibration, training and evaluation see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.config.schema import Root
from stereo_exp.model.head.aanet_spx import HeadLogits
from stereo_exp.model.regression import StereoOutput
from stereo_exp.model.stereonetplus import StereoNetPlus
from stereo_exp.quant.fold import fold_batchnorm
from stereo_exp.quant.graph import trunk_of
from stereo_exp.quant.stored import Rows


class QuantisedStereoNet(nn.Module):
    """A graph up to the two maps of logits, and the float network's own regression behind it.

    Shape: left, right B×3×H×W normalised -> `StereoOutput`, as the float network.

    Args:
        trunk: left, right -> (disparity logits, superpixel logits).
        regression: softmax, expected value, unfold.
    """

    def __init__(self, trunk: GraphModule, regression: nn.Module) -> None:
        super().__init__()
        self.trunk, self.regression = trunk, regression

    def forward(self, left: Tensor, right: Tensor) -> StereoOutput:
        return self.regression(HeadLogits(*self.trunk(left, right)))

    def train(self, mode: bool = True) -> Self:
        """Observers see nothing in evaluation. The graph itself depends on no mode, and exported ones refuse it."""
        from stereo_exp.quant.fake import Quantiser

        self.training = mode
        for quantiser in self.quantisers(Quantiser):
            quantiser.training = mode
        return self

    def quantisers(self, kind: type) -> Iterator[Any]:
        """The fake quantisers of one class, in the order of the graph, each once."""
        for module in self.trunk.modules():
            if isinstance(module, kind):
                yield module

    def observe(self, enabled: bool, kind: type) -> None:
        """Whether quantisers of one class see what passes."""
        for quantiser in self.quantisers(kind):
            quantiser.observing = enabled

    def quantise(self, enabled: bool) -> None:
        """Whether tensors are rounded; off, this is the float network."""
        from stereo_exp.quant.fake import Quantiser

        for quantiser in self.quantisers(Quantiser):
            quantiser.quantising = enabled


def build_quantised(model: StereoNetPlus, config: Root, stored: Rows | None = None) -> QuantisedStereoNet:
    """Fold, export and prepare a float network; nothing is rounded or observed yet.

    Args:
        model: on the CPU, built from `config.model`.
        config: its `model` and `quant` count here.
        stored: the graph from a checkpoint, which saves the export.

    Raises:
        UserError: `quant.lift` names no tensor, or torchao is not installed.
        ValueError: `stored` is not a graph of this network.
    """
    from stereo_exp.quant.pt2e import prepare_qat_pt2e
    from stereo_exp.quant.quantiser import NetworkQuantiser

    regression = model.regression
    graph = trunk_of(fold_batchnorm(model), config.model, stored)  # type: ignore[arg-type]
    quant = config.quant
    quantiser = NetworkQuantiser(quant.target, quant.observer, quant.lift, quant.lift_bits)
    trunk = prepare_qat_pt2e(graph, quantiser)
    _rename(trunk)
    for parameter in trunk.parameters():
        parameter.requires_grad_(True)
    return QuantisedStereoNet(trunk, regression)


def _rename(trunk: GraphModule) -> None:
    """Fake quantisers under `quant.<label>` in place of the exporter's counters, so that checkpoints stay readable."""
    from stereo_exp.quant.fake import Quantiser

    holder = nn.Module()
    for node in trunk.graph.nodes:
        if node.op == "call_module" and isinstance(module := trunk.get_submodule(node.target), Quantiser):
            name = module.label.replace(".", "-")
            holder.add_module(name, module)
            if hasattr(trunk, node.target):
                delattr(trunk, node.target)
            node.target = f"quant.{name}"
    trunk.add_module("quant", holder)
    trunk.recompile()
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.data = parameter.data.contiguous()
