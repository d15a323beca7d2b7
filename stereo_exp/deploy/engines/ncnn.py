"""ncnn's files (.param, .bin), written operator by operator from the exported graph: for phones and boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import ArgumentError, write_bytes, write_text
from stereo_exp.deploy.forms import full_form, trunk_form
from stereo_exp.deploy.ncnn import translate
from stereo_exp.deploy.onnx_export import export_trunk_onnx
from stereo_exp.deploy.portable import with_views_apart
from stereo_exp.deploy.sizes import fix_sizes
from stereo_exp.deploy.source import Source
from stereo_exp.runtime import FULL, TRUNK, FileEntry, file_entry

NAME = "ncnn"
FORMS = (FULL, TRUNK)
_OPSET = 21


def write(source: Source, folder: Path, forms: Sequence[str], size: tuple[int, int] | None) -> dict[str, FileEntry]:
    """`ncnn/<form>.param` and `.bin` for one pair of one size; returns the entries for the manifest.

    Raises:
        ArgumentError: the size is open, or the network has an operator that the writer does not know.
    """
    if size is None:
        rule = "its files are written for one size"
        raise ArgumentError("engines", NAME, rule, "compile for one size, e.g. {size}=[544,960]")
    trunk = trunk_form(with_views_apart(export_trunk_onnx(source, _OPSET, size, 1)))
    found = {}
    for form in (form for form in FORMS if form in forms):
        model = trunk if form == TRUNK else full_form(trunk, source.regression)
        text, numbers = translate(fix_sizes(model)).files()
        path, beside = f"{NAME}/{form}.param", f"{NAME}/{form}.bin"
        write_bytes(folder / beside, numbers)
        write_text(folder / path, text)
        found[form] = file_entry(folder, path, beside)
    return found
