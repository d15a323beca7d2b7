"""The proof that float32 carries the integers, whatever the image.

A float32 holds every integer below 2^24. With power-of-two scales all terms of a sum lie on one grid; if the sum of
their magnitudes stays below 2^24 steps of it, no partial sum rounds, in any order, on any engine.

The same when a sum becomes n-bit integers: an engine may add the zero point, 2^(n−1), before it rounds (OpenVINO does).
Sum / scale + zero point is below 2^n unless it is cut off anyway, and held exactly on a grid of 2^(n−24) or coarser;
on a finer one it can be rounded onto a tie, and then to the wrong side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from stereo_exp.quant import ops
from stereo_exp.quant.arithmetic import quantise
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser, Quantiser

_LARGEST_INT8 = 128
# How much coarser sums behind a LeakyReLU must be.
_LEAKY_BITS = 2


class Limits(NamedTuple):
    """How many bits of a float32 may be used: by a sum, and by a sum on its way to the integers of a quantiser."""

    sum_bits: float
    quantised_bits: float


LIMITS = Limits(24, 24)
# Calibration leaves training this much room: for weights to grow, for scales to move before they are settled anew.
CALIBRATION_LIMITS = Limits(23, 23)


class Bound(NamedTuple):
    """What a tensor may hold: integers up to `largest` on the grid 2^exponent.

    Attributes:
        exponent, largest: float64, a scalar or one number for each channel.
        sources: the weights that may be coarsened and whose sums are part of it, with the exponents of their own grids.
    """

    exponent: Tensor
    largest: Tensor
    sources: tuple[tuple[PerChannelWeightQuantiser, Tensor], ...] = ()


class Excess(NamedTuple):
    """A sum that float32 may round."""

    label: str
    """The operator, or the tensor that is quantised."""
    problem: str
    """What it may do."""
    bits: float
    """By how many bits, at most."""


def accumulator_bounds(trunk: GraphModule, limits: Limits = LIMITS) -> list[Excess]:
    """The sums of a prepared network that may take more bits than `limits`; empty: float32 carries it exactly."""
    return _Walk(trunk, limits).run()[0]


def raise_floors(trunk: GraphModule, limits: Limits = CALIBRATION_LIMITS, rounds: int = 24) -> int:
    """Coarsen the weights of channels whose accumulators would be too fine, until every sum keeps to `limits`.

    Convolutions with lifted inputs or weights are left alone.

    Returns:
        How many channels were coarsened.
    """
    touched: set[tuple[str, int]] = set()
    for _ in range(rounds):
        _, culprits = _Walk(trunk, limits).run()
        if not culprits:
            break
        # A channel may be to blame for several sums: it is coarsened once.
        masks: dict[PerChannelWeightQuantiser, Tensor] = {}
        for quantiser, channels in culprits:
            masks[quantiser] = masks[quantiser] | channels if quantiser in masks else channels
        for quantiser, channels in masks.items():
            index = channels.nonzero().flatten()
            touched |= {(quantiser.label, int(i)) for i in index}
            quantiser.floor[index] = 2 * torch.maximum(quantiser.floor, quantiser.scale)[index]
            quantiser.scale.copy_(torch.maximum(quantiser.scale, quantiser.floor))
    return len(touched)


class _Walk:
    def __init__(self, trunk: GraphModule, limits: Limits) -> None:
        self.trunk, self.limits = trunk, limits
        self.excess: list[Excess] = []
        self.culprits: list[tuple[PerChannelWeightQuantiser, Tensor]] = []

    def run(self) -> tuple[list[Excess], list[tuple[PerChannelWeightQuantiser, Tensor]]]:
        bounds: dict[Node, Bound] = {}
        for node in self.trunk.graph.nodes:
            if node.op == "call_module":
                module = self.trunk.get_submodule(node.target)
                if isinstance(module, ActivationQuantiser):
                    if node.args[0] in bounds:
                        self._check_quantised(module, bounds[node.args[0]])
                    exponent = torch.log2(module.scale.detach().double().cpu())
                    bounds[node] = Bound(exponent, torch.tensor(float(module.numbers.largest), dtype=torch.float64))
            elif node.target in ops.COMPUTE | ops.ELEMENTWISE | ops.MOVES:
                inputs = [bounds[n] for n in ops.tensor_inputs(node) if n in bounds]
                if inputs:
                    bounds[node] = self._bound(node, inputs)
        return self.excess, self.culprits

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
            bits = 2 * (2 * factor).bit_length() - 2
            sources = tuple((quantiser, finer - bits) for quantiser, finer in first.sources)
            return self._check(node, Bound(first.exponent - bits, first.largest * 2**bits, sources))
        if node.target == ops.SCALE:
            power = torch.log2(torch.tensor(float(node.args[1]), dtype=torch.float64))  # type: ignore[arg-type]
            return first._replace(exponent=first.exponent + power)
        if node.target == ops.LEAKY:
            # 0.2 x lies on no grid g, but on a tie or g/5 from it. Of that the float32 next to 0.2 may take 2^-20, the
            # product 2^-19 and the sum with the zero point 2^-18 (of a step of 8 bits): g = 2^-14 leaves the order.
            # On a tie, the product must be rounded before that sum, as it is on both engines.
            sources = tuple((quantiser, finer - _LEAKY_BITS) for quantiser, finer in first.sources)
            return Bound(first.exponent - _LEAKY_BITS, first.largest * 2**_LEAKY_BITS, sources)
        return first

    def _convolution(self, node: Node, x: Bound) -> Bound:
        weight_node, bias_node = node.args[1], (node.args[2] if len(node.args) > 2 else None)
        quantiser, weight = self._parameter(weight_node)
        assert isinstance(quantiser, PerChannelWeightQuantiser)
        scale = quantiser.scale.detach().double().cpu()
        rows = quantiser.rows(weight.detach().double().cpu())
        magnitude = quantise(rows, scale.view(-1, 1), 0, quantiser.numbers).abs().sum(1)
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
        bits = torch.log2(bound.largest.clamp(min=1))
        if self._exceeds(bits >= self.limits.sum_bits, bound):
            stack = list((node.meta.get("nn_module_stack") or {"": (node.name, None)}).values())
            over = float((bits - self.limits.sum_bits).max())
            self.excess.append(Excess(stack[-1][0], "its sums may exceed 2^24", over))
        return bound

    def _check_quantised(self, quantiser: ActivationQuantiser, bound: Bound) -> None:
        bits = quantiser.numbers.bits + torch.log2(quantiser.scale.detach().double().cpu()) - bound.exponent
        if self._exceeds(bits > self.limits.quantised_bits, bound):
            over = float((bits - self.limits.quantised_bits).max())
            self.excess.append(
                Excess(quantiser.label, "its sums are too fine for a float32 beside the zero point", over)
            )

    def _exceeds(self, over: Tensor, bound: Bound) -> bool:
        """Whether any channel is `over`; the weights to blame are noted."""
        for quantiser, exponent in bound.sources:
            # Only the finest term's grid can be coarsened to any effect.
            finest = over & (exponent <= bound.exponent)
            if bool(finest.any()):
                self.culprits.append((quantiser, finest))
        return bool(over.any())
