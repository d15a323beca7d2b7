"""The cache of a remote set that is larger than the disk: who goes, who stays, and what readers notice of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from composing import composed

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.data.loader import train_loader
from stereo_exp.data.shards import remote as cache_module
from stereo_exp.data.shards.format import ShardIndex
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.shards.remote import GB, RemoteFolder, ShardCache, is_deleted
from stereo_exp.shapes.writer import render_dataset
from stereo_exp.suite.datasets import open_split
from stereo_exp.suite.keys import DATASET, by_key

SHARDS, PER_SHARD = 6, 4


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six shards of four pairs, with a list of every fetch beside them."""
    base = tmp_path_factory.mktemp("remote")
    render_dataset(base / "set", train=SHARDS * PER_SHARD, test=1, height=64, width=96, workers=1)
    for split in ("train", "test"):
        pack(base / "set", base / "shards", split, num_workers=1, samples_per_shard=PER_SHARD)
    return base / "shards"


def address(packed: Path, log: Path) -> str:
    """A remote place that writes down what is asked for."""
    return f"pipe:echo {{}} >> {log}; cat {packed}/{{}}"


def fetched(log: Path) -> Counter[str]:
    """How often each shard was fetched."""
    return Counter(line for line in log.read_text().splitlines() if line.endswith(".tar"))


def largest(packed: Path) -> int:
    return max(shard.bytes for shard in ShardIndex.read(packed / "train").shards)


def opened(packed: Path, tmp_path: Path, *overrides: str, split: str = "train") -> ShardSource:
    root = address(packed, tmp_path / "log")
    config = bind(composed("dataset=sceneflow", f'dataset.root="{root}"', f"dataset.cache={tmp_path}/c", *overrides))
    source = open_split(config.dataset, split)
    assert isinstance(source, ShardSource)
    return source


def small_cache(packed: Path, shards: float) -> str:
    return f"dataset.cache_gb={shards * largest(packed) / GB}"


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "c").rglob("*.tar"))


def held_bytes(tmp_path: Path) -> int:
    total = 0
    for path in (tmp_path / "c").rglob("*.tar"):
        with suppress(FileNotFoundError):  # a worker may delete it just now
            total += path.stat().st_size
    return total


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_through_a_small_cache_fetches_every_shard_once(packed: Path, tmp_path: Path, workers: int) -> None:
    overrides = ("dataset.shuffle_window=2", small_cache(packed, 3.1))
    batches = train_loader(
        opened(packed, tmp_path, *overrides), batch_size=2, total_steps=12, seed=0, crop=(32, 32), workers=workers
    )
    indices = []
    for batch in batches:
        indices += batch.indices
        assert held_bytes(tmp_path) <= 3.1 * largest(packed)
    assert sorted(indices) == list(range(SHARDS * PER_SHARD))
    counts = fetched(tmp_path / "log")
    assert len(counts) == SHARDS
    if not workers:  # a worker that lags may come back for a shard that the other one has done with
        assert set(counts.values()) == {1}
    assert 2 <= len(cached(tmp_path)) <= 3


