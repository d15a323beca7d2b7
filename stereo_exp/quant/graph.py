"""The network as a graph: exported once, for every batch size and every image size."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from dataclasses import asdict

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.config.model import Model
from stereo_exp.model.stereonetplus import StereoNetPlus
from stereo_exp.quant.stored import Rows, rebuild

# Any sizes serve as an example; two views of two images, so that no size happens to be 1.
_EXAMPLE = (2, 3, 128, 160)
_SMALL = (2, 3, 64, 96)
_STEP = 32
# An export takes far longer than all else that prepares a network, and the stages of a chain need the same one.
_KEPT = 4
_exports: dict[str, GraphModule] = {}


class Trunk(nn.Module):
    """The part that becomes integers, as a module: left, right -> (disparity logits, superpixel logits)."""

    def __init__(self, model: StereoNetPlus) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = model.backbone, model.neck, model.head

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        s2, s4, *coarse = self.backbone(torch.cat((left, right)))
        logits = self.head((s2, s4, *self.neck(coarse)), left.shape[0])
        return logits.disparity, logits.superpixel


def trunk_of(model: StereoNetPlus, config: Model, stored: Rows | None = None) -> GraphModule:
    """`export_trunk`, exporting once for each architecture in this process, or not at all.

    Args:
        model: folded, on the CPU.
        config: what it was built from.
        stored: the same graph from a checkpoint (see `stereo_exp.quant.stored`).

    Raises:
        ValueError: `stored` is not a graph of this network.
    """
    if stored is not None:
        example = (torch.rand(_SMALL, generator=torch.Generator().manual_seed(i)) for i in range(2))
        return rebuild(stored, Trunk(model).eval(), tuple(example))
    key = json.dumps(asdict(config), sort_keys=True)
    if key not in _exports:
        while len(_exports) >= _KEPT:
            del _exports[next(iter(_exports))]
        _exports[key] = export_trunk(model)
    graph = copy.deepcopy(_exports[key])
    graph.load_state_dict(Trunk(model).state_dict())
    return graph


def export_trunk(model: StereoNetPlus) -> GraphModule:
    """`model`, folded, as a graph of ATen operators with the parameters under their own names.

    Height and width may be any multiples of 32, the batch any size.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    height, width = (torch.export.Dim(name, min=1, max=1024) for name in ("height", "width"))
    sizes = {0: batch, 2: _STEP * height, 3: _STEP * width}
    example = tuple(torch.zeros(_EXAMPLE) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Trunk(model).eval(), example, dynamic_shapes=(sizes, sizes), strict=False)
    logging.getLogger(__name__).debug("exported %d nodes", len(program.graph.nodes))
    module = program.module()
    assert isinstance(module, GraphModule)
    # The exporter's checks of sizes would stand between the inputs and whoever walks the graph.
    for node in list(module.graph.nodes):
        if node.op == "call_module" and not node.users:
            module.graph.erase_node(node)
            module.delete_submodule(str(node.target))
    module.recompile()
    return module
