"""Reading shards: any order, any process, and nothing damaged gets through."""

import json
import multiprocessing
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from stereo_exp.base.errors import DataError
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource


@pytest.fixture
def shards(make_scenes, tmp_path):
    pack(make_scenes([(20, 30)] * 7), tmp_path, "train", samples_per_shard=2)
    return tmp_path / "train"


def num_open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def numbers(source, order):
    return [int(source.read(index).left[0, 0, 0]) for index in order]


@pytest.mark.parametrize("max_open", [1, 2, 256])
def test_any_order_with_few_files_open(shards, max_open):
    source = ShardSource(shards, max_open=max_open)
    before = num_open_files()
    order = [6, 0, 3, 3, 5, 1, 6, 2, 4, 0]
    assert numbers(source, order) == order
    assert num_open_files() - before == min(max_open, 4)
    source.close()
    assert num_open_files() == before
    assert numbers(source, order) == order


def test_indices_out_of_range_are_refused(shards):
    source = ShardSource(shards)
    with pytest.raises(IndexError):
        source.read(7)
    assert source.key(-1) == source.key(6)


def _read_in_child(source, order, queue):
    queue.put(numbers(source, order))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_read_beside_their_parent(shards, method):
    source = ShardSource(shards)
    source.read(0)  # the files are open before the child comes
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [context.Process(target=_read_in_child, args=(source, [1, 5, 0] * 5, queue)) for _ in range(2)]
    for child in children:
        child.start()
    assert numbers(source, [0, 1] * 10) == [0, 1] * 10
    assert [queue.get(timeout=60) for _ in children] == [[1, 5, 0] * 5] * 2
    for child in children:
        child.join()


def test_a_pickled_copy_opens_its_own_files(shards):
    source = ShardSource(shards)
    source.read(3)
    copy = pickle.loads(pickle.dumps(source))
    source.close()
    assert numbers(copy, [3]) == [3]


def test_a_shard_cut_short_is_named(shards):
    os.truncate(shards / "shard-000001.tar", 9000)
    source = ShardSource(shards)
    source.read(0)
    for refused in (lambda: source.read(2), lambda: source.key(3), source.verify):
        with pytest.raises(DataError, match=r"shard-000001\.tar="):
            refused()
    with pytest.raises(DataError, match="9000 bytes: the index says"):
        source.read(2)


def test_a_missing_shard_is_named(shards):
    (shards / "shard-000002.tar").unlink()
    source = ShardSource(shards)
    for refused in (lambda: source.read(4), source.verify):
        with pytest.raises(DataError, match=r"shard-000002\.tar: cannot be read"):
            refused()


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("member", ["left.png", "right.png", "disp.npy", "json"])
def test_a_flipped_bit_is_found_when_the_pair_is_read(shards, member):
    path = shards / "shard-000000.tar"
    with tarfile.open(path) as tar:
        info = tar.getmember(f"00000002.{member}")
    # In the JSON, spoil the truth's checksum; elsewhere, the middle of the data.
    place = info.size // 2 if member != "json" else info.size - 2
    flip(path, info.offset_data + place)
    source = ShardSource(shards)
    assert numbers(source, [0]) == [0]
    with pytest.raises(DataError, match=r"shard-000000\.tar:00000002\."):
        source.read(1)
    with pytest.raises(DataError, match=r"sha256 .* the index says"):
        source.verify()


def test_every_flipped_bit_of_a_shard_is_harmless_or_a_data_error(shards):
    """Headers, padding, contents: the pair read is the pair packed, or a DataError."""
    path = shards / "shard-000003.tar"
    whole = path.read_bytes()
    truth = ShardSource(shards).read(6)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 300):
        flip(path, place)
        try:
            sample = ShardSource(shards).read(6)
        except DataError:
            refused += 1
        else:
            for name in ("left", "right", "disparity"):
                np.testing.assert_array_equal(getattr(sample, name), getattr(truth, name))
        path.write_bytes(whole)
    assert refused > 100


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update(version=99),
        lambda index: index.pop("shards"),
        lambda index: index["shards"][0].update(name="../../etc/passwd"),
        lambda index: index["shards"][0].update(surprise=1),
        lambda index: index.update(shards=3),
    ],
)
def test_a_strange_index_is_refused(shards, change):
    index = json.loads((shards / "index.json").read_text())
    change(index)
    (shards / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"index\.json"):
        ShardSource(shards)


def test_an_index_that_is_no_json_is_refused(shards):
    os.truncate(shards / "index.json", 100)
    with pytest.raises(DataError, match="is not JSON"):
        ShardSource(shards)


def test_a_shard_of_other_samples_than_the_index_says_is_refused(shards):
    index = json.loads((shards / "index.json").read_text())
    index["shards"][0]["samples"] = 3
    (shards / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="2 pairs: the index says 3"):
        ShardSource(shards).read(0)
