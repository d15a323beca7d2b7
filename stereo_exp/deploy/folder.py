"""A compiled folder from a checkpoint: forms × engines, and the manifest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from stereo_exp.base import VERSION, Meter, replacing, write_text
from stereo_exp.deploy.engines import ENGINES, OF_ONE_SIZE
from stereo_exp.deploy.forms import UNROLLED, full_form, trunk_form
from stereo_exp.deploy.onnx_export import OPSET, export_trunk_onnx, integers_name
from stereo_exp.deploy.rewrites import rewrite
from stereo_exp.deploy.sizes import OnePair
from stereo_exp.deploy.source import QuantisedTensor, Source
from stereo_exp.deploy.surgery import quiet
from stereo_exp.model import full_confidence, full_disparity, normalize, reliability_of, sizing_of
from stereo_exp.runtime import (
    ALIGN,
    FORMS,
    FULL,
    MANIFEST,
    TRUNK,
    FileEntry,
    Manifest,
    ModelEntry,
    TensorEntry,
)

log = logging.getLogger(__name__)
COUNTED_LEVEL = 1
_PACKAGES = (
    "torch", "torchao", "onnx", "onnx-ir", "onnxscript", "onnxruntime", "openvino", "executorch", "ai-edge-litert",
    "ncnn",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What to compile."""

    engines: Sequence[str]
    opt: int
    size: tuple[int, int] | None
    batch: int | None
    forms: Sequence[str] = tuple(FORMS)
    """Of these; a network without quantised activations has no `align` form."""


@dataclass(frozen=True)
class Built:
    """What `build` made."""

    manifest: Manifest
    changes: dict[str, dict[str, int]]
    """Engine -> rewrite -> how many places it changed."""
    full: onnx.ModelProto
    """The full form for the report."""


def build(source: Source, folder: Path, options: Options, exported: onnx.ModelProto | None = None) -> Built:
    """Write the compiled folder.

    Args:
        exported: what `export_trunk_onnx` made of `source`, for several folders of one network.
    """
    engines: dict[str, dict[str, FileEntry]] = {}
    changes: dict[str, dict[str, int]] = {}
    tensors: list[TensorEntry] = []
    with Meter("compile", 1 + len(options.forms) * len(options.engines)) as meter:
        if exported is None:
            exported = export_trunk_onnx(source, OPSET, options.size, options.batch)
        meter.advance(form="trunk exported")
        trunk, pair = trunk_form(exported), OnePair(source, options.size, exported)
        for engine in options.engines:
            write = ENGINES[engine].load()
            if engine in OF_ONE_SIZE:
                engines[engine], changes[engine] = write(pair, folder, options.forms), {}
                meter.advance(len(options.forms), engine=engine)
                continue
            plain, changes[engine] = rewrite(trunk, engine, options.opt)
            unrolled = engine in UNROLLED and options.opt >= UNROLLED[engine]
            whole = full_form(plain, source.regression, unrolled)
            forms = {FULL: whole, TRUNK: plain}
            if source.tensors and ALIGN in options.forms:
                watched, _ = rewrite(trunk, engine, options.opt, keep_tensors=True)
                forms[ALIGN] = align_form(watched, source.tensors)
                tensors = tensor_entries(forms[ALIGN], source.tensors)
            engines[engine] = {}
            for form in (form for form in forms if form in options.forms):
                engines[engine][form], of_engine = write(forms[form], folder, form, options.opt)
                if form == FULL:
                    changes[engine] |= of_engine
                meter.advance(engine=engine, form=form)
    meta = source.checkpoint.meta
    manifest = Manifest(
        model=ModelEntry(
            name=str(meta["config"]["name"]),
            stage=source.stage,
            target=source.target,
            maxdisp=source.maxdisp,
            checkpoint=str(source.checkpoint.path),
            epe=(meta.get("scores") or {}).get("epe"),
        ),
        size=options.size,
        batch=options.batch,
        opt=options.opt,
        engines=engines,
        tensors=tuple(tensors),
        multiple=source.multiple,
        sizing=sizing_of(source.checkpoint),
        reliability=reliability_of(source.checkpoint),
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        folder=folder,
    )
    write_text(folder / MANIFEST, manifest.to_json())
    # Without what trades multiplications by zero for faster kernels: the report counts the network's own work.
    level = min(options.opt, COUNTED_LEVEL)
    counted, _ = rewrite(full_form(trunk, source.regression), "openvino", level)
    return Built(manifest, changes, counted)


def align_form(trunk: onnx.ModelProto, tensors: Sequence[QuantisedTensor]) -> onnx.ModelProto:
    """`trunk` with the integers of every quantised activation as additional outputs."""
    model = onnx.ModelProto()
    model.CopyFrom(trunk)
    types = _integer_types(model)
    for tensor in tensors:
        name = integers_name(tensor.name)
        if name in types:
            kind = helper.np_dtype_to_tensor_dtype(types[name].dtype)
            model.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return model


def tensor_entries(model: onnx.ModelProto, tensors: Sequence[QuantisedTensor]) -> list[TensorEntry]:
    """The tensors that a graph puts out, as the manifest has them."""
    types = _integer_types(model)
    return [
        TensorEntry(t.name, name, t.scale, int(types[name]), t.bits, types[name].dtype.name)
        for t in tensors
        if (name := integers_name(t.name)) in types
    ]


def _integer_types(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Quantised tensor -> its zero point: what quantise operators put out, and the maximum that is a ReLU."""
    constants = {i.name: i for i in model.graph.initializer}
    found: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and len(node.input) > 2:
            found[node.output[0]] = numpy_helper.to_array(constants[node.input[2]])
        elif node.op_type in ("Max", "DepthToSpace") and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _versions() -> dict[str, str]:
    found = {"stereo_exp": VERSION}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# `model.pt2`: the whole network as a program of ATen operators, for torch without this package.


class FullForm(nn.Module):
    """uint8 B×H×W×3 RGB left, right -> disparity B×H×W px, confidence B×H×W in 0…1."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(*(normalize(view.permute(0, 3, 1, 2)) for view in (left, right)))
        return full_disparity(output), full_confidence(output)


def save_program(source: Source, path: Path) -> Path:
    """Write it with torch.export, for any batch and any size in multiples of the network's
    `multiple`, from twice that on.

    `torch.export.load(path).module()` takes it up again; for a quantised network after
    `import torch.ao.quantization.fx._decomposed`, which registers its operators.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    # torch.export takes sizes of one, which the coarsest map then has, for constants.
    rows, columns = (torch.export.Dim(name, min=2, max=1024) for name in ("rows", "columns"))
    step = source.multiple
    sizes = {0: batch, 1: step * rows, 2: step * columns}
    example = tuple(torch.zeros(2, 4 * step, 5 * step, 3, dtype=torch.uint8) for _ in range(2))
    module = FullForm(source.model)
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
