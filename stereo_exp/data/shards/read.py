"""Packed data sets: WebDataset tar shards with random access."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from stereo_exp.base import DataError
from stereo_exp.data.order import ShardShuffle, Shuffle
from stereo_exp.data.shards.disparity import DEFLATED, TRUTHS, find_truth
from stereo_exp.data.shards.format import (
    META,
    ShardEntry,
    ShardIndex,
    decode_meta,
    find_codec,
)
from stereo_exp.data.shards.remote import RemoteFolder, is_deleted
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.sceneflow import pair_key
from stereo_exp.geometry import StereoSample, check_disparity, check_views, zero_unknown

# Where the members of a tar lie, from its 512-byte headers alone.


_BLOCK = tarfile.BLOCKSIZE
_LARGEST_MEMBER, _MOST_MEMBERS = 1 << 30, 1_000_000
FIX = "restore the shard from its source, or pack it again"


def scan_tar(descriptor: int, size: int, source: object) -> dict[str, tuple[int, int]]:
    """List a tar's members without reading their contents.

    Args:
        descriptor: an open file; read by position, so its file offset is neither used nor moved.
        size: the file's size in bytes.
        source: what to call it in errors.

    Returns:
        Member name -> (offset of its first byte, number of bytes), in the order of the file.

    Raises:
        DataError: a header is damaged, a member is no plain file or larger than any of ours, or the file ends inside a
            member.
    """
    members: dict[str, tuple[int, int]] = {}
    offset = 0
    while True:
        try:
            header = tarfile.TarInfo.frombuf(os.pread(descriptor, _BLOCK, offset), "utf-8", "strict")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return members
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise DataError(source, f"byte {offset}", "the tar is cut short or damaged there", FIX) from None
        start = offset + _BLOCK
        if header.size > _LARGEST_MEMBER or len(members) >= _MOST_MEMBERS:
            rule = f"a shard has at most {_MOST_MEMBERS} members of {_LARGEST_MEMBER >> 20} MB"
            raise DataError(source, header.name, rule, FIX)
        if not header.isreg() or header.size < 0 or start + header.size > size:
            raise DataError(source, header.name, "must be a plain file that lies wholly in the tar", FIX)
        members[header.name] = (start, header.size)
        offset = start + -(-header.size // _BLOCK) * _BLOCK


_HASH_CHUNK = 1 << 20


@dataclass(frozen=True)
class OpenShard:
    """An open shard: for each pair its key and its members' (offset, bytes), in the source's order."""

    descriptor: int
    keys: tuple[str, ...]
    places: tuple[tuple[tuple[int, int], ...], ...]

    def members(self, position: int, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Of one pair by name."""
        return dict(zip(names, self.places[position], strict=True))


def read_pair(descriptor: int, members: Mapping[str, tuple[int, int]], source: str, codec_name: str) -> StereoSample:
    """One pair of an open shard.

    Args:
        descriptor: of the shard's file.
        members: (offset, bytes) of each of the pair's members.
        source: what to call the pair in errors.
        codec_name: of its images.

    Raises:
        DataError: it is cut short or damaged.
    """
    names = {member: f"{source}.{member}" for member in members}
    data = {}
    for member, (offset, size) in members.items():
        data[member] = os.pread(descriptor, size, offset)
        if len(data[member]) != size:
            raise DataError(names[member], f"{len(data[member])} bytes", f"the tar announces {size}", FIX)
    meta = decode_meta(data[META], names[META])
    for member in data:
        if member != META and zlib.crc32(data[member]) != meta["crc32"].get(member):
            raise DataError(names[member], None, "its bytes are not those that were packed", FIX)
    codec = find_codec(codec_name)
    left = codec.decode(data[codec.left], names[codec.left])
    right = codec.decode(data[codec.right], names[codec.right])
    check_views(left, right, names[codec.right])
    truth = TRUTHS["deflated" if DEFLATED in data else "npy"]
    disparity = truth.decode(data[truth.member], names[truth.member])
    check_disparity(disparity, left.shape[:2], names[truth.member])
    return StereoSample(pair_key(meta["left"]), left, right, zero_unknown(disparity))


