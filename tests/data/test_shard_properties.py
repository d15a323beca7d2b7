"""Shards from anywhere: what was written comes back, and no bytes raise anything but our own error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.data.shards.format import (
    DISPARITY,
    META,
    ShardEntry,
    ShardIndex,
    encode_disparity,
    encode_meta,
    find_codec,
)
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.shards.write import ShardFile
from stereo_exp.data.sources.sceneflow import Pair
from stereo_exp.geometry.formats.image import encode_png

CODEC_NAMES = ("png", "webp", "raw")


def write_index(folder: Path, codec: str, entry: ShardEntry) -> None:
    ShardIndex("test", "finalpass", 8, codec, "list.txt", "0" * 64, 8, "0", (entry,)).write(folder)


def write_shard(folder: Path, codec_name: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> ShardEntry:
    """A shard of (left image, disparity); the right view is the left one mirrored."""
    codec = find_codec(codec_name)
    with ShardFile(folder / "shard-000000.tar") as file:
        for line, (left, disparity) in enumerate(pairs):
            members = {codec.left: codec.store(encode_png(left), "l")[0], DISPARITY: encode_disparity(disparity)}
            members[codec.right] = codec.store(encode_png(np.ascontiguousarray(left[:, ::-1])), "r")[0]
            pair = Pair(line, f"left/{line}.png", f"right/{line}.png", f"{line}.pfm")
            members[META] = encode_meta(pair, disparity.shape, members)
            file.add(f"{line:08d}", members.copy)
        size, sha256 = file.finish()
    entry = ShardEntry("shard-000000.tar", len(pairs), size, sha256)
    write_index(folder, codec_name, entry)
    return entry


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    values = st.floats(-10, 1000, width=32) | st.just(np.inf)
    return (
        draw(arrays.arrays(np.uint8, (height, width, 3))),
        draw(arrays.arrays(np.float32, (height, width), elements=values)),
    )


@pytest.mark.parametrize("codec", CODEC_NAMES)
@settings(max_examples=25, deadline=None)
@given(content=st.lists(pairs(), min_size=1, max_size=4))
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, codec: str, content: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder, codec, content)
    source = ShardSource(folder)
    source.verify()
    assert len(source) == len(content)
    for index, (left, disparity) in enumerate(content):
        sample = source.read(index)
        assert sample.key == source.key(index) == f"left/{index}"
        np.testing.assert_array_equal(sample.left, left)
        np.testing.assert_array_equal(sample.right, left[:, ::-1])
        np.testing.assert_array_equal(sample.disparity, np.where(np.isinf(disparity), 0, disparity))


@pytest.fixture(scope="module", params=CODEC_NAMES)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ShardEntry, bytes]:
    folder = tmp_path_factory.mktemp("of_codec") / request.param
    folder.mkdir()
    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (6, 7, 3), np.uint8)
    entry = write_shard(folder, request.param, [(left, np.ones((6, 7), np.float32))] * 2)
    return folder, entry, (folder / entry.name).read_bytes()


def read_everything(folder: Path, entry: ShardEntry, codec: str, data: bytes) -> None:
    (folder / entry.name).write_bytes(data)
    write_index(folder, codec, ShardEntry(entry.name, entry.samples, len(data), entry.sha256))
    source = ShardSource(folder)
    for read in (source.key, source.read):
        for index in range(entry.samples):
            try:
                read(index)
            except DataError as error:
                assert "\n" not in str(error)
    source.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(data=st.binary(max_size=1500))
def test_arbitrary_bytes_are_no_shard(small: tuple[Path, ShardEntry, bytes], data: bytes) -> None:
    folder, entry, _ = small
    read_everything(folder, entry, folder.name, data)


@settings(max_examples=120, deadline=None)
@given(place=st.integers(0, 20_000), patch=st.binary(min_size=1, max_size=600), cut=st.booleans())
def test_a_shard_with_arbitrary_bytes_in_it(
    small: tuple[Path, ShardEntry, bytes], place: int, patch: bytes, cut: bool
) -> None:
    """Headers, contents and padding, overwritten or cut off; the index agrees with the size."""
    folder, entry, whole = small
    place %= len(whole)
    rest = b"" if cut else whole[place + len(patch) :]
    read_everything(folder, entry, folder.name, whole[:place] + patch + rest)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(field=st.integers(0, 30), value=JSON, of_shard=st.booleans())
def test_an_index_with_anything_in_a_field(
    tmp_path_factory: pytest.TempPathFactory, field: int, value: object, of_shard: bool
) -> None:
    folder = tmp_path_factory.mktemp("index")
    write_index(folder, "png", ShardEntry("shard-000000.tar", 1, 10240, "0" * 64))
    content = json.loads((folder / "index.json").read_text())
    target = content["shards"][0] if of_shard else content
    target[sorted(target)[field % len(target)]] = value
    (folder / "index.json").write_text(json.dumps(content))
    try:
        source = ShardSource(folder)
        for index in range(min(len(source), 3)):
            source.read(index)
    except UserError as error:  # an unknown codec is one
        assert "\n" not in str(error)
