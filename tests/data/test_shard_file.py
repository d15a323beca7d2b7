"""The tar that is written piece by piece is the one that Python's tarfile writes, and the hash is the file's."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stereo_exp.data.shards import write as shard_file
from stereo_exp.data.shards.format import read_npy, write_npy
from stereo_exp.data.shards.write import ShardFile

PAIRS = st.lists(
    st.dictionaries(st.sampled_from(["json", "left.png", "disp.npy"]), st.lists(st.binary(max_size=1100), max_size=3)),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(pairs=PAIRS)
def test_the_bytes_are_those_of_tarfile(tmp_path_factory: pytest.TempPathFactory, pairs: list) -> None:
    path, expected = tmp_path_factory.mktemp("tar") / "shard.tar", io.BytesIO()
    with ShardFile(path) as file, tarfile.open(fileobj=expected, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, members in enumerate(pairs):
            file.add(f"{number:08d}", partial(dict, {name: tuple(pieces) for name, pieces in members.items()}))
            for name in sorted(members):
                content = b"".join(members[name])
                header = tarfile.TarInfo(f"{number:08d}.{name}")
                header.size, header.mode = len(content), 0o444
                tar.addfile(header, io.BytesIO(content))
        size, sha256 = file.finish()
    assert path.read_bytes() == expected.getvalue()
    assert size == path.stat().st_size
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_large_shards_reach_the_disk_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    path = tmp_path / "shard.tar"
    monkeypatch.setattr(shard_file.os, "fsync", lambda _: synced.append(path.stat().st_size))
    monkeypatch.setattr(shard_file, "_SYNC_BYTES", 100_000)
    with ShardFile(path) as file:
        for number in range(8):
            file.add(str(number), lambda: {"json": (bytes(60_000),)})
        size, _ = file.finish()
    assert len(synced) == 5
    assert synced[-1] == size, "the end is synced, too"


def test_a_write_that_fails_is_raised_by_the_next_call(tmp_path: Path) -> None:
    with ShardFile(tmp_path / "shard.tar") as file:
        file._file.close()
        file.add("0", lambda: {"json": (b"{}",)})
        with pytest.raises(ValueError, match="closed file"):
            file.add("1", lambda: {"json": (b"{}",)})


@settings(max_examples=60, deadline=None)
@given(
    values=arrays.arrays(
        st.sampled_from([np.dtype("u1"), np.dtype("<f4"), np.dtype(">f4"), np.dtype("<i8")]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
    ),
    turned=st.booleans(),
)
def test_npy_round_trip(values: np.ndarray, turned: bool) -> None:
    values = values[::-1] if turned else values
    data = b"".join(write_npy(values))
    for found in (read_npy(data, "x"), np.load(io.BytesIO(data))):
        assert found.dtype == values.dtype and found.shape == values.shape
        assert found.tobytes() == values.tobytes()
