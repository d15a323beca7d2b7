"""Colour images, PNG for the most part: bytes in, RGB out."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, DataError
from stereo_exp.geometry.formats.declared import check_declared
from stereo_exp.geometry.formats.exif import is_whole_jpeg

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colour type -> channels: grey, RGB, grey with alpha, RGB with alpha.
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_LAST_PNG_FILTER = 4
# The stored grid is what the epipolar lines refer to: an orientation tag must not turn one view of a pair.
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_FLAGS_OF_SAMPLES = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_DARK = 16
"""Grey levels of 255 that 12 bits reach in a file of 16."""
_JPEG_SIGNATURE = b"\xff\xd8\xff"
_SMALLER = "give a smaller one"


def decode_rgb(data: bytes, source: object = "image") -> np.ndarray:
    """Decode an image file to uint8 H×W×3 in RGB order; grey images repeat their channel.

    Raises:
        DataError: not an image, of more pixels than any has (`declared.MOST_PIXELS`), or truncated or damaged. For a
            PNG every chunk's CRC is checked here, because some OpenCV releases hand out what they could decode of a
            broken file. Or samples of at most 12 bits in a file of 16, of which OpenCV would keep the upper 8.
    """
    found = cv2.cvtColor(_decode(data, _FLAGS, source), cv2.COLOR_BGR2RGB)
    if found.max(initial=0) < _DARK:
        _check_bits(data, source)
    return found


def _check_bits(data: bytes, source: object) -> None:
    """Refuse a picture whose samples of 16 bits use the lower 12 at most: of them 4 bits, or fewer, would be left."""
    samples = decode_samples(data, source)
    if samples.dtype == np.uint16 and 0 < (highest := int(samples.max())) < 256 * _DARK:
        rule = f"has samples of 16 bits up to {highest}: a camera's 10 or 12 bits, of which nearly black would be left"
        raise DataError(source, None, rule, "multiply its samples so that they reach 65535, or store 8 bits")


def decode_samples(data: bytes, source: object = "image") -> np.ndarray:
    """Decode an image file to its own samples, uint8, uint16 or float: H×W×3 in RGB order, or H×W of a grey one.

    Raises:
        DataError: as `decode_rgb`.
    """
    found = _decode(data, _FLAGS_OF_SAMPLES, source)
    return found if found.ndim == 2 else cv2.cvtColor(found, cv2.COLOR_BGR2RGB)


def _decode(data: bytes, flags: int, source: object) -> np.ndarray:
    has_size = check_declared(data, source, _SMALLER)
    if data.startswith(_PNG_SIGNATURE):
        check_png(data, source)
    is_cut = data.startswith(_JPEG_SIGNATURE) and not is_whole_jpeg(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if has_size and not is_cut else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(source, f"{len(data)} bytes", "is not a whole image (truncated or damaged)", RESTORE_OR_SKIP)
    return pixels


def check_png(data: bytes, source: object = "PNG") -> None:
    """Walk a PNG's chunks from the header to IEND and compare every CRC; about 0.2 ms for a 960×540 image.

    Raises:
        DataError: the file ends before IEND, or a chunk's bytes are not those that were written.
    """
    for _ in _chunks(data, source):
        pass


def _chunks(data: bytes, source: object) -> Iterator[tuple[bytes, memoryview]]:
    view, offset = memoryview(data), len(_PNG_SIGNATURE)
    while len(data) - offset >= 12:
        end = offset + 8 + int.from_bytes(view[offset : offset + 4], "big")
        if end + 4 > len(data):
            break
        kind = bytes(view[offset + 4 : offset + 8])
        if zlib.crc32(view[offset + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise DataError(
                source, f"{len(data)} bytes", "is a damaged PNG (a chunk's checksum is wrong)", RESTORE_OR_SKIP
            )
        yield kind, view[offset + 8 : end]
        if kind == b"IEND":
            return
        offset = end + 4
    raise DataError(source, f"{len(data)} bytes", "is a truncated PNG (it ends before its IEND chunk)", RESTORE_OR_SKIP)


def png_size(data: bytes, source: object = "PNG") -> tuple[int, int]:
    """Height and width of a PNG that is sure to decode, at less than half of what decoding costs.

    Every chunk's CRC is compared and the pixels are inflated: they must be as many as the header says, each row with
    a filter that exists. What is left of decoding, undoing the filters, cannot fail. Kinds of PNG for which this
    is not written (palettes, interlace, other than 8 bits) are decoded.

    Raises:
        DataError: not a PNG, truncated or damaged.
    """
    if not data.startswith(_PNG_SIGNATURE):
        raise DataError(source, f"{len(data)} bytes", "is not a PNG", RESTORE_OR_SKIP)
    check_declared(data, source, _SMALLER)
    header, packed = b"", []
    for kind, content in _chunks(data, source):
        if kind == b"IHDR":
            header = bytes(content)
        elif kind == b"IDAT":
            packed.append(content)
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    channels = _PNG_CHANNELS.get(header[9]) if len(header) == 13 and header[8] == 8 and header[12] == 0 else None
    stride = 1 + width * (channels or 0)
    if channels is None or width == 0 or height == 0:
        return decode_rgb(data, source).shape[:2]
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(b"".join(packed), height * stride + 1)
    except zlib.error:
        rows = b""
    if len(rows) != height * stride or not inflate.eof or max(rows[::stride]) > _LAST_PNG_FILTER:
        raise DataError(
            source, f"{len(data)} bytes", "is a damaged PNG (its pixels do not fit its header)", RESTORE_OR_SKIP
        )
    return height, width


def read_rgb(path: Path) -> np.ndarray:
    """`decode_rgb` on a file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", RESTORE_OR_SKIP) from None
    return decode_rgb(data, path)


def encode_png(image: np.ndarray, compression: int = 3) -> bytes:
    """PNG bytes of uint8 H×W×3 RGB, or of uint8 / uint16 H×W grey."""
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    ok, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not ok:
        raise ValueError(f"cannot encode {image.dtype} {image.shape} as PNG")
    return data.tobytes()
