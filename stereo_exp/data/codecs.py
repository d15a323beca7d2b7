"""Lossless codecs for the images in a shard: small and slow to read, or large and fast.

`png` keeps the source's bytes; `webp` is a quarter smaller and somewhat faster to decode; `raw` is twice as large and
costs a copy to read. Measured in docs/scale.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from tokenize import TokenError
from typing import NamedTuple

import cv2
import numpy as np

from stereo_exp.data.formats.image import decode_rgb, png_size
from stereo_exp.errors import DataError, UserError

_WEBP_LOSSLESS = 101  # OpenCV: a quality above 100 is lossless


Member = tuple[bytes | memoryview, ...]
"""A tar member's bytes, in pieces, so that large arrays need not be copied on their way to the file."""


class Codec(NamedTuple):
    """How a view is stored.

    Attributes:
        suffix: of its tar member.
        encode: uint8 H×W×3 RGB -> the member. None: the source's PNG bytes, untouched.
        decode: (the member's bytes, what to call it in errors) -> uint8 H×W×3 RGB; `DataError` if damaged.
    """

    suffix: str
    encode: Callable[[np.ndarray], Member] | None
    decode: Callable[[bytes, object], np.ndarray]

    def store(self, data: bytes, source: object) -> tuple[Member, tuple[int, int]]:
        """A view's member, and its height and width; `DataError` unless the source's image is whole."""
        if self.encode is None:
            return (data,), png_size(data, source)
        pixels = decode_rgb(data, source)
        return self.encode(pixels), (pixels.shape[0], pixels.shape[1])

    @property
    def left(self) -> str:
        """The left view's member."""
        return f"left.{self.suffix}"

    @property
    def right(self) -> str:
        """The right view's member."""
        return f"right.{self.suffix}"


def find_codec(name: str) -> Codec:
    """The codec of this name. `UserError`: there is none."""
    if name not in CODECS:
        raise UserError("codec", name, f"must be one of {', '.join(CODECS)}", "leave it out for png")
    return CODECS[name]


def _encode_webp(pixels: np.ndarray) -> Member:
    ok, data = cv2.imencode(
        ".webp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, _WEBP_LOSSLESS]
    )
    if not ok:
        raise ValueError("this OpenCV cannot write WebP")
    return (data.reshape(-1).data,)


def _decode_raw(data: bytes, source: object) -> np.ndarray:
    pixels = read_npy(data, source)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise DataError(source, f"{pixels.dtype} {pixels.shape}", "an image is uint8 H×W×3", "pack the shard again")
    return pixels


def write_npy(values: np.ndarray) -> Member:
    """`.npy` bytes of an array of plain numbers, which is not copied; the same from every numpy release."""
    contiguous, header = np.ascontiguousarray(values), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    return header.getvalue(), contiguous.reshape(-1).view(np.uint8).data


def read_npy(data: bytes, source: object) -> np.ndarray:
    """The array of `.npy` bytes, without copying it: read-only. `DataError` unless the bytes are one whole array."""
    try:
        stream = io.BytesIO(data)
        np.lib.format.read_magic(stream)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        count = int(np.prod(shape, dtype=np.int64))
        if fortran or dtype.hasobject or len(data) - stream.tell() != count * dtype.itemsize:
            raise ValueError
        return np.frombuffer(data, dtype, count, stream.tell()).reshape(shape)
    except (ValueError, EOFError, OSError, SyntaxError, TypeError, KeyError, OverflowError, TokenError):
        raise DataError(
            source, f"{len(data)} bytes", "is not a whole .npy array", "restore the shard, or pack it again"
        ) from None


CODECS = {
    "png": Codec("png", None, decode_rgb),
    "webp": Codec("webp", _encode_webp, decode_rgb),
    "raw": Codec("npy", write_npy, _decode_raw),
}
