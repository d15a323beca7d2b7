"""Modules of a few layers, prepared as a network's trunk is."""

from __future__ import annotations

import torch
from torch import nn
from torch.fx import GraphModule

from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.pt2e import prepare_qat_pt2e
from stereo_exp.quant.quantiser import NetworkQuantiser
from stereo_exp.quant.targets import Pow2


def small(module: nn.Module, *channels: int, **scales: float) -> GraphModule:
    """`module` prepared with the given scales, 2^-7 where none is given; weights' scales follow the weights.

    Args:
        channels: of each of its inputs, of 8×8 px.
    """
    program = torch.export.export(module.eval(), tuple(torch.rand(1, c, 8, 8) for c in channels))
    graph = program.module()
    assert isinstance(graph, GraphModule)
    for node in list(graph.graph.nodes):
        if node.op == "call_module" and not node.users:
            graph.graph.erase_node(node)
    graph.recompile()
    trunk = prepare_qat_pt2e(graph, NetworkQuantiser(Pow2(), MinMaxObserver))
    for quantiser in trunk.modules():
        if isinstance(quantiser, ActivationQuantiser):
            quantiser.scale.fill_(scales.get(quantiser.label, 2.0**-7))
        elif isinstance(quantiser, PerChannelWeightQuantiser):
            quantiser.observe(trunk.get_parameter(quantiser.label))
        if isinstance(quantiser, Quantiser):
            quantiser.quantising = True
    return trunk
