"""The tar of one shard while it is written: each byte copied once, hashed and written beside the decoding."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from stereo_exp.data.codecs import Member

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
