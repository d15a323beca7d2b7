"""Colour images, PNG for the most part: bytes in, RGB out."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.errors import DataError

_FIX = "restore the file from its source, or set on_error=skip to leave it out"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The stored grid is what the epipolar lines refer to: an orientation tag must not turn one view of a pair.
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_rgb(data: bytes, source: object = "image") -> np.ndarray:
    """Decode an image file to uint8 H×W×3 in RGB order; grey images repeat their channel.

    Raises:
        DataError: not an image, or truncated or damaged. For a PNG every chunk's CRC is checked here, because
            some OpenCV releases hand out what they could decode of a broken file.
    """
    if data.startswith(_PNG_SIGNATURE):
        check_png(data, source)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS) if data else None
    except cv2.error:
        bgr = None
    if bgr is None:
        raise DataError(source, f"{len(data)} bytes", "is not a whole image (truncated or damaged)", _FIX)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def check_png(data: bytes, source: object = "PNG") -> None:
    """Walk a PNG's chunks from the header to IEND and compare every CRC; about 0.2 ms for a 960×540 image.

    Raises:
        DataError: the file ends before IEND, or a chunk's bytes are not those that were written.
    """
    view, offset = memoryview(data), len(_PNG_SIGNATURE)
    while len(data) - offset >= 12:
        end = offset + 8 + int.from_bytes(view[offset : offset + 4], "big")
        if end + 4 > len(data):
            break
        kind = bytes(view[offset + 4 : offset + 8])
        if zlib.crc32(view[offset + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise DataError(source, f"{len(data)} bytes", "is a damaged PNG (a chunk's checksum is wrong)", _FIX)
        if kind == b"IEND":
            return
        offset = end + 4
    raise DataError(source, f"{len(data)} bytes", "is a truncated PNG (it ends before its IEND chunk)", _FIX)


def read_rgb(path: Path) -> np.ndarray:
    """`decode_rgb` on a file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", _FIX) from None
    return decode_rgb(data, path)


def encode_png(image: np.ndarray, compression: int = 3) -> bytes:
    """PNG bytes of uint8 H×W×3 RGB, or of uint8 / uint16 H×W grey."""
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    ok, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not ok:
        raise ValueError(f"cannot encode {image.dtype} {image.shape} as PNG")
    return data.tobytes()
