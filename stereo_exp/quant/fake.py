"""Fake quantisers: modules that stand in the prepared graph where a tensor becomes integers.

Their class is torchao's interface: `convert_pt2e` asks them for scale and zero point. They see (calibration), round
with a straight-through gradient (training), or pass on what comes (float).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.pt2e import FakeQuantizeBase
from stereo_exp.quant.targets import Target, TensorFormat, dequantize, quantize

# Stands for "no floor" under a weight's scale.
_NO_FLOOR = 2.0**-60
# Steps of a learned log2(scale) for each step of its parameter: Adam moves every parameter by about the learning rate,
# which for weights is 5e-5 here; scales would never leave their octave.
_LOG_SCALE_GAIN = 64.0
# Weight of a batch's range in the moving average that observed scales follow in training; the reference's constant.
_RANGE_MOMENTUM = 0.01


class Quantiser(FakeQuantizeBase):
    """What the three kinds share.

    Attributes:
        label: the tensor's stable name, set by the quantiser of the graph.
        observing: while the network trains, tensors are seen and change the scale.
        training: in evaluation nothing is observed, so that no test image moves a scale.
        quantising: tensors are rounded; off, they pass unchanged.
    """

    scale: Tensor
    zero_point: Tensor
    is_dynamic = False
    ch_axis = 0

    def __init__(self, dtype: torch.dtype, quant_min: int, quant_max: int, qscheme: torch.qscheme) -> None:
        # Not FakeQuantizeBase's: its flags are tensors, which every forward pass would have to wait for on a GPU.
        nn.Module.__init__(self)
        self.dtype, self.quant_min, self.quant_max, self.qscheme = dtype, quant_min, quant_max, qscheme
        self.label = ""
        self.observing = False
        self.quantising = False

    @property
    def numbers(self) -> TensorFormat:
        """The integers that the tensor may hold."""
        return TensorFormat((self.quant_max - self.quant_min).bit_length(), self.quant_min, self.quant_max)

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Scale and zero point as they stand."""
        return self.scale, self.zero_point

    def extra_repr(self) -> str:
        return f"{self.label}, {self.quant_min}…{self.quant_max}"


class ActivationQuantiser(Quantiser):
    """One scale for a whole activation.

    Args:
        target: makes scales from ranges.
        observer: makes what takes the ranges.
        fixed_scale: a scale that nothing moves: the network's input lies on a grid already.
    """

    def __init__(
        self, target: Target, observer: Callable[[], MinMaxObserver], fixed_scale: float | None = None, **spec: Any
    ) -> None:
        super().__init__(**spec)
        self.target, self.make_observer, self.fixed = target, observer, fixed_scale is not None
        self.register_buffer("scale", torch.tensor(fixed_scale or 1.0))
        zero = 0
        if self.fixed and self.quant_min == 0:
            zero = (self.quant_max + 1) // 2
        self.register_buffer("zero_point", torch.tensor(zero, dtype=torch.int32))
        self.observer = observer()
        self.log_scale: nn.Parameter | None = None
        self.range: Tensor | None = None

    def follow(self) -> None:
        """From now on, while training, the scale follows a moving average of each batch's range.

        The average starts from all that the scale can hold, and is part of checkpoints until it is loaded anew.
        """
        if not self.fixed:
            steps = torch.tensor([self.quant_min, self.quant_max], device=self.scale.device)
            del self.range
            self.register_buffer("range", (steps - self.zero_point) * self.scale)

    def learn(self) -> None:
        """From now on the scale is a parameter (its logarithm, after LSQ, Esser et al., ICLR 2020)."""
        if not self.fixed:
            self.log_scale = nn.Parameter(torch.log2(self.scale) / _LOG_SCALE_GAIN)

    @property
    def is_learning(self) -> bool:
        """Whether the scale still has a gradient."""
        return self.log_scale is not None and self.log_scale.requires_grad

    def _learned_scale(self) -> Tensor:
        assert self.log_scale is not None
        return self.target.snap(torch.exp2(self.log_scale * _LOG_SCALE_GAIN))

    def settle(self) -> None:
        """Take the learned scale as the scale, for good."""
        if self.log_scale is not None:
            with torch.no_grad():
                self.scale.copy_(self._learned_scale())
            self.log_scale.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        if self.observing and self.training and not self.fixed:
            self._see(x)
        if not self.quantising:
            return x
        if self.is_learning and self.training:
            scale = self._learned_scale()
            # Evaluation, biases and checkpoints use the buffer.
            self.scale.copy_(scale.detach())
            # The gradient's share: LSQ, section 2.2.
            share = 1.0 / (x.numel() * self.quant_max) ** 0.5
            return torch._fake_quantize_learnable_per_tensor_affine(
                x.float(), scale.view(1), self.zero_point.float().view(1), self.quant_min, self.quant_max, share
            ).to(x.dtype)
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, self.quant_min, self.quant_max)

    def _see(self, x: Tensor) -> None:
        if self.range is None:
            self.observer.update(x)
            return
        batch = self.make_observer()
        batch.update(x)
        self.range.lerp_(torch.stack(batch.limits(self._range_error)).to(self.range), _RANGE_MOMENTUM)
        self._set_scale(*self.range)

    @torch.no_grad()
    def set_from_observer(self) -> None:
        """Make the scale from what was seen; the observer stays as it is."""
        if not self.fixed:
            self._set_scale(*self.observer.limits(self._range_error))

    def _set_scale(self, low: Tensor, high: Tensor) -> None:
        # Zero is exact with any scale; what other images bring must not be cut off at next to nothing.
        high = torch.where(high - low > 0, high, torch.ones_like(high))
        scale, zero_point = self.target.activation_scale(low, high, self.numbers)
        self.scale.copy_(scale)
        self.zero_point.copy_(zero_point)

    @property
    def is_silent(self) -> bool:
        """Whether nothing but zeros was seen."""
        low, high = self.observer.low, self.observer.high
        assert low is not None and high is not None
        return float(low) == 0 == float(high)

    def _range_error(self, low: Tensor, high: Tensor, values: Tensor, weights: Tensor) -> Tensor:
        scale, zero_point = self.target.activation_scale(low, high, self.numbers)
        rounded = dequantize(quantize(values, scale, zero_point, self.numbers), scale, zero_point)
        return ((rounded - values).square() * weights).sum()


