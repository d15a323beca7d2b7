"""Shards over HTTP on loopback and through a pipe: fetched once, checked, shared by workers; damage is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from composing import composed

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.config import bind
from stereo_exp.data.loader import eval_loader
from stereo_exp.data.shards import transport
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.shards.remote import is_remote
from stereo_exp.data.source import StereoSource
from stereo_exp.shapes.writer import render_dataset
from stereo_exp.suite.datasets import open_split


class Counting(SimpleHTTPRequestHandler):
    """Serves a folder and counts what is asked for."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("remote")
    render_dataset(base / "set", train=1, test=5, height=64, width=96, workers=1)
    pack(base / "set", base / "shards", "test", num_workers=1, samples_per_shard=2)
    return base / "shards"


@pytest.fixture
def address(packed: Path) -> Iterator[str]:
    Counting.asked = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=str(packed)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def opened(root: str, cache: Path) -> StereoSource:
    overrides = ["dataset=sceneflow", f'dataset.root="{root}"', f"dataset.cache={cache}"]
    return open_split(bind(composed(*overrides)).dataset, "test")


@pytest.mark.parametrize("workers", [0, 2])
def test_over_http_every_shard_is_fetched_once(packed: Path, address: str, tmp_path: Path, workers: int) -> None:
    local = ShardSource(packed / "test")
    for _ in range(2):
        remote = opened(address, tmp_path)
        batches = list(eval_loader(remote, batch_size=1, workers=workers))
        assert [b.keys[0] for b in batches] == [local.key(i) for i in range(5)]
        np.testing.assert_array_equal(batches[3].disparity[0, :64, :96], local.read(3).disparity)
    assert {path: n for path, n in Counting.asked.items() if path.endswith(".tar")} == {
        f"/test/shard-{i:06d}.tar": 1 for i in range(3)
    }


def test_only_what_is_read_is_fetched(address: str, tmp_path: Path) -> None:
    opened(address, tmp_path).read(4)
    assert [path for path in Counting.asked if path.endswith(".tar")] == ["/test/shard-000002.tar"]


def test_through_a_pipe(packed: Path, tmp_path: Path) -> None:
    remote = opened(f"pipe:cat {packed}/{{}}", tmp_path)
    assert remote.read(0).key == ShardSource(packed / "test").key(0)


def test_a_shard_that_is_not_what_the_index_says(packed: Path, address: str, tmp_path: Path) -> None:
    shard = packed / "test" / "shard-000001.tar"
    whole = shard.read_bytes()
    try:
        shard.write_bytes(whole[:-512])
        with pytest.raises(DataError, match=r"shard-000001.tar=\d+ bytes: the index says"):
            opened(address, tmp_path).read(2)
        shard.write_bytes(whole[:1000] + b"!" + whole[1001:])
        with pytest.raises(DataError, match=r"shard-000001.tar=sha256 .*the index says"):
            opened(address, tmp_path).read(2)
    finally:
        shard.write_bytes(whole)
    assert not list(tmp_path.rglob("shard-000001.tar")), "nothing damaged stays in the cache"
    assert opened(address, tmp_path).read(2).key


@pytest.mark.parametrize("root", ["http://127.0.0.1:9/none", "pipe:false {}", "pipe:echo -n {} > /dev/null"])
def test_nothing_there(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_PAUSES", (0.01,) * 4)
    said = r"index.*(ended with exit code \d|the index says more than none|Connection refused \(5 attempts\))"
    with pytest.raises(DataError, match=said):
        opened(root, tmp_path)


def test_a_pipe_without_a_place_for_the_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset.root=pipe:cat: .*needs \{\}"):
        opened("pipe:cat", tmp_path)


def test_what_is_remote() -> None:
    assert is_remote("https://host/x")
    assert is_remote("s3://bucket/x")
    assert not is_remote("/data/shards")
    assert not is_remote("shards")


def test_a_remote_root_needs_a_cache() -> None:
    config = bind(composed("dataset=sceneflow", "dataset.root=http://127.0.0.1:9/none", "dataset.cache=null"))
    with pytest.raises(UserError, match=r"dataset.cache=null: .*add dataset.cache=DIR"):
        open_split(config.dataset, "test")
