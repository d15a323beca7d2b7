"""The training framework's own answer: the integer network in torch, with every integer inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from stereo_exp.data.colour import normalise
from stereo_exp.deploy.source import Source
from stereo_exp.model.head.aanet_spx import HeadLogits
from stereo_exp.model.postprocess import full_disparity


@dataclass(frozen=True)
class Answer:
    """What the network makes of a pair."""

    integers: dict[str, np.ndarray]
    """Quantised activation -> its integers minus the zero point, in the order of the graph."""
    logits: tuple[np.ndarray, np.ndarray]
    """Disparity and superpixel logits, float32."""
    disparity: np.ndarray
    """float32 B×H×W px."""


class Reference:
    """Runs a source's network and keeps its quantised activations.

    Raises:
        ValueError: the source's tensors are not those of its graph.
    """

    def __init__(self, source: Source) -> None:
        # For a float network `ops` would only bring operators that it does not have.
        self._tensors: dict[str, tuple[str, int]] = {}
        self._source = source
        if source.tensors:
            nodes = _quantise_nodes(source.trunk)
            found = [(float(n.args[1]), int(n.args[2])) for n in nodes]  # type: ignore[arg-type]
            if found != [(t.scale, t.zero_point) for t in source.tensors]:
                raise ValueError("the tensors of the source are not those of its graph")
            pairs = zip(nodes, source.tensors, strict=True)
            self._tensors = {n.name: (t.name, t.zero_point) for n, t in pairs}

    @torch.no_grad()
    def __call__(self, left: np.ndarray, right: np.ndarray) -> Answer:
        """uint8 B×H×W×3 RGB, H and W multiples of 32."""
        views = (normalise(torch.from_numpy(v).permute(0, 3, 1, 2)) for v in (left, right))
        recorder = _Recorder(self._source.trunk, set(self._tensors))
        logits = HeadLogits(*recorder.run(*views))
        integers = {}
        for node, (name, zero_point) in self._tensors.items():
            integers[name] = recorder.seen[node].numpy().astype(np.int32) - zero_point
        regression: Any = self._source.model.regression
        disparity = full_disparity(regression(logits), self._source.config.model.maxdisp)
        return Answer(integers, (logits.disparity.numpy(), logits.superpixel.numpy()), disparity.numpy())


class _Recorder(Interpreter):
    def __init__(self, module: nn.Module, wanted: set[str]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.name in self.wanted:
            self.seen[n.name] = result
        return result


def _quantise_nodes(trunk: GraphModule) -> list[Node]:
    from stereo_exp.quant import ops

    return [node for node in trunk.graph.nodes if node.target == ops.QUANTISE]