class PerChannelWeightQuantiser(Quantiser):
    """A scale for each output channel. torchao hands `ch_axis` only to classes with PerChannel in their name."""

    def __init__(self, target: Target, ch_axis: int, channels: int, **spec: Any) -> None:
        super().__init__(**spec)
        self.target, self.ch_axis = target, ch_axis
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("zero_point", torch.zeros(channels, dtype=torch.int32), persistent=False)
        # Scales that `bounds` forbids to go below, so that accumulators stay exact.
        self.register_buffer("floor", torch.full((channels,), _NO_FLOOR))

    def rows(self, weight: Tensor) -> Tensor:
        """channels×weights."""
        return weight.transpose(0, self.ch_axis).flatten(1)

    @torch.no_grad()
    def observe(self, weight: Tensor) -> None:
        """Make the scales from the weights as they are."""
        found = self.target.weight_scale(self.rows(weight), self.numbers)
        self.scale.copy_(torch.maximum(found, self.floor))

    def forward(self, weight: Tensor) -> Tensor:
        if self.observing and self.training:
            self.observe(weight)
        if not self.quantising:
            return weight
        return torch.fake_quantize_per_channel_affine(
            weight, self.scale, self.zero_point, self.ch_axis, self.quant_min, self.quant_max
        )


class PerChannelBiasQuantiser(Quantiser):
    """A bias on the grid of its convolution's accumulators, scale of the input × scale of the weights; int32.

    Two quantisers of other tensors are its parents, not its children: their state is theirs.
    """

    def __init__(self, activation: ActivationQuantiser, weight: PerChannelWeightQuantiser) -> None:
        # As far as float32 carries integers: no bias may take all of an accumulator.
        super().__init__(torch.int32, -(2**23), 2**23, torch.per_channel_symmetric)
        self.parents = (activation, weight)

    @property
    def scale(self) -> Tensor:  # type: ignore[override]
        activation, weight = self.parents
        return activation.scale * weight.scale

    @property
    def zero_point(self) -> Tensor:  # type: ignore[override]
        return self.parents[1].zero_point

    def forward(self, bias: Tensor) -> Tensor:
        if not self.quantising:
            return bias
        return torch.fake_quantize_per_channel_affine(
            bias, self.scale, self.zero_point, 0, self.quant_min, self.quant_max
        )
