"""Files that are either whole or absent, after a crash of the machine too where that is asked for."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create_beside(path: Path, suffix: str = ".tmp") -> Path:
    """An empty file beside `path`, of a name that nobody can guess; made, not opened: a link that lies there already is
    never followed."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}{suffix}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def open_anew(path: Path) -> int:
    """A descriptor to write a file of this very name with; whatever had the name, a link too, loses it."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when not.

    Args:
        durable: the bytes are on the disk before the name is, and the name before the block is left: a power cut
            leaves the old file or the new one. It takes as long as the disk does.
    """
    path = Path(path)
    is_new = not path.parent.is_dir()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = create_beside(path)
    try:
        yield temporary
        if durable:
            _sync(temporary)
        temporary.replace(path)
        if durable:
            _sync(path.parent)
            if is_new:
                _sync(path.parent.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, durable: bool = False) -> None:
    """Write `data` so that `path` never holds a part of it; `durable`: see `replacing`."""
    with replacing(path, durable) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, durable: bool = False) -> None:
    """Write `text` as UTF-8 so that `path` never holds a part of it; `durable`: see `replacing`."""
    write_bytes(path, text.encode(), durable)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file's bytes so that `path` never holds a part of them, nor after a power cut."""
    with replacing(path, durable=True) as temporary:
        shutil.copyfile(source, temporary)


def write_generation(path: Path, data: bytes) -> None:
    """Write `data` durably; what stood at `path` until now becomes its `previous_generation`.

    At every moment, and after a power cut at any, a file that was whole before lies at one of the two names.
    """
    with replacing(path, durable=True) as temporary:
        temporary.write_bytes(data)
        _sync(temporary)  # before the oldest generation goes
        if path.is_file():
            _keep(path, previous_generation(path))


def previous_generation(path: Path) -> Path:
    """Where the generation before the one at `path` lies: `last.safetensors` → `last.previous.safetensors`."""
    return path.with_suffix(f".previous{path.suffix}")


def _keep(path: Path, kept: Path) -> None:
    """Give a file a second name; where the file system knows no such thing, only that one."""
    second = path.with_name(f".{kept.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        second.hardlink_to(path)
    except OSError:
        path.replace(kept)
        return
    try:
        second.replace(kept)
    finally:
        second.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return  # Windows opens no folders
    opened = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
