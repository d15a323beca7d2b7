"""The right view's columns where the strongest candidates point: what a refinement compares the left view with.

One operator of torch's own registry, so that every graph of the network holds it as one node: it moves values, bytes
or floats alike, and computes nothing with them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def find_strongest(logits: Tensor) -> Tensor:
    """B×D×h×w logits -> int64 B×1×h×w, the largest of the indices whose logit is the largest: one rule for ties, which
    engines' own searches break each in its way."""
    candidates = torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
    return ((logits >= logits.amax(1, keepdim=True)) * candidates).amax(1, keepdim=True)


@torch.library.custom_op("stereo_exp::warp", mutates_args=())
def warp(right: Tensor, logits: Tensor, factor: int) -> Tensor:
    """Every pixel of the right view's map that the strongest candidate of its cell points at.

    Args:
        right: B×C×H×W, of any type.
        logits: B×D×H/factor×W/factor.
        factor: columns of `right` in a cell, and from one candidate to the next.

    Returns:
        B×C×H×W: column x holds column x − factor·d of `right`, or the leftmost where that lies outside.
    """
    return right.gather(3, _columns(right, logits, factor))


def _columns(right: Tensor, logits: Tensor, factor: int) -> Tensor:
    shift = factor * find_strongest(logits).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    columns = torch.arange(right.shape[3], device=right.device) - shift
    return columns.clamp(min=0).expand(-1, right.shape[1], -1, -1)


@warp.register_fake
def _(right: Tensor, logits: Tensor, factor: int) -> Tensor:
    return torch.empty_like(right, memory_format=torch.contiguous_format)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    right, logits, factor = inputs
    ctx.save_for_backward(_columns(right, logits, factor))


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    (columns,) = ctx.saved_tensors
    # Where several pixels point at one, it learns from all; what is strongest is learned elsewhere.
    return torch.zeros_like(grad).scatter_add_(3, columns, grad), None, None


warp.register_autograd(_backward, setup_context=_keep)

WARP = torch.ops.stereo_exp.warp.default
