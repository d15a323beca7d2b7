"""`model.pt2`: the whole network as a program of ATen operators, for torch without this package."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stereo_exp.atomic import replacing
from stereo_exp.data.colour import normalise
from stereo_exp.deploy.quiet import quiet
from stereo_exp.deploy.source import Source
from stereo_exp.model.confidence import full_confidence
from stereo_exp.model.postprocess import full_disparity

_STEP = 32


class FullForm(nn.Module):
    """uint8 B×H×W×3 RGB left, right -> disparity B×H×W px, confidence B×H×W in 0…1."""

    def __init__(self, model: nn.Module, maxdisp: int) -> None:
        super().__init__()
        self.model, self.maxdisp = model, maxdisp

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(*(normalise(view.permute(0, 3, 1, 2)) for view in (left, right)))
        return full_disparity(output, self.maxdisp), full_confidence(output)


def save_program(source: Source, path: Path) -> Path:
    """Write it with torch.export, for any batch and any size from 64 on in multiples of 32.

    `torch.export.load(path).module()` takes it up again; for a quantised network after
    `import torch.ao.quantization.fx._decomposed`, which registers its operators.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    # torch.export takes sizes of one, which the coarsest map then has, for constants.
    rows, columns = (torch.export.Dim(name, min=2, max=1024) for name in ("rows", "columns"))
    sizes = {0: batch, 1: _STEP * rows, 2: _STEP * columns}
    example = tuple(torch.zeros(2, 4 * _STEP, 5 * _STEP, 3, dtype=torch.uint8) for _ in range(2))
    module = FullForm(source.model, source.config.model.maxdisp)
    with quiet(), torch.no_grad():
        program = torch.export.export(module, example, dynamic_shapes=(sizes, dict(sizes)), strict=False)
        with replacing(path) as temporary:
            # torch wants the suffix.
            whole = temporary.with_suffix(".pt2")
            try:
                torch.export.save(program, whole)
                whole.replace(temporary)
            finally:
                whole.unlink(missing_ok=True)
    return path
