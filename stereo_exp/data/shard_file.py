"""The tar of one shard while it is written: each byte copied once, hashed and written beside the decoding."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from stereo_exp.data.codecs import Member

_BUFFER_BYTES = 1 << 16
# Often enough that the last sync of a shard of a gigabyte has little left to wait for.
_SYNC_BYTES = 4 << 20


class ShardFile:
    """A tar under way, in the USTAR format; nothing in it depends on when, where or by whom it is written.

    A thread of its own writes and hashes one pair while the caller prepares the next one, and waits for the disk in
    between. At most one pair waits for it. Use it as a context; leaving it closes the file, whole or not.

    Args:
        path: of the tar, written anew.

    Raises:
        OSError: by any method, for what the thread could not write.
    """

    def __init__(self, path: Path) -> None:
        # Pieces larger than the buffer go to the file as they are; headers and padding gather in it.
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shard")
        self._under_way: Future[None] | None = None
        self._digest, self._size, self._unsynced = hashlib.sha256(), 0, 0

    def __enter__(self) -> ShardFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self._file.close()

    def add(self, key: str, members: Mapping[str, Member]) -> None:
        """Append one pair: a member `key.NAME` for each, in the order of their names."""
        pieces: list[bytes | memoryview] = []
        for name in sorted(members):
            header = tarfile.TarInfo(f"{key}.{name}")
            header.size, header.mode = sum(map(len, members[name])), 0o444
            pieces += (header.tobuf(tarfile.USTAR_FORMAT), *members[name], bytes(-header.size % tarfile.BLOCKSIZE))
        self._hand_over(tuple(pieces))

    def finish(self) -> tuple[int, str]:
        """End the tar and bring it to the disk; returns its bytes and their SHA-256."""
        end = 2 * tarfile.BLOCKSIZE
        self._hand_over((bytes(end + -(self._size + end) % tarfile.RECORDSIZE),))
        self._wait()
        self._sync()
        return self._size, self._digest.hexdigest()

    def _hand_over(self, pieces: Member) -> None:
        self._wait()
        self._size += sum(map(len, pieces))
        self._under_way = self._thread.submit(self._write, pieces)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _write(self, pieces: Member) -> None:
        for piece in pieces:
            self._file.write(piece)
            self._digest.update(piece)
            self._unsynced += len(piece)
        if self._unsynced >= _SYNC_BYTES:
            self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unsynced = 0
