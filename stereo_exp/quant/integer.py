"""The independent evaluator: walks a converted graph with integer tensors and shifts, for power-of-two scales.

The converted graph computes with float32 numbers that happen to be integers times powers of two. Here they *are*
integers, and nothing rounds but the shifts. Equal bits of both are the proof that the network is integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from stereo_exp.base import ArgumentError
from stereo_exp.quant import integer_ops as integers
from stereo_exp.quant import ops
from stereo_exp.quant.integer_ops import Integers


class IntegerEvaluator(Interpreter):
    """Runs a converted trunk on integers.

    `run(left, right)` with normalised float images returns two `Integers`, the disparity and superpixel logits.

    Raises:
        UserError: a scale is no power of two (a target that is not exact).
    """

    def __init__(self, trunk: GraphModule) -> None:
        super().__init__(trunk.cpu())
        self.module.requires_grad_(False)

    def run_node(self, n: Node) -> Any:
        if n.op != "call_function":
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return self._call(n.target, args, kwargs)

    def _call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target == ops.QUANTISE:
            x, scale, _, low, high, _ = args
            return integers.requantize(self._incoming(x), int(_exponent(torch.tensor(scale))), low, high)
        if target in (ops.DEQUANTISE, ops.DEQUANTISE_CHANNELS):
            return self._stored(args) if target == ops.DEQUANTISE_CHANNELS else args[0]
        if target == ops.CONV:
            return self._convolve(args, integers.conv2d, axis=0)
        if target == ops.TRANSPOSED:
            return self._convolve(args, integers.conv_transpose2d, axis=1)
        if target == ops.MATMUL:
            a, b = args
            left, right = (t.value.flatten(0, -3) for t in (a, b))
            rows = torch.stack([integers.integer_product(x, y) for x, y in zip(left, right, strict=True)])
            return Integers(rows.view(*a.value.shape[:-1], -1), a.exponent + b.exponent)
        if target == ops.ADD:
            return integers.add(*args)
        if target == ops.RELU:
            return args[0]._replace(value=args[0].value.clamp(min=0))
        if target == ops.CLAMP:
            return integers.clamp(*args)
        if target == ops.LEAKY:
            return integers.leaky(args[0], args[1] if len(args) > 1 else 0.01)
        if target == ops.RESIZE:
            return integers.resize(args[0], int(args[3][0]))
        if target == ops.SCALE and isinstance(args[1], Integers):
            return Integers(args[0].value * args[1].value, args[0].exponent + args[1].exponent)
        if target == ops.SCALE:
            return args[0]._replace(exponent=args[0].exponent + _exponent(torch.tensor(args[1])))
        if target == ops.CAT:
            # Channels of several convolutions have grids of their own; behind it there is one.
            values, exponent = integers.align(*map(integers.join, args[0]))
            return Integers(torch.cat(values, *args[1:]), exponent)
        if target == ops.NEAREST:
            return args[0]._replace(value=integers.repeat(args[0].value, int(args[2][0])))
        if target == ops.WARP:
            return args[0]._replace(value=target(args[0].value, integers.join(args[1]).value, *args[2:]))
        if target in ops.MOVES:
            if target not in ops.KEEPS_CHANNELS and args[0].exponent.numel() > 1:
                args = (integers.join(args[0]), *args[1:])
            return args[0]._replace(value=target(args[0].value, *args[1:], **kwargs))
        plain = [a.value if isinstance(a, Integers) else a for a in args]
        return target(*plain, **kwargs)  # sizes

    @staticmethod
    def _incoming(x: Any) -> Integers:
        """A float image, at the network's door, is a whole number of 1/128: anything else cannot be integers."""
        if isinstance(x, Integers):
            return x
        value = torch.ldexp(x.double(), torch.tensor(_FRACTION_BITS)).round().long()
        return Integers(value, torch.tensor(-_FRACTION_BITS))

    @staticmethod
    def _stored(args: tuple[Any, ...]) -> Integers:
        """Weights and biases: stored integers and a scale for each channel."""
        value, scale, _, axis = args[:4]
        shape = [1] * value.ndim
        shape[axis] = -1
        return Integers(value.long(), _exponent(scale).view(shape))

    @staticmethod
    def _convolve(args: tuple[Any, ...], convolve: Any, axis: int) -> Integers:
        x, weight = args[:2]
        bias = args[2] if len(args) > 2 else None
        stride = args[3][0] if len(args) > 3 else 1
        padding = args[4][0] if len(args) > 4 else 0
        if axis == 0:
            dilation = args[5][0] if len(args) > 5 else 1
            groups = args[6] if len(args) > 6 else 1
            if dilation != 1:
                raise NotImplementedError("dilated convolutions")
            sums = convolve(x, weight.value, stride, padding, groups)
        else:
            sums = convolve(x, weight.value, stride, padding)
        result = Integers(sums, x.exponent + weight.exponent.view(1, -1, 1, 1))
        if bias is None:
            return result
        # The bias lies on the accumulators' own grid; were it not so, alignment would still add it exactly.
        return integers.add(result, Integers(bias.value.view(1, -1, 1, 1), bias.exponent.view(1, -1, 1, 1)))


_FRACTION_BITS = 40


def _exponent(scale: Tensor) -> Tensor:
    mantissa, exponent = torch.frexp(scale.detach().double().cpu())
    if bool((mantissa != 0.5).any()):
        wrong = float(scale.reshape(-1)[int((mantissa != 0.5).reshape(-1).nonzero()[0])])
        raise ArgumentError(
            "target", f"scale {wrong}", "only power-of-two scales are integer arithmetic", "use {target}=pow2"
        )
    return (exponent - 1).long()


class _Recorder(Interpreter):
    """Keeps what every quantiser puts out."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.target == ops.QUANTISE:
            self.seen[n.name] = result
        return result


class _IntegerRecorder(IntegerEvaluator):
    def __init__(self, trunk: GraphModule) -> None:
        super().__init__(trunk)
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.target == ops.QUANTISE:
            self.seen[n.name] = result.value
        return result


def compare(trunk: GraphModule, left: Tensor, right: Tensor) -> Iterator[tuple[str, int, int]]:
    """(tensor, equal values, values) for every quantised tensor and both outputs, in the order of the graph.

    Args:
        trunk: a converted graph, on the CPU.
        left, right: B×3×H×W normalised.
    """
    carried, exact = _Recorder(trunk), _IntegerRecorder(trunk)
    with torch.no_grad():
        floats, whole = carried.run(left, right), exact.run(left, right)
    for name, value in exact.seen.items():
        yield name, int((carried.seen[name].long() == value).sum()), value.numel()
    for name, a, b in zip(("disparity logits", "superpixel logits"), floats, whole, strict=True):
        yield name, int((a.double() == b.to_double()).sum()), a.numel()