class ShardSource(StereoSource):
    """Pairs of a folder of shards, as `python -m data_tools.pack` writes them.

    A shard is opened, and its headers scanned, when a pair of it is first read; what was opened stays open
    until `max_open` others have been used since. Reads are by position, so a copy of the source that a forked
    worker inherits shares no file offset with its parent; a pickled copy opens its own files.

    Args:
        folder: holds `index.json` and the shards.
        max_open: shards held open at once, in each process.
        remote: where shards come from that are not in `folder` yet.
        window: how many shards' pairs an epoch mixes at a time, see `ShardShuffle`; None shuffles all pairs.

    Raises:
        DataError: no readable index.
    """

    def __init__(
        self, folder: Path, *, max_open: int = 256, remote: RemoteFolder | None = None, window: int | None = None
    ) -> None:
        self.folder, self.remote, self.window = Path(folder), remote, window
        self.index = ShardIndex.read(self.folder)
        codec = find_codec(self.index.codec)
        self._members = (codec.left, codec.right, find_truth(self.index.truth).member, META)
        self.max_open = max(1, max_open)
        self._ends = list(accumulate(shard.samples for shard in self.index.shards))
        self._open: OrderedDict[int, OpenShard] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def order(self) -> Shuffle | ShardShuffle:
        """A full shuffle, or with a window, shard after shard."""
        if self.window is None:
            return Shuffle(len(self))
        return ShardShuffle(tuple(shard.samples for shard in self.index.shards), self.window)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": OrderedDict()}

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close every shard; the next read opens what it needs."""
        for shard in self.__dict__.pop("_open", {}).values():
            os.close(shard.descriptor)
        self._open = OrderedDict()

    def key(self, index: int) -> str:
        """The pair's key: the left image's path without its suffix, as `FolderSource` has it."""
        number, position = self._locate(index)
        shard = self._opened(number)
        name = f"{self._path(number)}:{shard.keys[position]}.{META}"
        offset, size = shard.places[position][self._members.index(META)]
        return pair_key(decode_meta(os.pread(shard.descriptor, size, offset), name)["left"])

    def place(self, index: int) -> str:
        """The shard's name and the pair's in it."""
        number, position = self._locate(index)
        return f"{self.index.shards[number].name}:{self._opened(number).keys[position]}"

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: the shard is missing, cut short, or damaged at this pair."""
        number, position = self._locate(index)
        shard, path = self._opened(number), self._path(number)
        key = shard.keys[position]
        return read_pair(shard.descriptor, shard.members(position, self._members), f"{path}:{key}", self.index.codec)

    def verify(self) -> None:
        """Read every byte of every shard and compare SHA-256 with the index; `DataError` at the first that
        differs.

        Takes as long as the disk needs for the whole set; reading a pair checks only that pair.
        """
        for number, entry in enumerate(self.index.shards):
            digest, path = hashlib.sha256(), self._path(number)
            try:
                with path.open("rb") as stream:
                    while chunk := stream.read(_HASH_CHUNK):
                        digest.update(chunk)
            except OSError as error:
                raise DataError(path, None, f"cannot be read ({error.strerror})", FIX) from None
            if digest.hexdigest() != entry.sha256:
                raise DataError(path, f"sha256 {digest.hexdigest()}", f"the index says {entry.sha256}", FIX)

    def _path(self, shard: int) -> Path:
        return self.folder / self.index.shards[shard].name

    def _locate(self, index: int) -> tuple[int, int]:
        index = range(len(self))[index]
        shard = bisect_right(self._ends, index)
        return shard, index - (self._ends[shard] - self.index.shards[shard].samples)

    def _opened(self, number: int) -> OpenShard:
        shard = self._open.get(number)
        if shard is None:
            descriptor = self._descriptor(number)
            self._close_old()  # after fetching, which may have dropped shards that are open here
            shard = _scan(descriptor, self._path(number), self.index.shards[number], self._members)
            self._open[number] = shard
        elif self.remote is not None:
            self.remote.mark_used(self.index.shards[number].name, shard.descriptor)
        self._open.move_to_end(number)
        return shard

    def _descriptor(self, number: int) -> int:
        path, entry = self._path(number), self.index.shards[number]
        if self.remote is not None:
            return self.remote.open(entry.name, entry.bytes, entry.sha256)
        try:
            return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise DataError(path, None, f"cannot be read ({error.strerror})", FIX) from None

    def _close_old(self) -> None:
        """Close what was dropped from the cache, then the least recently used, to make room for one more."""
        if self.remote is not None:
            for number in [n for n, shard in self._open.items() if is_deleted(shard.descriptor)]:
                os.close(self._open.pop(number).descriptor)
        while len(self._open) >= self.max_open:
            os.close(self._open.popitem(last=False)[1].descriptor)


def _scan(descriptor: int, path: Path, entry: ShardEntry, wanted: Sequence[str]) -> OpenShard:
    """An open shard's pairs; closes it where they are not what the index says."""
    try:
        size = os.fstat(descriptor).st_size
        if size != entry.bytes:
            raise DataError(path, f"{size} bytes", f"the index says {entry.bytes} (cut short?)", FIX)
        shard = open_shard(descriptor, size, path, wanted)
        if len(shard.keys) != entry.samples:
            raise DataError(path, f"{len(shard.keys)} pairs", f"the index says {entry.samples}", FIX)
    except BaseException:
        os.close(descriptor)
        raise
    return shard


def open_shard(descriptor: int, size: int, path: Path, wanted: Sequence[str]) -> OpenShard:
    """The pairs of an open file.

    Args:
        size: of the file in bytes.
        path: what to call it in errors.
        wanted: the members of each pair.

    Raises:
        DataError: it is damaged, or a member is missing.
    """
    members = scan_tar(descriptor, size, path)
    keys = tuple(name.removesuffix(f".{META}") for name in members if name.endswith(f".{META}"))
    try:
        places = tuple(tuple(members[f"{key}.{member}"] for member in wanted) for key in keys)
    except KeyError as error:
        raise DataError(path, error.args[0], "this member is missing", FIX) from None
    return OpenShard(descriptor, keys, places)
