"""Muon: momentum whose matrices are made orthogonal before they are applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Orthogonal momentum for dense convolutions, decoupled Adam for everything else.

    A convolution's weight (O, I, k, k) counts as the matrix (O, I·k·k). Its update is the Nesterov momentum with all
    singular values brought near 1 by five Newton-Schulz iterations (K. Jordan, Muon, 2024), times 0.2·√max(O, I·k·k),
    so that its root mean square is that of an Adam step and one learning rate serves both (J. Liu et al., Muon is
    Scalable for LLM Training, 2025). Depthwise convolutions (no matrix to speak of), BatchNorm and biases go to
    `torch.optim.AdamW`. `torch.optim.Muon` takes matrices only, and weights in channels_last are none.

    Args:
        params: parameters or groups of them, as of any optimiser; each group is split in two.
        lr: learning rate.
        betas: decay rates of Adam's moments; the momentum's is `momentum`.
        weight_decay: L2 decay, apart from the gradient.
        momentum: decay rate of the matrices' momentum.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "momentum": momentum, "matrices": False}
        groups = [dict(g) if isinstance(g, dict) else {"params": [g]} for g in params]
        super().__init__([part for group in groups for part in _split(group)], defaults)
        rest = [g for g in self.param_groups if not g["matrices"]]
        # It keeps the dictionaries themselves, so that a rate set here counts there.
        self._adam = torch.optim.AdamW(rest or [{"params": []}], lr=lr, betas=betas)
        self._adam.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        assert closure is None, "one evaluation a step"
        self._adam.step()
        for group in self.param_groups:
            if group["matrices"]:
                self._step_matrices(group)

    def _step_matrices(self, group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            average = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
            ahead = parameter.grad.lerp(average, group["momentum"])
            rows = ahead.shape[0]
            by_shape[rows, ahead.numel() // rows].append((parameter, ahead.reshape(rows, -1)))
        for (rows, columns), members in by_shape.items():
            updates = _orthogonal(torch.stack([matrix for _, matrix in members]))
            scale = 0.2 * max(rows, columns) ** 0.5
            for (parameter, _), update in zip(members, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * scale)


def _split(group: dict[str, Any]) -> list[dict[str, Any]]:
    parts: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in group["params"]:
        parts[parameter.ndim == 4 and parameter.shape[1] > 1].append(parameter)
    return [{**group, "params": params, "matrices": kind} for kind, params in parts.items() if params]


def _orthogonal(matrices: Tensor) -> Tensor:
    """The (N, R, C) matrices with singular values brought near 1."""
    a, b, c = _COEFFICIENTS
    # Its error is far below that of the iterations, and it is what makes them cheap.
    matrices = matrices.bfloat16()
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
