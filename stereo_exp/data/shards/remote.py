"""Shards that lie elsewhere: fetched when first read, kept in a local cache, checked against their index.

A remote place is written as webdataset writes it: `https://host/shards` (a folder with `<split>/index.json` below it),
`gs://…`, or `pipe:COMMAND` with `{}` where the file's path below the folder goes, for instance
`pipe:aws s3 cp s3://bucket/shards/{} -`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from stereo_exp.base import ArgumentError, DataError, replacing
from stereo_exp.data.shards.format import INDEX_NAME
from stereo_exp.data.shards.transport import TransferError, transfer

# A folder of fetched shards with a limit on its bytes: the least recently used go first.
#
# Processes share the folder, with a lock around every decision about room. Deleting a shard that another process reads
# is harmless: on POSIX systems an open file stays whole until it is closed.


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

    def mark_used(self, name: str, descriptor: int) -> None:
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


_LARGEST_INDEX = 1 << 26  # bytes
_HASH_CHARS = 12
_ATTEMPTS = 5


def is_remote(root: str) -> bool:
    """Whether a data root is a URL or a pipe rather than a folder."""
    return root.startswith("pipe:") or "://" in root


class RemoteFolder:
    """One split's folder of shards at a remote place, with a cache that several processes may share.

    Args:
        root: URL of the folder above the splits, or `pipe:` command with `{}`.
        split: the folder's name.
        cache: where what is fetched is kept.
    """

    def __init__(self, root: str, split: str, cache: ShardCache) -> None:
        if root.startswith("pipe:") and "{}" not in root:
            raise ArgumentError("root", root, "a pipe needs {} where the file's path goes", "e.g. pipe:cat /data/{}")
        self.root, self.split, self.cache = root, split, cache
        # Places of the same name must not meet in one cache.
        digest = hashlib.sha256(root.encode()).hexdigest()[:_HASH_CHARS]
        self.folder = cache.folder / digest / split

    def url(self, name: str) -> str:
        """The URL of one file."""
        path = f"{self.split}/{name}"
        if self.root.startswith("pipe:"):
            return self.root.replace("{}", path)
        # A signed address carries its signature behind the path.
        place, mark, query = self.root.partition("?")
        return f"{place.rstrip('/')}/{path}{mark}{query}"

    def fetch_index(self) -> Path:
        """Fetch `index.json` anew, so that a set that was packed again is noticed; returns its local path."""
        return self._download(INDEX_NAME, None, None)

    def open(self, name: str, num_bytes: int, sha256: str) -> int:
        """A descriptor of one shard, fetched now unless it is in the cache at its full size.

        Raises:
            DataError: it cannot be fetched, or is not what the index says.
        """
        for _ in range(_ATTEMPTS):
            try:
                descriptor = os.open(self._fetch(name, num_bytes, sha256), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            except FileNotFoundError:
                continue  # another process needed the room just now
            self.mark_used(name, descriptor)
            return descriptor
        rule = f"was dropped from the cache {_ATTEMPTS} times before it could be read"
        raise DataError(self.url(name), None, rule, "make the cache larger, or use fewer workers")

    def mark_used(self, name: str, descriptor: int) -> None:
        """Note that an open shard is being read."""
        self.cache.mark_used(name, descriptor)

    def _fetch(self, name: str, num_bytes: int, sha256: str) -> Path:
        path = self.folder / name
        if _size(path) == num_bytes:
            return path
        self.folder.mkdir(parents=True, exist_ok=True)
        # Workers and ranks that want the same shard wait for the first of them.
        with FileLock(self.folder / f".{name}.lock"):
            return path if _size(path) == num_bytes else self._download(name, num_bytes, sha256)

    def _download(self, name: str, num_bytes: int | None, sha256: str | None) -> Path:
        path, url = self.folder / name, self.url(name)
        found, digest = 0, hashlib.sha256()
        fix = "check the address, and that the folder was made by data_tools.pack"

        def take(pieces: Iterator[bytes]) -> None:
            nonlocal found, digest
            found, digest = 0, hashlib.sha256()
            with temporary.open("r+b") as target:
                for piece in pieces:
                    digest.update(piece)
                    found += target.write(piece)
                target.truncate(max(found, num_bytes or 0))

        try:
            with replacing(path) as temporary:
                self.cache.reserve(temporary, num_bytes or 0)
                transfer(url, num_bytes or _LARGEST_INDEX, take)
                if found == 0 or (num_bytes is not None and found != num_bytes):
                    raise DataError(url, f"{found} bytes", f"the index says {num_bytes or 'more than none'}", fix)
                if sha256 is not None and digest.hexdigest() != sha256:
                    raise DataError(url, f"sha256 {digest.hexdigest()}", f"the index says {sha256}", fix)
        except (OSError, TransferError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise DataError(url, None, f"cannot be fetched into {self.folder} ({why})", fix) from None
        log.info("fetched %s (%.1f MB)", url, path.stat().st_size / 1e6)
        return path


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
