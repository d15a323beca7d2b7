"""How a camera was held, as image files say it: the orientation tag of EXIF, and turning by it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np

_TAG = 0x0112
_BYTES_OF_TYPE = {3: 2, 4: 4}
_JPEG, _PNG, _TIFF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*")
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, b"\xff\xd9", 0xE1
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))


def read_orientation(data: bytes) -> int:
    """The tag of a JPEG, PNG or TIFF: 1 to 8, 1 where there is none.

    1 is upright, 3 upside down; 6 is to be turned to the right, 8 to the left; 2, 4, 5 and 7 are mirrored, too.
    """
    block = b""
    if data.startswith(_TIFF):
        block = data
    elif data.startswith(_JPEG):
        parts = (part for kind, part, _ in jpeg_segments(data) if kind == _APP1 and part.startswith(b"Exif\0\0"))
        block = next(parts, b"")[6:]
    elif data.startswith(_PNG):
        block = _png_chunk(data, b"eXIf")
    return _orientation_of(block)


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as a viewer shows them, contiguous."""
    if orientation in (5, 6, 7, 8):
        image = np.swapaxes(image, 0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def is_whole_jpeg(data: bytes) -> bool:
    """Whether the scan of a JPEG ends: some releases of OpenCV fill with grey what a cut file lacks, without a word."""
    segments = jpeg_segments(data)
    return bool(segments) and segments[-1][0] == _START_OF_SCAN and data.find(_END_OF_IMAGE, segments[-1][2]) >= 0


def jpeg_segments(data: bytes) -> list[tuple[int, bytes, int]]:
    """Marker, content and end of each segment of a JPEG's header, up to its first scan."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF or kind in _WITHOUT_LENGTH:
            at += 1 if kind == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            break
        begin, at = at + 4, at + 2 + length
        found.append((kind, data[begin:at], at))
        if kind == _START_OF_SCAN:
            break
    return found


def _png_chunk(data: bytes, wanted: bytes) -> bytes:
    at = len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == wanted:
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def _orientation_of(block: bytes) -> int:
    found = tiff_numbers(block, (_TAG,)).get(_TAG, 1)
    return found if 1 <= found <= 8 else 1


def tiff_numbers(block: bytes, tags: Collection[int]) -> dict[int, int]:
    """Tag -> its number, of those that stand in the first directory of a TIFF as one number of 16 or 32 bits."""
    order: Literal["little", "big"] | None = {b"II*\0": "little", b"MM\0*": "big"}.get(block[:4])  # type: ignore[assignment]
    if order is None or len(block) < 8:
        return {}
    sure = order

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at : at + size], sure)

    first = number(4, 4)
    found: dict[int, int] = {}
    for i in range(min(number(first, 2), 512)):
        entry = first + 2 + 12 * i
        if (tag := number(entry, 2)) in tags:
            found.setdefault(tag, number(entry + 8, _BYTES_OF_TYPE.get(number(entry + 2, 2), 2)))
    return found
