"""A folder of fetched shards with a limit on its bytes: the least recently used go first.

Processes share the folder, with a lock around every decision about room. Deleting a shard that another process reads is
harmless: on POSIX systems an open file stays whole until it is closed.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

log = logging.getLogger(__name__)
GB = 10**9
# A part of a file that nobody has written to for so long was left by a process that was killed.
_STALE_SECONDS = 3600.0
# How old the record of a shard's last use may become while it is being read.
_TOUCH_SECONDS = 30.0


class ShardCache:
    """The shards below one folder, `*.tar` at any depth, whatever set they belong to.

    Args:
        folder: on a local disk.
        limit_gb: what all shards together may take, in GB (10⁹ bytes); None: everything stays. More is taken only by
            shards that several processes fetch at once, when there is nothing else left to delete, and for a while by
            deleted shards that a process still has open.
    """

    def __init__(self, folder: Path, limit_gb: float | None = None) -> None:
        self.folder, self.limit_gb = Path(folder), limit_gb
        self._touched: dict[str, float] = {}

    def reserve(self, part: Path, num_bytes: int) -> None:
        """Make room, and create `part`, the file that something is fetched into, at its full size."""
        part.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".room.lock"):
            if self.limit_gb is not None:
                self._shrink_to(int(self.limit_gb * GB) - num_bytes)
            # From here on other processes count it, before its first byte has come.
            with part.open("wb") as stream:
                stream.truncate(num_bytes)

    def used(self, name: str, descriptor: int) -> None:
        """Note that an open shard is being read, unless that was noted lately: cheap enough for every pair."""
        now = time.monotonic()
        if now - self._touched.get(name, -_TOUCH_SECONDS) >= _TOUCH_SECONDS:
            self._touched[name] = now
            with suppress(OSError):  # a cache that others have filled may be readable only
                os.utime(descriptor)

    def _shrink_to(self, limit: int) -> None:
        parts, shards = self._found(".*.tar.*.tmp"), self._found("*.tar")
        stale = time.time() - _STALE_SECONDS
        total = sum(found.st_size for found in (*parts.values(), *shards.values()))
        victims = [path for path, found in parts.items() if found.st_mtime < stale]
        victims += sorted(shards, key=lambda path: shards[path].st_mtime_ns)
        for path in victims:
            if total <= limit:
                return
            size = (parts | shards)[path].st_size
            path.unlink(missing_ok=True)
            total -= size
            log.info("dropped %s (%.1f MB) from the cache", path, size / 1e6)

    def _found(self, pattern: str) -> dict[Path, os.stat_result]:
        found = {}
        for path in self.folder.rglob(pattern):
            with suppress(FileNotFoundError):  # renamed or given up by another process just now
                found[path] = path.stat()
        return found


def is_deleted(descriptor: int) -> bool:
    """Whether an open file has no name any more, so that it takes room until it is closed."""
    return os.fstat(descriptor).st_nlink == 0
