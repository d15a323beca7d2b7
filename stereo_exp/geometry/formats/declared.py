"""What the first bytes of an image file promise, read before anything is decoded: how large it is.

A picture of one colour packs a thousandfold: a PNG of 250 kB may hold 250 million pixels. Decoders believe the header
and take the memory, so that whoever reads files of others looks first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from stereo_exp.base import DataError
from stereo_exp.geometry.formats.exif import jpeg_segments, tiff_numbers

MOST_PIXELS = 100_000_000
"""Of one image. The tags of a camera of 100 megapixels fit."""
_PNM = re.compile(rb"\AP[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s")
_PAM = re.compile(rb"\AP7\s(?:[^E][^\n]{0,80}\n)*?WIDTH\s+(\d{1,9})\s[^E]*?HEIGHT\s+(\d{1,9})\s", re.DOTALL)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
Size = tuple[int, int]


def read_declared_size(data: bytes) -> Size | None:
    """Height and width by the header of a PNG, JPEG, TIFF, BMP, WebP or PNM; None: of no such kind, or without one."""
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                size = read(data)
            except (struct.error, IndexError, ValueError):
                return None
            return size if size is not None and min(size) > 0 else None
    return None


def check_declared(data: bytes, source: object, fix: str) -> bool:
    """Whether an image's header names a size at all.

    Raises:
        DataError: it names one that no image of a pair has.
    """
    size = read_declared_size(data)
    if size is None:
        return False
    if size[0] * size[1] > MOST_PIXELS:
        rule = f"declares more than {MOST_PIXELS // 10**6} megapixels, and is not decoded"
        raise DataError(source, f"{size[1]}x{size[0]}", rule, fix)
    return True


def _png(data: bytes) -> Size | None:
    width, height = struct.unpack_from(">II", data, 16)
    return (height, width) if data[12:16] == b"IHDR" else None


def _jpeg(data: bytes) -> Size | None:
    for kind, content, _ in jpeg_segments(data):
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", content, 1)
            return height, width
    return None


def _tiff(data: bytes) -> Size | None:
    found = tiff_numbers(data, (256, 257))
    return (found[257], found[256]) if len(found) == 2 else None


def _bmp(data: bytes) -> Size | None:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return abs(height), abs(width)


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if data[8:12] != b"WEBP":
        return None
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return height, width
    return None


def _pnm(data: bytes) -> Size | None:
    found = _PNM.match(data[:4096]) or _PAM.match(data[:4096])
    return (int(found[2]), int(found[1])) if found else None


_READERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    ((b"II*\0", b"MM\0*"), _tiff),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (tuple(b"P%d" % kind for kind in range(1, 8)), _pnm),
)
