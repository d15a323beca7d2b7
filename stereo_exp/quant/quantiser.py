"""Where in the graph tensors become integers: our `Quantizer` for torchao's PT2E.

An activation is quantised once, behind the last element-wise operator before a convolution or a matrix product reads
it. What lies between two such points, a convolution with the residual add, the resize and the activation behind it, is
one layer: its accumulators stay unrounded. So do those of the last convolutions, the network's two outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch.fx import GraphModule, Node

from stereo_exp.base import ArgumentError
from stereo_exp.model import rename_pattern
from stereo_exp.quant import ops
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.ops import label_nodes
from stereo_exp.quant.pt2e import DerivedQuantizationSpec, QuantizationAnnotation, QuantizationSpec, Quantizer
from stereo_exp.quant.targets import Target, TensorFormat

# Normalised images are multiples of 1/128 in [-1, 1) (`stereo_exp.model.colour`): quantising them loses nothing.
INPUT_SCALE = 2.0**-7
_ANNOTATION = "quantization_annotation"


class NetworkQuantiser(Quantizer):
    """Annotates an exported network for one target.

    Args:
        target: what the hardware can do.
        observer: makes what takes the ranges, one for each activation.
        lift: labels or patterns of tensors that get `lift_bits` bits.

    Attributes:
        created: every fake quantiser by label, after `prepare`.
    """

    def __init__(
        self, target: Target, observer: Callable[[], MinMaxObserver], lift: Sequence[str] = (), lift_bits: int = 16
    ) -> None:
        self.target, self.observer, self.lift, self.lift_bits = target, observer, tuple(lift), lift_bits
        self.created: dict[str, Quantiser] = {}
        self._labels: dict[Any, str] = {}

    def annotate(self, model: GraphModule) -> GraphModule:
        labels = label_nodes(model.graph)
        computing = [n for n in model.graph.nodes if ops.is_computing(n)]
        sources: dict[Node, None] = {}
        # What is repeated, four times the pixels, moves as bytes.
        for node in [*computing, *(n for n in model.graph.nodes if n.target is ops.NEAREST)]:
            for value in ops.tensor_inputs(node):
                sources.update(dict.fromkeys(ops.sources_of(value)))
        for node in sources:
            self._labels[node] = labels[node]
            node.meta[_ANNOTATION] = QuantizationAnnotation(output_qspec=self._activation_spec(node, labels[node]))
        for node in computing:
            if node.target in ops.CONVOLUTIONS:
                annotation = node.meta.setdefault(_ANNOTATION, QuantizationAnnotation())
                annotation.input_qspec_map = self._parameter_specs(node)
            node.meta.setdefault(_ANNOTATION, QuantizationAnnotation())._annotated = True
        self._check_lift()
        return model

    def validate(self, model: GraphModule) -> None:
        """Every operator must be one whose integers we know, on the target's scales.

        Raises:
            UserError: a constant factor would leave the powers of two.
        """
        for node in model.graph.nodes:
            known = node.target in ops.COMPUTE | ops.MOVES | ops.ELEMENTWISE
            if isinstance(node.target, torch._ops.OpOverload) and not known and "sym_size" not in str(node.target):
                raise NotImplementedError(f"{node.target} has no integer form here; add it to stereo_exp.quant.ops")
            is_scaled = node.target == ops.SCALE and not ops.is_product(node)
            if is_scaled and self.target.exact and math.frexp(factor := float(node.args[1]))[0] != 0.5:
                raise ArgumentError(
                    "target",
                    self.target.name,
                    f"{label_nodes(model.graph)[node]} multiplies by {factor:.4g}, which is no power of two",
                    "take a power of two for the channels, or {target}=affine",
                )

    def prepare_obs_or_fq_callback(self, model: GraphModule, edge_or_node_to_obs_or_fq: dict[Any, Any]) -> None:
        """Put biases on their convolution's grid, and give every quantiser its name."""
        found = edge_or_node_to_obs_or_fq
        for key, module in list(found.items()):
            if isinstance(key, tuple) and not isinstance(module, Quantiser):
                found[key] = PerChannelBiasQuantiser(*module.obs_or_fqs)
        for key, module in found.items():
            module.label = self._labels[key]
            self.created[module.label] = module

    def _activation_spec(self, node: Node, label: str) -> QuantizationSpec:
        numbers = self.target.activation_format(self._bits(label))
        fixed = INPUT_SCALE if node.op == "placeholder" else None
        make = partial(ActivationQuantiser, self.target, self.observer, fixed)
        return _spec(numbers, torch.per_tensor_affine, _Maker(ActivationQuantiser, make))

    def _parameter_specs(self, node: Node) -> dict[Node, Any]:
        value, weight = node.args[:2]
        bias = node.args[2] if len(node.args) > 2 else None
        assert isinstance(value, Node) and isinstance(weight, Node)
        axis = ops.channel_axis(node)
        edge = (weight, node)
        self._labels[edge] = str(weight.target)
        numbers = self.target.weight_format(self._bits(str(weight.target)))
        channels = weight.meta["val"].shape[axis]
        make = partial(PerChannelWeightQuantiser, self.target, channels=channels)
        specs: dict[Node, Any] = {
            weight: _spec(numbers, torch.per_channel_symmetric, _Maker(PerChannelWeightQuantiser, make), axis)
        }
        if isinstance(bias, Node):
            (source,) = ops.sources_of(value)[:1]
            self._labels[(bias, node)] = str(bias.target)
            specs[bias] = DerivedQuantizationSpec(
                derived_from=[source, edge],
                derive_qparams_fn=_never_called,
                dtype=torch.int32,
                qscheme=torch.per_channel_symmetric,
                ch_axis=0,
            )
        return specs

    def _bits(self, label: str) -> int | None:
        return self.lift_bits if any(fnmatchcase(label, pattern) for pattern in self.lift) else None

    def _check_lift(self) -> None:
        labels = set(self._labels.values())
        for pattern in self.lift:
            if any(fnmatchcase(label, pattern) for label in labels):
                continue
            fix = "take a name from a calibration's report.json, e.g. {lift}=[aggregation.final.weight]"
            renamed = rename_pattern(pattern, labels)
            if any(fnmatchcase(label, each) for each in renamed for label in labels):
                fix = f"it has a new name: {{lift}}=[{','.join(renamed)}]"
            raise ArgumentError("lift", pattern, "names no quantised tensor of this network", fix)


def _spec(numbers: TensorFormat, scheme: torch.qscheme, maker: _Maker, axis: int | None = None) -> QuantizationSpec:
    return QuantizationSpec(
        dtype=_dtype(numbers),
        observer_or_fake_quant_ctr=maker,
        quant_min=numbers.low,
        quant_max=numbers.high,
        qscheme=scheme,
        ch_axis=axis,
    )


def _dtype(numbers: TensorFormat) -> torch.dtype:
    if numbers.low < 0:
        return torch.int8 if numbers.bits <= 8 else torch.int16
    return torch.uint8 if numbers.bits <= 8 else torch.uint16


class _Maker:
    """A constructor as torchao wants it: with a class name to look at, and `with_args`."""

    def __init__(self, cls: type, make: Any) -> None:
        self.__name__, self._make = cls.__name__, make

    def with_args(self, is_dynamic: bool = False, **spec: Any) -> Any:
        return partial(self._make, **spec)


def _never_called(_: Any) -> Any:
    raise AssertionError("the bias's quantiser takes the place of this spec in prepare_obs_or_fq_callback")
