"""What a file declares is bounded before memory is spent; links that lie there already are not followed."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from corpora_runs import folded
from corpus import encoded, picture

from stereo_exp.base import DataError, UserError, create_beside, open_anew, parse_json, parse_yaml
from stereo_exp.data.endless.shelf import Shelf
from stereo_exp.data.shards.disparity import inflate_disparity
from stereo_exp.geometry import decode_rgb, png_size
from stereo_exp.geometry.formats.declared import read_declared_size
from stereo_exp.geometry.formats.disparity import decode_grey, decode_npz
from stereo_exp.geometry.formats.npy import MOST_BYTES
from stereo_exp.quant.trunk import rebuild


def png_bomb() -> bytes:
    """A whole PNG of 16000×16000 zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(16001)) for _ in range(16000)) + packer.flush()
    head = struct.pack(">IIBBBBB", 16000, 16000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("decode", [decode_rgb, decode_grey, png_size])
def test_a_picture_that_unpacks_a_thousandfold(decode: Callable[[bytes], object]) -> None:
    bomb = png_bomb()
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="16000x16000: declares more than 100 megapixels"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".bmp", ".webp", ".ppm", ".pgm"])
def test_the_size_of_every_kind_is_known(suffix: str) -> None:
    data = encoded(suffix, picture(37, 53, channels=1 if suffix == ".pgm" else 3))
    assert read_declared_size(data) == (37, 53)


def test_an_archive_that_unpacks_a_thousandfold() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, disparity=np.broadcast_to(np.uint8(0), (1, MOST_BYTES + 1000)))
    with pytest.raises(DataError, match="unpacks to more than"):
        decode_npz(stream.getvalue())


def test_a_truth_that_unpacks_to_more_than_its_head_says() -> None:
    packed = zlib.compress(bytes(1 << 24))
    for size in ((4, 4), (1 << 16, 1 << 16)):
        with pytest.raises(DataError):
            inflate_disparity(struct.pack("<4sII", b"dz1\n", *size) + packed, "truth")


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "[" * 100_000, "9" * 400, "x" * 2_000_000])
def test_documents(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        with pytest.raises(ValueError):
            parse(text)


@pytest.mark.parametrize(
    "rows",
    [
        [["a", "input"]] * 1_000_000,
        [["left", "input"], ["b", "call", "aten.cat.default", [["left"] * 10_000, 1], ""]],
        [["left", "input"], ["right", "input"], ["n", "call", "mul", [1 << 40, 1 << 40], None]],
    ],
)
def test_a_graph_larger_than_its_network(rows: list[object]) -> None:
    module, example = folded()
    with pytest.raises(ValueError, match=r"not a list of at most|more, or larger, arguments"):
        rebuild(rows, module, example)


def test_temporary_names_are_new_and_own(tmp_path: Path) -> None:
    first, second = (create_beside(tmp_path / "film.mp4", ".mp4") for _ in range(2))
    assert first != second
    assert first.suffix == ".mp4"
    victim = tmp_path / "victim"
    victim.write_text("kept")
    link = tmp_path / "log"
    link.symlink_to(victim)
    with os.fdopen(open_anew(link), "w") as file:
        file.write("mine")
    assert victim.read_text() == "kept"
    assert link.read_text() == "mine"


@pytest.mark.parametrize("name", ["renderer.lock", "starting"])
def test_a_link_on_an_endless_sets_shelf(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / name).symlink_to(victim)
    shelf = Shelf(tmp_path / "shelf")
    shelf.announce_start()
    if name == "renderer.lock":
        with pytest.raises(UserError, match="is a link"):
            shelf.lock_rendering(0.0)
    assert victim.read_text() == "kept"
