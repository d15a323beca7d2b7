"""LiteRT's format (.tflite), written operator by operator from the exported graph: for phones and boards.

LiteRT computes it with XNNPACK, whose int8 convolutions round as ONNX and torch do. Its own kernels, without XNNPACK,
round halves away from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import write_bytes
from stereo_exp.deploy.sizes import OnePair, export_forms, require_size
from stereo_exp.deploy.tflite import translate
from stereo_exp.runtime import FileEntry, file_entry

NAME = "litert"


def write(pair: OnePair, folder: Path, forms: Sequence[str]) -> dict[str, FileEntry]:
    """`litert/<form>.tflite` for one pair of one size; returns the entries for the manifest.

    Raises:
        ArgumentError: the size is open, or the network has an operator that the writer does not know.
    """
    require_size(NAME, pair.size, "its programs are for one size")
    found = {}
    for form, model in export_forms(pair, forms):
        path = f"{NAME}/{form}.tflite"
        write_bytes(folder / path, translate(model).pack())
        found[form] = file_entry(folder, path)
    return found
