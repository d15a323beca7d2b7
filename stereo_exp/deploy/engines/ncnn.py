"""ncnn's files (.param, .bin), written operator by operator from the exported graph: for phones and boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import write_bytes, write_text
from stereo_exp.deploy.ncnn import translate
from stereo_exp.deploy.sizes import OnePair, export_forms, require_size
from stereo_exp.runtime import FileEntry, file_entry

NAME = "ncnn"


def write(pair: OnePair, folder: Path, forms: Sequence[str]) -> dict[str, FileEntry]:
    """`ncnn/<form>.param` and `.bin` for one pair of one size; returns the entries for the manifest.

    Raises:
        ArgumentError: the size is open, or the network has an operator that the writer does not know.
    """
    require_size(NAME, pair.size, "its files are written for one size")
    found = {}
    for form, model in export_forms(pair, forms, views_apart=True):
        text, numbers = translate(model).files()
        path, beside = f"{NAME}/{form}.param", f"{NAME}/{form}.bin"
        write_bytes(folder / beside, numbers)
        write_text(folder / path, text)
        found[form] = file_entry(folder, path, beside)
    return found
