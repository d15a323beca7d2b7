"""One shard: read its pairs, check every byte of them, write the tar."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from stereo_exp.base import DataError, replacing
from stereo_exp.data.shards.disparity import TRUTHS, Truth
from stereo_exp.data.shards.format import (
    META,
    Codec,
    Member,
    ShardEntry,
    encode_meta,
    find_codec,
)
from stereo_exp.data.sources.sceneflow import Pair, PairList
from stereo_exp.geometry import StereoSample, check_disparity, check_sizes, decode_pfm, encode_png

# The tar of one shard while it is written: each byte copied once, hashed and written beside the decoding.


_BUFFER_BYTES = 1 << 16
# Often enough that the last sync of a shard of a gigabyte has little left to wait for.
_SYNC_BYTES = 8 << 20


class ShardFile:
    """A tar under way, in the USTAR format; nothing in it depends on when, where or by whom it is written.

    A thread of its own completes, hashes and writes one pair while the caller prepares the next one, and waits for the
    disk in between. At most one pair waits for it. Use it as a context; leaving it closes the file, whole or not.

    Args:
        path: of the tar, written anew.

    Raises:
        OSError: by any method, for what the thread could not write; so with every other error in it.
    """

    def __init__(self, path: Path) -> None:
        # Pieces larger than the buffer go to the file as they are; headers and padding gather in it.
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shard")
        self._under_way: Future[None] | None = None
        self._digest, self._size, self._synced = hashlib.sha256(), 0, 0

    def __enter__(self) -> ShardFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self._file.close()

    def add(self, key: str, members: Callable[[], Mapping[str, Member]]) -> None:
        """Append one pair: a member `key.NAME` for each, in the order of their names. The thread calls `members`."""
        self._wait()
        self._under_way = self._thread.submit(self._write_pair, key, members)

    def finish(self) -> tuple[int, str]:
        """End the tar and bring it to the disk; returns its bytes and their SHA-256."""
        self._wait()
        end = 2 * tarfile.BLOCKSIZE
        self._write(bytes(end + -(self._size + end) % tarfile.RECORDSIZE))
        self._sync()
        return self._size, self._digest.hexdigest()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _write_pair(self, key: str, members: Callable[[], Mapping[str, Member]]) -> None:
        for name, member in sorted(members().items()):
            header = tarfile.TarInfo(f"{key}.{name}")
            header.size, header.mode = sum(map(len, member)), 0o444
            for piece in (header.tobuf(tarfile.USTAR_FORMAT), *member, bytes(-header.size % tarfile.BLOCKSIZE)):
                self._write(piece)
        if self._size - self._synced >= _SYNC_BYTES:
            self._sync()

    def _write(self, piece: bytes | memoryview) -> None:
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = self._size


_FIX = "restore the file from its source, or leave the pair out with --on-error skip"

Members = dict[str, Member]
Size = tuple[int, int]


class Stopped(Exception):
    """Another shard's error, or the user, ended the run before this shard was whole."""


@dataclass(frozen=True)
class SkippedPair:
    """A list line that was left out, and why."""

    line: int
    reason: str


def read_members(root: Path, pair_list: PairList, pair: Pair, codec: Codec, truth: Truth) -> tuple[Members, Size]:
    """The members of one pair, its images in `codec` and its disparity as `truth` has it, and its height and width.

    Every image is decoded (a PNG that is kept: inflated) and the disparity parsed, for nothing may enter a shard that
    cannot be read back.

    Raises:
        DataError: a file is missing or damaged, is no PNG where that is kept, or does not fit the left image; it
            names the list line.
    """
    try:
        data = {name: _read(root / name) for name in (pair.left, pair.right, pair.disparity)}
        left, size = codec.store(data[pair.left], root / pair.left)
        right, right_size = codec.store(data[pair.right], root / pair.right)
        check_sizes(size, right_size, root / pair.right)
        values = decode_pfm(data[pair.disparity], root / pair.disparity)
        check_disparity(values, size, root / pair.disparity)
    except DataError as error:
        raise pair_list.error(pair, error, _FIX) from None
    return {codec.left: left, codec.right: right, truth.member: truth.encode(values)}, size


def _with_meta(pair: Pair, members: Members, size: Size) -> Members:
    return members | {META: encode_meta(pair, size, members)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", _FIX) from None


def write_shard(
    path: Path,
    root: Path,
    pair_list: PairList,
    pairs: Sequence[Pair],
    *,
    codec: Codec,
    truth: Truth,
    on_error: str,
    advance: Callable[[], None],
    stopped: Callable[[], bool],
) -> tuple[ShardEntry, list[SkippedPair]]:
    """Write one shard, atomically; the same pairs always give the same bytes.

    Args:
        path: of the tar.
        root: the folder that the pairs' paths are relative to.
        pair_list: where the pairs come from, for error messages.
        pairs: what the shard is to hold, in order.
        codec: of the images.
        truth: of the disparity.
        on_error: `raise` passes a pair's `DataError` on, `skip` leaves the pair out.
        advance: called after every pair.
        stopped: asked before every pair; true raises `Stopped` and leaves no file behind.
    """
    skipped: list[SkippedPair] = []
    with replacing(path) as temporary, ShardFile(temporary) as file:
        for pair in pairs:
            if stopped():
                raise Stopped
            try:
                members, size = read_members(root, pair_list, pair, codec, truth)
            except DataError as error:
                if on_error == "raise":
                    raise
                skipped.append(SkippedPair(pair.line, str(error)))
            else:
                file.add(f"{pair.line:08d}", partial(_with_meta, pair, members, size))
            advance()
        num_bytes, sha256 = file.finish()
    return ShardEntry(path.name, len(pairs) - len(skipped), num_bytes, sha256, len(skipped)), skipped


def write_samples(path: Path, samples: Iterable[StereoSample], codec: str = "png") -> int:
    """Write one shard of pairs that are in memory, atomically, the truth deflated; returns its bytes.

    A pair is encoded while the next one is made. It is named by its number in the shard, its own key is not kept.

    Args:
        path: of the tar.
        samples: the pairs, with truth.
        codec: of the images, by name.
    """
    chosen = find_codec(codec)
    with replacing(path) as temporary, ShardFile(temporary) as file:
        for number, sample in enumerate(samples):
            file.add(f"{number:08d}", partial(_sample_members, number, sample, chosen))
        return file.finish()[0]


def _sample_members(number: int, sample: StereoSample, codec: Codec) -> Members:
    """Of a pair with truth."""
    assert sample.disparity is not None, "shards hold pairs with truth"
    name, truth = f"{number:08d}", TRUTHS["deflated"]
    members: Members = {
        codec.left: _encode(sample.left, codec),
        codec.right: _encode(sample.right, codec),
        truth.member: truth.encode(sample.disparity),
    }
    return members | {META: encode_meta(Pair(number, name, name, name), sample.size, members)}


def _encode(view: np.ndarray, codec: Codec) -> Member:
    if codec.encode is not None:
        return codec.encode(view)
    # Compression 1: within a few per cent of the default's size on such pictures, at half its time.
    return (encode_png(view, compression=1),)
