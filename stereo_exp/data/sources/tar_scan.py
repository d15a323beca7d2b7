"""Where the members of a tar lie, from its 512-byte headers alone."""

from __future__ import annotations

import os
import tarfile

from stereo_exp.errors import DataError

_BLOCK = tarfile.BLOCKSIZE
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
        DataError: a header is damaged, a member is no plain file, or the file ends inside a member.
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
        if not header.isreg() or header.size < 0 or start + header.size > size:
            raise DataError(source, header.name, "must be a plain file that lies wholly in the tar", FIX)
        members[header.name] = (start, header.size)
        offset = start + -(-header.size // _BLOCK) * _BLOCK
