"""Every codec gives back what went in, refuses damage, and says what it is."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.data.loader import train_loader
from stereo_exp.data.shards.format import CODECS, find_codec, read_npy
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.sources.sceneflow import FolderSource
from stereo_exp.geometry.formats.image import encode_png, png_size
from stereo_exp.shapes.writer import render_dataset

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes") / "set"
    render_dataset(root, train=5, test=0, height=64, width=96, workers=1)
    return root


@pytest.fixture(scope="module", params=CODECS)
def shards(request: pytest.FixtureRequest, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp(request.param)
    pack(scenes, target, "train", num_workers=1, samples_per_shard=3, codec=request.param)
    return target / "train"


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30, deadline=None)
@given(pixels=IMAGES)
def test_round_trip(name: str, pixels: np.ndarray) -> None:
    codec = CODECS[name]
    png = encode_png(pixels)
    member, size = codec.store(png, "x")
    assert size == pixels.shape[:2]
    np.testing.assert_array_equal(codec.decode(b"".join(member), "x"), pixels)
    if name == "png":
        assert member == (png,), "the source's bytes, untouched"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _png(header: bytes, rows: bytes) -> bytes:
    """A PNG whose checksums are right, whatever its content."""
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, interlace])


def test_a_whole_png_of_any_kind_has_its_size() -> None:
    assert png_size(_png(_header(3, 2), bytes(2 * 10))) == (2, 3)
    assert png_size(_png(_header(3, 2, colour=0), bytes(2 * 4))) == (2, 3)
    assert png_size(_png(_header(3, 2, depth=16), bytes(2 * 19))) == (2, 3)
    assert png_size(_png(_header(3, 2, colour=6), bytes(2 * 13))) == (2, 3)


@pytest.mark.parametrize(
    "data",
    [
        _png(_header(3, 2), bytes(19)),
        _png(_header(3, 2), bytes(21)),
        _png(_header(3, 2), b"\x05" + bytes(19)),
        _png(_header(0, 2), bytes(2)),
        _png(_header(1 << 30, 1 << 30), bytes(20)),
        _png(_header(3, 2)[:9], bytes(20)),
        _png(_header(3, 2), bytes(20)).replace(b"IDAT", b"IDAU"),
        b"",
    ],
    ids=["short", "long", "filter", "empty", "huge", "header", "kind", "nothing"],
)
def test_a_png_with_right_checksums_and_wrong_content(data: bytes) -> None:
    with pytest.raises(DataError):
        png_size(data)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_a_data_error_or_an_image(name: str, data: bytes) -> None:
    try:
        pixels = CODECS[name].decode(data, "x")
    except DataError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3


@settings(max_examples=60, deadline=None)
@given(head=st.binary(max_size=140))
def test_npy_headers_from_anywhere(head: bytes) -> None:
    for data in (head, b"\x93NUMPY\x01\x00" + head, b"\x93NUMPY\x01\x00\x76\x00" + head):
        try:
            read_npy(data, "x")
        except DataError as error:
            assert "whole .npy array" in str(error)


def test_webp_is_smaller_than_png_on_what_we_render(scenes: Path) -> None:
    pngs = [path.read_bytes() for path in sorted(scenes.rglob("left/*.png"))]
    sizes = {name: sum(len(b"".join(CODECS[name].store(png, "x")[0])) for png in pngs) for name in CODECS}
    assert sizes["webp"] < 0.85 * sizes["png"]
    assert sizes["webp_fast"] < 0.95 * sizes["png"]


def test_unknown_codec_is_told() -> None:
    with pytest.raises(UserError, match=r"codec=jpeg: must be one of png, webp, raw"):
        find_codec("jpeg")


def test_shards_equal_the_folder(shards: Path, scenes: Path) -> None:
    packed, folder = ShardSource(shards), FolderSource(scenes, "train")
    assert len(packed) == len(folder) == 5
    for i in range(5):
        a, b = packed.read(i), folder.read(i)
        assert a.key == b.key == packed.key(i)
        for field in ("left", "right", "disparity"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_plain_webdataset_reads_them(shards: Path, scenes: Path) -> None:
    suffix = find_codec(ShardSource(shards).index.codec).suffix
    tars = [str(p) for p in sorted(shards.glob("*.tar"))]
    stream = webdataset.WebDataset(tars, shardshuffle=False).decode("rgb8")
    folder = FolderSource(scenes, "train")
    count = 0
    for i, sample in enumerate(stream):
        np.testing.assert_array_equal(sample[f"left.{suffix}"], folder.read(i).left)
        np.testing.assert_array_equal(sample["disp.npy"], folder.read(i).disparity)
        count += 1
    assert count == 5


def test_other_codec_into_the_same_folder_is_refused(shards: Path, scenes: Path) -> None:
    other = next(name for name in CODECS if name != ShardSource(shards).index.codec)
    with pytest.raises(UserError, match=f"codec={other}.*was packed with"):
        pack(scenes, shards.parent, "train", num_workers=1, samples_per_shard=3, codec=other)


def test_every_bit_flip_and_truncation_is_found(shards: Path, tmp_path: Path) -> None:
    """100 of them: reading finds what harms a pair, `verify` the padding too; training counts what is lost."""
    generator = random.Random(0)
    whole = {p.name: p.read_bytes() for p in shards.iterdir() if p.is_file()}
    (tmp_path / "index.json").write_bytes(whole.pop("index.json"))
    num_lost = 0
    for number in range(100):
        name = generator.choice(sorted(whole))
        data = bytearray(whole[name])
        place = generator.randrange(len(data))
        data[place] ^= 1 << generator.randrange(8)
        if number % 4 == 0:
            del data[place:]
        for other, content in whole.items():
            (tmp_path / other).write_bytes(bytes(data) if other == name else content)
        source = ShardSource(tmp_path)
        lost = 0
        for i in range(len(source)):
            try:
                source.read(i)
            except DataError:
                lost += 1
        with pytest.raises(DataError, match=name):
            source.verify()
        (batch,) = train_loader(source, batch_size=5, total_steps=1, seed=0, crop=(32, 32), on_error="skip")
        assert (len(batch), len(batch.skipped)) == (5 - lost, lost)
        num_lost += lost > 0
        source.close()
    assert num_lost > 80


def test_training_goes_on_past_damage_and_counts_it(shards: Path, tmp_path: Path) -> None:
    """Truncations and flips of whole shards: with on_error=skip every step comes, and what is missing is named."""
    for path in shards.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    first, second = sorted(tmp_path.glob("*.tar"))
    first.write_bytes(first.read_bytes()[:-1024])
    data = bytearray(second.read_bytes())
    place = data.index(b"\x93NUMPY") + 200
    data[place] ^= 16
    second.write_bytes(bytes(data))
    loader = train_loader(ShardSource(tmp_path), batch_size=5, total_steps=3, seed=0, crop=(32, 32), on_error="skip")
    batches = list(loader)
    # Three pairs of the first shard and one of the second are lost in each epoch; one pair is left.
    assert [(len(batch), len(batch.skipped)) for batch in batches] == [(1, 4)] * 3
    assert all("shard-00000" in reason for batch in batches for _, reason in batch.skipped)
