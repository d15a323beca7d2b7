"""From the fake-quantised network to the integer one: stored integers, quantise and dequantise operators."""

from __future__ import annotations

import copy

from torch.fx import GraphModule

from stereo_exp.quant import ops
from stereo_exp.quant.network import QuantisedStereoNet
from stereo_exp.quant.pt2e import convert_pt2e


def convert(network: QuantisedStereoNet) -> QuantisedStereoNet:
    """The integer network of a fake-quantised one, which stays as it is.

    Weights are int8, biases int32; activations become integers at every `quantize_per_tensor`. What lies between them
    computes on integers that float32 carries (exactly so for targets that are `exact`).
    """
    trunk = copy.deepcopy(network.trunk)
    for parameter in trunk.parameters():
        parameter.requires_grad_(False)
    converted = convert_pt2e(trunk)
    _move_integers(converted)
    return QuantisedStereoNet(converted, network.regression)


def _move_integers(trunk: GraphModule) -> None:
    """Dequantise after slices, permutations and the like instead of before: they move integers, a quarter of the bytes.

    An engine then finds every convolution right behind a dequantise operator, which is what it fuses.
    """
    changed = True
    while changed:
        changed = False
        for node in list(trunk.graph.nodes):
            if node.target not in ops.MOVES or node.target in (ops.aten.cat.default, ops.aten.pad.default):
                continue
            (source,) = ops.tensor_inputs(node)
            if source.target != ops.DEQUANTISE:
                continue
            node.replace_input_with(source, source.args[0])
            with trunk.graph.inserting_after(node):
                behind = trunk.graph.call_function(ops.DEQUANTISE, (node, *source.args[1:]), source.kwargs)
            behind.meta = {k: v for k, v in source.meta.items() if k != "val"}
            if "val" in node.meta:
                behind.meta["val"] = node.meta["val"]
                node.meta = {**node.meta, "val": node.meta["val"].to(source.args[5])}
            for user in list(node.users):
                if user is not behind:
                    user.replace_input_with(node, behind)
            if not source.users:
                trunk.graph.erase_node(source)
            changed = True
    trunk.graph.lint()
    trunk.recompile()
