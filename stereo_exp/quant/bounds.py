"""The proof that float32 carries the integers, whatever the image.

A float32 holds every integer below 2^24. With power-of-two scales all terms of a sum lie on one grid; if the sum of
their magnitudes stays below 2^24 steps of it, no partial sum rounds, in any order, on any engine.

The same when a sum becomes n-bit integers: an engine may add the zero point, 2^(n−1), before it rounds (OpenVINO does).
Sum / scale + zero point is below 2^n unless it is cut off anyway, and held exactly on a grid of 2^(n−24) or coarser;
on a finer one it can be rounded onto a tie, and then to the wrong side.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from stereo_exp.base import CheckpointError
from stereo_exp.quant import ops
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.targets import quantize

_LARGEST_INT8 = 128
# How much coarser sums behind a LeakyReLU must be.
_LEAKY_BITS = 2

BITS = 24
"""Of a float32, for a sum and for a sum beside a zero point."""
# Calibration leaves training this much room: for weights to grow, for scales to move before they are settled anew.
CALIBRATION_BITS = 23


class Bound(NamedTuple):
    """What a tensor may hold: integers up to `largest` on the grid 2^exponent.

    Attributes:
        exponent, largest: float64, a scalar or one number for each channel.
        sources: the weights that may be coarsened and whose sums are part of it, with the exponents of their own grids.
    """

    exponent: Tensor
    largest: Tensor
    sources: tuple[tuple[PerChannelWeightQuantiser, Tensor], ...] = ()

    def refine(self, bits: int) -> Bound:
        """The same tensor on a grid that is finer by so many bits."""
        sources = tuple((quantiser, exponent - bits) for quantiser, exponent in self.sources)
        return Bound(self.exponent - bits, self.largest * 2**bits, sources)


class Excess(NamedTuple):
    """A sum that float32 may round."""

    label: str
    """The operator, or the tensor that is quantised."""
    problem: str
    """What it may do."""
    bits: float
    """By how many bits, at most."""


def accumulator_bounds(trunk: GraphModule, bits: float = BITS) -> list[Excess]:
    """The sums of a prepared network that may take more than `bits`; empty: float32 carries it exactly."""
    walk = _Walk(trunk, bits)
    walk.run()
    return walk.excess


def prove(trunk: GraphModule, path: Path | None) -> None:
    """Refuse the prepared network of the checkpoint `path` if float32 might round one of its sums.

    Raises:
        CheckpointError: with the worst of them.
    """
    excess = accumulator_bounds(trunk)
    if excess:
        worst = max(excess, key=lambda e: e.bits)
        raise CheckpointError(
            path or "checkpoint",
            worst.label,
            f"{worst.problem}, by {worst.bits:.1f} bits ({len(excess)} such in all): float32 would round",
            "lift fewer tensors, or calibrate and train again",
        )


def raise_floors(trunk: GraphModule, bits: float = CALIBRATION_BITS, rounds: int = 24) -> int:
    """Coarsen the weights of channels whose accumulators would be too fine, until no sum takes more than `bits`.

    Convolutions with lifted inputs or weights are left alone.

    Returns:
        How many channels were coarsened.
    """
    touched: set[tuple[str, int]] = set()
    for _ in range(rounds):
        walk = _Walk(trunk, bits)
        walk.run()
        if not walk.culprits:
            break
        for quantiser, channels in walk.culprits.items():
            index = channels.nonzero().flatten()
            touched |= {(quantiser.label, int(i)) for i in index}
            quantiser.floor[index] = 2 * torch.maximum(quantiser.floor, quantiser.scale)[index]
            quantiser.scale.copy_(torch.maximum(quantiser.scale, quantiser.floor))
    return len(touched)


def _join(bounds: list[Bound]) -> Bound:
    """What several tensors, or one whose channels have grids of their own, may hold on the finest grid of all."""
    exponent = torch.stack([bound.exponent.min() for bound in bounds]).min()
    largest = [(bound.largest * torch.exp2(bound.exponent - exponent)).max() for bound in bounds]
    sources = tuple(source for bound in bounds for source in bound.sources)
    return Bound(exponent, torch.stack(largest).max(), sources)


class _Walk:
    """Attributes:
    excess: what was found.
    culprits: the weights to blame, with a mask of their channels: one may be to blame for several sums.
    """

    def __init__(self, trunk: GraphModule, bits: float) -> None:
        self.trunk, self.bits = trunk, bits
        self.excess: list[Excess] = []
        self.culprits: dict[PerChannelWeightQuantiser, Tensor] = {}

    def run(self) -> None:
        bounds: dict[Node, Bound] = {}
        for node in self.trunk.graph.nodes:
            if node.op == "call_module":
                module = self.trunk.get_submodule(node.target)
                if isinstance(module, ActivationQuantiser):
                    exponent = torch.log2(module.scale.detach().double().cpu())
                    if node.args[0] in bounds:
                        self._check_quantised(module, exponent, bounds[node.args[0]])
                    bounds[node] = Bound(exponent, torch.tensor(float(module.numbers.largest), dtype=torch.float64))
            elif node.target in ops.COMPUTE | ops.ELEMENTWISE | ops.MOVES:
                inputs = [bounds[n] for n in ops.tensor_inputs(node) if n in bounds]
                if inputs:
                    bounds[node] = self._bound(node, inputs)

    def _bound(self, node: Node, inputs: list[Bound]) -> Bound:
        first = inputs[0]
        if node.target in ops.CONVOLUTIONS:
            return self._check(node, self._convolution(node, first))
        if node.target == ops.MATMUL:
            inner = node.args[0].meta["val"].shape[-1]  # type: ignore[union-attr]
            largest = first.largest * inputs[1].largest * int(inner)
            return self._check(node, Bound(first.exponent + inputs[1].exponent, largest))
        if node.target == ops.ADD:
            second = inputs[1]
            exponent = torch.minimum(first.exponent, second.exponent)
            terms = [b.largest * torch.exp2(b.exponent - exponent) for b in inputs]
            largest = terms[0] + terms[1]
            return self._check(node, Bound(exponent, largest, first.sources + second.sources))
        if node.target == ops.RESIZE:
            factor = int(node.args[3][0])  # type: ignore[index, arg-type]
            return self._check(node, first.refine(2 * (2 * factor).bit_length() - 2))
        if ops.is_product(node):
            second = inputs[1]
            product = Bound(first.exponent + second.exponent, first.largest * second.largest)
            return self._check(node, product)
        if node.target == ops.CAT:
            return _join(inputs)
        if node.target in ops.MOVES and node.target not in ops.KEEPS_CHANNELS:
            return _join([first])
        if node.target == ops.SCALE:
            power = torch.log2(torch.tensor(float(node.args[1]), dtype=torch.float64))  # type: ignore[arg-type]
            return first._replace(exponent=first.exponent + power)
        if node.target == ops.LEAKY:
            # 0.2 x lies on no grid g, but on a tie or g/5 from it. Of that the float32 next to 0.2 may take 2^-20, the
            # product 2^-19 and the sum with the zero point 2^-18 (of a step of 8 bits): g = 2^-14 leaves the order.
            # On a tie, the product must be rounded before that sum, as it is on both engines.
            return first.refine(_LEAKY_BITS)
        return first

    def _convolution(self, node: Node, x: Bound) -> Bound:
        weight_node, bias_node = node.args[1], (node.args[2] if len(node.args) > 2 else None)
        quantiser, weight = self._parameter(weight_node)
        assert isinstance(quantiser, PerChannelWeightQuantiser)
        scale = quantiser.scale.detach().double().cpu()
        rows = quantiser.rows(weight.detach().double().cpu())
        magnitude = quantize(rows, scale.view(-1, 1), 0, quantiser.numbers).abs().sum(1)
        exponent = x.exponent + torch.log2(scale)
        largest = magnitude * x.largest
        if bias_node is not None:
            found, bias = self._parameter(bias_node)
            assert isinstance(found, PerChannelBiasQuantiser)
            # Unclamped: a bias that its quantiser would cut off must show as an excess.
            largest = largest + (bias.detach().double().cpu() / torch.exp2(exponent)).abs().ceil()
        # Coarser weights would take from lifted tensors more than lifting gives: their excess stays, and is told.
        lifted = quantiser.numbers.bits > 8 or float(x.largest.max()) > _LARGEST_INT8
        return Bound(exponent, largest, () if lifted else ((quantiser, exponent),))

    def _parameter(self, node: object) -> tuple[Quantiser, Tensor]:
        assert isinstance(node, Node)
        module = self.trunk.get_submodule(str(node.target))
        assert isinstance(module, Quantiser)
        return module, self.trunk.get_parameter(str(node.args[0].target))  # type: ignore[union-attr]

    def _check(self, node: Node, bound: Bound) -> Bound:
        beyond = torch.log2(bound.largest.clamp(min=1)) - self.bits
        stack = list((node.meta.get("nn_module_stack") or {"": (node.name, None)}).values())
        self._note(stack[-1][0], "its sums may exceed 2^24", beyond, beyond >= 0, bound)
        return bound

    def _check_quantised(self, quantiser: ActivationQuantiser, exponent: Tensor, bound: Bound) -> None:
        beyond = quantiser.numbers.bits + exponent - bound.exponent - self.bits
        problem = "its sums are too fine for a float32 beside the zero point"
        self._note(quantiser.label, problem, beyond, beyond > 0, bound)

    def _note(self, label: str, problem: str, beyond: Tensor, over: Tensor, bound: Bound) -> None:
        if not bool(over.any()):
            return
        self.excess.append(Excess(label, problem, float(beyond.max())))
        for quantiser, exponent in bound.sources:
            # Only the finest term's grid can be coarsened to any effect.
            finest = over & (exponent <= bound.exponent)
            if bool(finest.any()):
                self.culprits[quantiser] = finest | self.culprits.get(quantiser, torch.zeros_like(finest))
