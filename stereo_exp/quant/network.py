"""The fake-quantised network: what calibration, training and evaluation see."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.model import Logits, Regression, StereoNetwork, StereoOutput
from stereo_exp.quant import ops
from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.pt2e import convert_pt2e
from stereo_exp.quant.targets import Target
from stereo_exp.quant.trunk import Rows, fold_batchnorm, trunk_of


class QuantisedStereoNet(nn.Module):
    """A graph up to the two maps of logits, and the float network's own regression behind it.

    Shape: left, right B×3×H×W normalised -> `StereoOutput`, as the float network.

    Args:
        trunk: left, right -> (disparity logits, superpixel logits).
        regression: read-out, unfold, softmax of the superpixels.
        multiple: of what height and width must be multiples, px.
    """

    def __init__(self, trunk: GraphModule, regression: Regression, multiple: int) -> None:
        super().__init__()
        self.trunk, self.regression = trunk, regression
        self.maxdisp, self.multiple = regression.maxdisp, multiple

    def forward(self, left: Tensor, right: Tensor) -> StereoOutput:
        return self.regression(Logits(*self.trunk(left, right)))

    def train(self, mode: bool = True) -> Self:
        """Observers see nothing in evaluation. The graph itself depends on no mode, and exported ones refuse it."""
        from stereo_exp.quant.fake import Quantiser

        self.training = mode
        for quantiser in self.quantizers(Quantiser):
            quantiser.training = mode
        return self

    def quantizers(self, kind: type) -> Iterator[Any]:
        """The fake quantisers of one class, in the order of the graph, each once."""
        for module in self.trunk.modules():
            if isinstance(module, kind):
                yield module

    def observe(self, enabled: bool, kind: type) -> None:
        """Whether quantisers of one class see what passes."""
        for quantiser in self.quantizers(kind):
            quantiser.observing = enabled

    def quantize(self, enabled: bool) -> None:
        """Whether tensors are rounded; off, this is the float network."""
        from stereo_exp.quant.fake import Quantiser

        for quantiser in self.quantizers(Quantiser):
            quantiser.quantising = enabled


def build_quantized(
    model: StereoNetwork,
    target: Target,
    observer: Callable[[], MinMaxObserver],
    lift: Sequence[str] = (),
    lift_bits: int = 16,
    stored: Rows | None = None,
) -> QuantisedStereoNet:
    """Fold, export and prepare a float network; nothing is rounded or observed yet.

    Args:
        model: on the CPU.
        target: what the integer arithmetic may use.
        observer: makes what takes the ranges, one for each activation.
        lift: tensors that get `lift_bits`, by name or pattern.
        stored: the graph from a checkpoint, which saves the export.

    Raises:
        UserError: `lift` names no tensor, or torchao is not installed.
        ValueError: `stored` is not a graph of this network.
    """
    from stereo_exp.quant.pt2e import prepare_qat_pt2e
    from stereo_exp.quant.quantiser import NetworkQuantiser

    regression = model.regression
    graph = trunk_of(fold_batchnorm(model), stored)  # type: ignore[arg-type]
    trunk = prepare_qat_pt2e(graph, NetworkQuantiser(target, observer, lift, lift_bits))
    _rename(trunk)
    for parameter in trunk.parameters():
        parameter.requires_grad_(True)
    return QuantisedStereoNet(trunk, regression, model.multiple)


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


# From the fake-quantised network to the integer one: stored integers, quantise and dequantise operators.


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
    return QuantisedStereoNet(converted, network.regression, network.multiple)


def _move_integers(trunk: GraphModule) -> None:
    """Dequantise after slices, permutations and the like instead of before: they move integers, a quarter of the bytes.

    An engine then finds every convolution right behind a dequantise operator, which is what it fuses.
    """
    changed = True
    while changed:
        changed = False
        for node in list(trunk.graph.nodes):
            # torch repeats no bytes; engines move the operator themselves.
            if node.target not in ops.MOVES or node.target is ops.NEAREST:
                continue
            sources = list(dict.fromkeys(ops.tensor_inputs(node)))
            first = sources[0]
            if any(source.target != ops.DEQUANTISE or source.args[1:] != first.args[1:] for source in sources):
                continue
            if node.target is ops.PAD and first.args[2] != 0:
                continue  # another integer stands for zero
            for source in sources:
                node.replace_input_with(source, source.args[0])
            with trunk.graph.inserting_after(node):
                behind = trunk.graph.call_function(ops.DEQUANTISE, (node, *first.args[1:]), first.kwargs)
            behind.meta = {k: v for k, v in first.meta.items() if k != "val"}
            if "val" in node.meta:
                behind.meta["val"] = node.meta["val"]
                node.meta = {**node.meta, "val": node.meta["val"].to(first.args[5])}
            for user in list(node.users):
                if user is not behind:
                    user.replace_input_with(node, behind)
            for source in sources:
                if not source.users:
                    trunk.graph.erase_node(source)
            changed = True
    trunk.graph.lint()
    trunk.recompile()