def test_the_least_recently_used_goes_first(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_TOUCH_SECONDS", 0.0)
    source = opened(packed, tmp_path, small_cache(packed, 3.1), "dataset.shuffle_window=2")
    for shard in (0, 1, 2, 0, 3):  # 0 is used again before 3 needs room: 1 must go
        source.read(shard * PER_SHARD)
        time.sleep(0.02)  # file times have a grain
    assert cached(tmp_path) == [f"shard-{i:06d}.tar" for i in (0, 2, 3)]


def test_a_dropped_shard_stays_readable_where_it_is_open_and_is_let_go_soon(packed: Path, tmp_path: Path) -> None:
    local = ShardSource(packed / "train")
    reader = opened(packed, tmp_path, small_cache(packed, 2.1), "dataset.shuffle_window=1")
    reader.read(0)
    descriptor = next(iter(reader._open.values())).descriptor
    other = opened(packed, tmp_path, small_cache(packed, 2.1), "dataset.shuffle_window=1")
    for shard in (1, 2, 3):
        other.read(shard * PER_SHARD)
    assert cached(tmp_path) == ["shard-000002.tar", "shard-000003.tar"]
    assert is_deleted(descriptor)
    np.testing.assert_array_equal(reader.read(1).left, local.read(1).left)
    reader.read(4 * PER_SHARD)
    assert list(reader._open) == [4], "what was dropped takes no room any longer"
    np.testing.assert_array_equal(reader.read(1).left, local.read(1).left)  # fetched again
    assert fetched(tmp_path / "log")["train/shard-000000.tar"] == 2


def test_a_shard_that_vanishes_between_check_and_open(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(packed, tmp_path)
    fetch, lost = RemoteFolder._fetch, []

    def vanishing(self: RemoteFolder, *entry: object) -> Path:
        path = fetch(self, *entry)  # type: ignore[arg-type]
        if len(lost) < times:
            path.unlink()
            lost.append(path)
        return path

    monkeypatch.setattr(RemoteFolder, "_fetch", vanishing)
    times = 2
    assert source.read(0).key
    assert len(lost) == 2
    lost.clear()
    times = 99
    told = r"shard-000001.tar: was dropped from the cache 5 times .*cache_gb"
    with pytest.raises(UserError, match=told), by_key(DATASET):
        source.read(PER_SHARD)


def _read_all(arguments: tuple[Path, Path, str, int]) -> list[str]:
    packed, tmp_path, limit, start = arguments
    source = opened(packed, tmp_path, limit, "dataset.shuffle_window=1")
    return [source.read((start + i) % len(source)).key for i in range(len(source))]


def test_processes_that_fight_over_a_cache_for_two_shards(packed: Path, tmp_path: Path) -> None:
    local = ShardSource(packed / "train")
    keys = [local.key(i) for i in range(len(local))]
    starts = [0, 7, 13]
    with ProcessPoolExecutor(3) as pool:
        jobs = [(packed, tmp_path, small_cache(packed, 2.1), start) for start in starts]
        for start, found in zip(starts, pool.map(_read_all, jobs), strict=True):
            assert found == keys[start:] + keys[:start]
    assert not list((tmp_path / "c").rglob("*.tmp"))


def test_parts_count_and_those_of_killed_processes_go(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 1000 / GB)
    (tmp_path / "old.tar").write_bytes(bytes(400))
    cache.reserve(tmp_path / ".a.tar.1.tmp", 500)
    assert (tmp_path / ".a.tar.1.tmp").stat().st_size == 500
    assert (tmp_path / "old.tar").exists()
    cache.reserve(tmp_path / ".b.tar.2.tmp", 200)  # 400 + 500 + 200 are too much
    assert not (tmp_path / "old.tar").exists()
    cache.reserve(tmp_path / ".c.tar.3.tmp", 900)  # nothing is left that may go
    assert (tmp_path / ".a.tar.1.tmp").exists()
    long_ago = time.time() - 7200
    os.utime(tmp_path / ".a.tar.1.tmp", (long_ago, long_ago))
    cache.reserve(tmp_path / ".d.tar.4.tmp", 1)
    assert not (tmp_path / ".a.tar.1.tmp").exists()
    assert (tmp_path / ".c.tar.3.tmp").exists()


@pytest.mark.parametrize(
    ("overrides", "shards", "told"),
    [
        ((), 4.9, r"dataset.cache_gb=.*whole set.*dataset.shuffle_window=8"),
        (("dataset.shuffle_window=4",), 4.9, r"dataset.cache_gb=.*shards of the window and one more"),
    ],
)
def test_a_cache_that_would_fetch_again_and_again_is_refused(
    packed: Path, tmp_path: Path, overrides: tuple[str, ...], shards: float, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        opened(packed, tmp_path, small_cache(packed, shards), *overrides)
    assert opened(packed, tmp_path, small_cache(packed, SHARDS + 0.1), *overrides).order.num_samples == 24
    with pytest.raises(UserError, match="must hold the largest shard"):
        opened(packed, tmp_path, "dataset.cache_gb=1e-6", split="test")


@pytest.mark.parametrize(
    ("override", "told"),
    [("dataset.cache_gb=0", "dataset.cache_gb=0.0"), ("dataset.shuffle_window=0", "dataset.shuffle_window=0")],
)
def test_senseless_values_are_told(override: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        bind(composed("dataset=sceneflow", "dataset.root=x", override))


def test_a_folder_of_files_has_no_shards_to_draw_from(packed: Path) -> None:
    config = bind(composed("dataset=sceneflow", f"dataset.root={packed.parent / 'set'}", "dataset.shuffle_window=2"))
    with pytest.raises(UserError, match=r"dataset.shuffle_window=2: needs shards.*data_tools.pack"):
        open_split(config.dataset, "train")
