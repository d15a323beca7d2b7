"""Shards that lie elsewhere: fetched when first read, kept in a local cache, checked against their index.

A remote place is written as webdataset writes it: `https://host/shards` (a folder with `<split>/index.json` below it),
`gs://…`, or `pipe:COMMAND` with `{}` where the file's path below the folder goes, for instance
`pipe:aws s3 cp s3://bucket/shards/{} -`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path

from filelock import FileLock

from stereo_exp.atomic import replacing
from stereo_exp.data.cache import ShardCache
from stereo_exp.data.shard_format import INDEX_NAME
from stereo_exp.errors import DataError, UserError

log = logging.getLogger(__name__)
_CHUNK = 1 << 20
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
            raise UserError(
                "dataset.root", root, "a pipe needs {} where the file's path goes", "e.g. pipe:cat /data/{}"
            )
        self.root, self.split, self.cache = root, split, cache
        # Places of the same name must not meet in one cache.
        digest = hashlib.sha256(root.encode()).hexdigest()[:_HASH_CHARS]
        self.folder = cache.folder / digest / split

    def url(self, name: str) -> str:
        """The URL of one file."""
        path = f"{self.split}/{name}"
        return self.root.replace("{}", path) if self.root.startswith("pipe:") else f"{self.root.rstrip('/')}/{path}"

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
            self.used(name, descriptor)
            return descriptor
        rule = f"was dropped from the cache {_ATTEMPTS} times before it could be read"
        raise DataError(self.url(name), None, rule, "raise dataset.cache_gb, or use fewer loader.workers")

    def used(self, name: str, descriptor: int) -> None:
        """Note that an open shard is being read."""
        self.cache.used(name, descriptor)

    def _fetch(self, name: str, num_bytes: int, sha256: str) -> Path:
        path = self.folder / name
        if _size(path) == num_bytes:
            return path
        self.folder.mkdir(parents=True, exist_ok=True)
        # Workers and ranks that want the same shard wait for the first of them.
        with FileLock(self.folder / f".{name}.lock"):
            return path if _size(path) == num_bytes else self._download(name, num_bytes, sha256)

    def _download(self, name: str, num_bytes: int | None, sha256: str | None) -> Path:
        from webdataset import gopen  # brings torch

        path, url = self.folder / name, self.url(name)
        digest = hashlib.sha256()
        fix = "check the address, and that the folder was made by data_tools.pack"
        try:
            with replacing(path) as temporary:
                self.cache.reserve(temporary, num_bytes or 0)
                found = 0
                with gopen(url, "rb") as source, temporary.open("r+b") as target:
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                        found += target.write(chunk)
                if found == 0 or (num_bytes is not None and found != num_bytes):
                    raise DataError(url, f"{found} bytes", f"the index says {num_bytes or 'more than none'}", fix)
                if sha256 is not None and digest.hexdigest() != sha256:
                    raise DataError(url, f"sha256 {digest.hexdigest()}", f"the index says {sha256}", fix)
        except (OSError, ValueError) as error:
            if isinstance(error, UserError):
                raise
            # webdataset says of a command that failed no more than its arguments and "exit N".
            exit_code = re.search(r"\bexit (\d+)", str(error))
            why = f"the command ended with exit code {exit_code[1]}" if exit_code else str(error)
            raise DataError(url, None, f"cannot be fetched into {self.folder} ({why})", fix) from None
        log.info("fetched %s (%.1f MB)", url, path.stat().st_size / 1e6)
        return path


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
