"""ExecuTorch's own format (.pte) with XNNPACK's kernels: for phones and boards; from the graph of torch, not from ONNX.

XNNPACK takes an int8 convolution where its result is rounded to int8 at once, and biases in float. Where a residual sum
comes first, weights are handed over as floats of the same value: whole numbers times powers of two, whose sums float32
holds exactly as long as they stay below 2^24. So the bits are equal either way.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from stereo_exp.base import write_bytes
from stereo_exp.deploy.sizes import FORMS, OnePair, require_size
from stereo_exp.deploy.surgery import quiet
from stereo_exp.model import YUV_FROM_RGB, Logits, full_confidence, full_disparity
from stereo_exp.runtime import FULL, FileEntry, file_entry

NAME = "executorch"


def write(pair: OnePair, folder: Path, forms: Sequence[str]) -> dict[str, FileEntry]:
    """`executorch/<form>.pte` for one pair of one size; returns the entries for the manifest.

    Raises:
        ArgumentError: the size is open.
    """
    source, size = pair.source, require_size(NAME, pair.size, "its programs are for one size, and so are their buffers")
    trunk = fold_constants(source.trunk)
    found = {}
    for form in (form for form in FORMS if form in forms):
        module = _Form(trunk, source.model.regression if form == FULL else None)
        path = f"{NAME}/{form}.pte"
        write_bytes(folder / path, _lower(module, size))
        found[form] = file_entry(folder, path)
    return found


class _Form(nn.Module):
    """uint8 1×H×W×3 RGB left, right -> the two maps of logits, or disparity and confidence."""

    def __init__(self, trunk: GraphModule, regression: Any) -> None:
        super().__init__()
        self.trunk, self.regression = trunk, regression

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        logits = Logits(*self.trunk(*(_normalize(view.permute(0, 3, 1, 2)) for view in (left, right))))
        if self.regression is None:
            return logits.disparity, logits.superpixel
        output = self.regression(logits)
        return full_disparity(output), full_confidence(output)


def _normalize(rgb: Tensor) -> Tensor:
    """`stereo_exp.model.normalize` without a shift, which ExecuTorch has no kernel for.

    Multiples of 1/256, floored, are exact in float32.
    """
    weights = torch.tensor(YUV_FROM_RGB, dtype=torch.float32).view(3, 3, 1, 1) / 256
    middle = torch.tensor([128.0, 0.0, 0.0]).view(1, 3, 1, 1)
    return (torch.floor(F.conv2d(rgb.to(torch.float32), weights) + 0.5) - middle) / 128


def _lower(module: nn.Module, size: tuple[int, int]) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    example = tuple(torch.zeros(1, *size, 3, dtype=torch.uint8) for _ in range(2))
    with quiet(), torch.no_grad():
        program = torch.export.export(module, example, strict=False)
        return bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def fold_constants(trunk: GraphModule) -> GraphModule:
    """A copy of `trunk` whose biases are floats, and so the weights of convolutions that nothing rounds at once."""
    made = copy.deepcopy(trunk)
    for node in [node for node in made.graph.nodes if _is_convolution(node)]:
        folded = (2,) if _is_rounded(node) else (1, 2)
        for index in folded:
            if index < len(node.args) and (value := _constant(made, node.args[index])) is not None:
                name = f"{node.name}_{'weight' if index == 1 else 'bias'}_float"
                made.register_buffer(name, value)
                with made.graph.inserting_before(node):
                    node.update_arg(index, made.graph.get_attr(name))
    made.graph.eliminate_dead_code()
    made.recompile()
    return made


def _is_convolution(node: Node) -> bool:
    return node.op == "call_function" and str(node.target).startswith(("aten.conv2d", "aten.conv_transpose2d"))


def _is_rounded(node: Node) -> bool:
    """Whether the one reader of a value, or of its ReLU, quantises it."""
    while len(node.users) == 1:
        node = next(iter(node.users))
        if "quantize_per_tensor" in str(node.target):
            return "dequantize" not in str(node.target)
        if str(node.target) != "aten.relu.default":
            return False
    return False


def _constant(module: GraphModule, value: Any) -> Tensor | None:
    """Of a constant that is dequantised; None for anything else."""
    if not isinstance(value, Node) or "dequantize" not in str(value.target):
        return None
    given = [_attribute(module, each) if isinstance(each, Node) else each for each in value.args]
    target: Any = value.target
    return None if given[0] is None else target(*given, **value.kwargs)


def _attribute(module: GraphModule, node: Node) -> Any:
    if node.op != "get_attr":
        return None
    found: Any = module
    for part in str(node.target).split("."):
        found = getattr(found, part)
    return found
