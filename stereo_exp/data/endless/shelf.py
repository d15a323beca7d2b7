"""The folder of an endless set: whole shards, who reads which of them, and the one process that makes them.

    shard-00000012.tar            whole; while it is written it has a name of its own
    maker.json                    what it is made by
    renderer.lock                 locked by the process that renders, with its pid in it
    readers/NAME/lock             locked by a process that trains, and by the workers that it forked
    readers/NAME/keep-1-3-18-20   it is at shards 3 to 18, will need 19 and 20 next, and may look back to 1
    readers/NAME/want-12          it waits for this one

Everything is a name in a folder, so that nothing can be half there, and locks are the kernel's, so that they go with
their process, however that ends. What one reader needs no other's renderer deletes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from stereo_exp.base import UserError, open_anew, write_text

_SHARD, _SUFFIX = "shard-", ".tar"
# So long a renderer may take from its start until it has its lock.
_START_SECONDS = 5.0
MAKER = "maker.json"
LOG = "renderer.log"


@dataclass(frozen=True)
class Needs:
    """What one reader has said.

    Attributes:
        behind: from here on it may look back.
        live: shards that are being drawn.
        ahead: those and the ones that come next.
        wants: shards that it waits for.
        is_silent: it has said nothing yet.
    """

    behind: int = 0
    live: range = range(0)
    ahead: range = range(0)
    wants: frozenset[int] = frozenset()

    @property
    def is_silent(self) -> bool:
        return not self.live

    def include(self, shard: int) -> bool:
        """Whether a shard is to stay while there is room."""
        return shard in self.wants or self.behind <= shard < self.ahead.stop

    def press(self, shard: int) -> bool:
        """Whether a shard is needed now."""
        return shard in self.wants or shard in self.live


class Reader:
    """One process's place among the readers; its forked workers share it, and so may pickled copies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, behind: int, live: range, ahead: int) -> None:
        """Say which shards are being drawn, that those from `behind` on may be looked back to, and that `ahead` more
        come next. What is said of the furthest counts."""
        name = f"keep-{behind}-{live.start}-{live.stop - 1}-{live.stop - 1 + ahead}"
        with suppress(FileNotFoundError):  # the run is over
            (self._folder / name).touch()

    def want(self, shard: int) -> None:
        """Say that a shard is waited for."""
        with suppress(FileNotFoundError):
            (self._folder / f"want-{shard}").touch()

    def forget(self, shard: int) -> None:
        """It is here now."""
        (self._folder / f"want-{shard}").unlink(missing_ok=True)

    def leave(self) -> None:
        """Need nothing any more."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Shelf:
    """One endless set's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._readers = self.folder / "readers"
        self._error, self._starting = self.folder / "error.txt", self.folder / "starting"

    def path(self, shard: int) -> Path:
        """Where a shard lies once it is whole."""
        return self.folder / f"{_SHARD}{shard:08d}{_SUFFIX}"

    def shards(self) -> dict[int, int]:
        """The whole ones with their bytes, in order."""
        found = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                number = entry.name[len(_SHARD) : -len(_SUFFIX)]
                if entry.name.startswith(_SHARD) and entry.name.endswith(_SUFFIX) and number.isdecimal():
                    with suppress(FileNotFoundError):
                        found[int(number)] = entry.stat().st_size
        return dict(sorted(found.items()))

    def drop(self, shard: int) -> None:
        """Delete one; who has it open reads on."""
        self.path(shard).unlink(missing_ok=True)

    def clean(self) -> None:
        """Delete what a renderer that was killed has left half written. Only the one that renders may."""
        for part in self.folder.glob(".*.tmp"):
            part.unlink(missing_ok=True)

    # Readers.

    def join(self) -> tuple[Reader, int]:
        """Become a reader, until the descriptor is closed here and in every process that was forked since."""
        self._readers.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{uuid4().hex[:8]}"
        hidden = self._readers / f".{name}"  # without its lock it would look as if its process had ended
        hidden.mkdir()
        descriptor = _lock(hidden / "lock")
        assert descriptor is not None  # nobody else knows of it
        hidden.rename(self._readers / name)
        return Reader(self._readers / name), descriptor

    def readers(self) -> list[Needs]:
        """What all who live have said; the folders of the others are deleted."""
        found = []
        folders = list(self._readers.iterdir()) if self._readers.is_dir() else []
        for folder in (folder for folder in folders if not folder.name.startswith(".")):
            try:
                descriptor = _lock(folder / "lock", create=False)
                if descriptor is None:
                    found.append(_needs(entry.name for entry in folder.iterdir()))
                    continue
            except FileNotFoundError:
                continue  # it leaves just now
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
        return found

    # The renderer.

    def lock_rendering(self, patience: float) -> int | None:
        """Become the one that renders, until the descriptor is closed; None where another stays it.

        Args:
            patience: seconds in which the lock must come free: who only looks holds it for a moment.
        """
        deadline = time.monotonic() + patience
        while (descriptor := _lock(self.folder / "renderer.lock")) is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._starting.unlink(missing_ok=True)
        return descriptor

    def is_rendering(self) -> bool:
        """Whether a process renders, or has been started to a moment ago."""
        with suppress(FileNotFoundError):
            if abs(time.time() - self._starting.stat().st_mtime) < _START_SECONDS:
                return True
        descriptor = _lock(self.folder / "renderer.lock")
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def announce_start(self) -> None:
        """Say that a renderer is being started."""
        os.close(open_anew(self._starting))

    def renderer_pid(self) -> int | None:
        """Of the process that rendered last."""
        try:
            return int((self.folder / "renderer.lock").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def fail(self, why: str) -> None:
        """Say in one line why nothing more comes."""
        write_text(self._error, why)

    def failure(self) -> str | None:
        """What `fail` said."""
        try:
            return self._error.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def forgive(self) -> None:
        """Try again."""
        self._error.unlink(missing_ok=True)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """One process at a time in the block, the others wait."""
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    """A descriptor of a file of ours, never of what a link leads to."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UserError(path, None, "is a link, which none of ours is", "delete it") from None


def _lock(path: Path, create: bool = True) -> int | None:
    """A descriptor that locks a file until it is closed; None where another process does."""
    descriptor = _open(path, os.O_RDWR | (os.O_CREAT if create else 0))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _needs(names: Iterable[str]) -> Needs:
    """Of the names in a reader's folder."""
    wants, kept = set(), []
    for name in names:
        kind, *numbers = name.split("-")
        if kind == "want":
            wants.add(int(numbers[0]))
        elif kind == "keep":
            kept.append([int(number) for number in numbers])
    if not kept:
        return Needs(wants=frozenset(wants))
    behind, first, live, last = max(kept)
    return Needs(behind, range(first, live + 1), range(first, last + 1), frozenset(wants))
