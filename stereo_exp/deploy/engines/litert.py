"""LiteRT's format (.tflite), written operator by operator from the exported graph: for phones and boards.

LiteRT computes it with XNNPACK, whose int8 convolutions round as ONNX and torch do. Its own kernels, without XNNPACK,
round halves away from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import ArgumentError, write_bytes
from stereo_exp.deploy.forms import full_form, trunk_form
from stereo_exp.deploy.onnx_export import export_trunk_onnx
from stereo_exp.deploy.sizes import fix_sizes
from stereo_exp.deploy.source import Source
from stereo_exp.deploy.tflite import translate
from stereo_exp.runtime import FULL, TRUNK, FileEntry, file_entry

NAME = "litert"
FORMS = (FULL, TRUNK)
_OPSET = 21


def write(source: Source, folder: Path, forms: Sequence[str], size: tuple[int, int] | None) -> dict[str, FileEntry]:
    """`litert/<form>.tflite` for one pair of one size; returns the entries for the manifest.

    Raises:
        ArgumentError: the size is open, or the network has an operator that the writer does not know.
    """
    if size is None:
        rule = "its programs are for one size"
        raise ArgumentError("engines", NAME, rule, "compile for one size, e.g. {size}=[544,960]")
    trunk = trunk_form(export_trunk_onnx(source, _OPSET, size, 1))
    found = {}
    for form in (form for form in FORMS if form in forms):
        model = trunk if form == TRUNK else full_form(trunk, source.regression)
        path = f"{NAME}/{form}.tflite"
        write_bytes(folder / path, translate(fix_sizes(model)).pack())
        found[form] = file_entry(folder, path)
    return found
