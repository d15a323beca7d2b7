"""One shard: read its pairs, check every byte of them, write the tar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stereo_exp.atomic import replacing
from stereo_exp.data.codecs import Codec, Member
from stereo_exp.data.formats.pfm import decode_pfm
from stereo_exp.data.sample import check_disparity, check_sizes
from stereo_exp.data.shard_file import ShardFile
from stereo_exp.data.shard_format import (
    DISPARITY,
    META,
    ShardEntry,
    encode_disparity,
    encode_meta,
)
from stereo_exp.data.sources.pair_list import Pair, PairList
from stereo_exp.errors import DataError

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


def read_members(root: Path, pair_list: PairList, pair: Pair, codec: Codec) -> tuple[Members, Size]:
    """The members of one pair, its images in `codec` and its disparity as float32 `.npy`, and its height and width.

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
    return {codec.left: left, codec.right: right, DISPARITY: encode_disparity(values)}, size


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
                members, size = read_members(root, pair_list, pair, codec)
            except DataError as error:
                if on_error == "raise":
                    raise
                skipped.append(SkippedPair(pair.line, str(error)))
            else:
                file.add(f"{pair.line:08d}", partial(_with_meta, pair, members, size))
            advance()
        num_bytes, sha256 = file.finish()
    return ShardEntry(path.name, len(pairs) - len(skipped), num_bytes, sha256, len(skipped)), skipped
