"""How a shard holds the truth: as numpy has it, or in an eighth of its bytes with none of it lost.

Disparity is smooth, and affine on every flat side of a thing. So the bit pattern of a pixel is nearly that of its left
neighbour plus what the row above grew there. What is left, small numbers of either sign, is folded to be positive,
sorted by the bytes' significance and deflated.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.data.shards.format import DISPARITY, Member, decode_disparity, encode_disparity
from stereo_exp.geometry import MOST_PIXELS

DEFLATED = "disp.z"
"""The member's name, in place of `disp.npy`."""
_HEAD = struct.Struct("<4sII")
_ALONG_ROWS, _FROM_ABOVE = b"dz1\n", b"dz2\n"
"""What a member begins with: predicted from the left neighbour alone, as it was at first, or from above too."""
_LEVEL = 6


def deflate_disparity(values: np.ndarray) -> Member:
    """The member of float32 H×W, NaN and infinity included; the same bytes wherever it is made with one zlib."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    steps = bits.copy()
    steps[:, 1:] -= bits[:, :-1]  # modulo 2³²
    steps[1:] -= steps[:-1].copy()
    # The sign goes to the lowest bit: -1, 1, -2 become 1, 2, 3, and the higher bytes stay zero.
    folded = (steps << np.uint32(1)) ^ (np.uint32(0) - (steps >> np.uint32(31)))
    planes = np.ascontiguousarray(folded.view(np.uint8).reshape(-1, 4).T)
    return _HEAD.pack(_FROM_ABOVE, *values.shape), zlib.compress(planes.data, _LEVEL)


def inflate_disparity(data: bytes, source: object) -> np.ndarray:
    """float32 H×W of a member's bytes. `DataError` unless they are a whole one."""
    try:
        magic, height, width = _HEAD.unpack_from(data)
        if magic not in (_ALONG_ROWS, _FROM_ABOVE) or not 0 < height * width <= MOST_PIXELS:
            raise ValueError
        inflate = zlib.decompressobj()
        planes = np.frombuffer(inflate.decompress(data[_HEAD.size :], 4 * height * width + 1), np.uint8)
        if not inflate.eof or inflate.unused_data:
            raise ValueError
        planes = planes.reshape(4, height * width)
    except (ValueError, struct.error, zlib.error):
        rule = "is not a whole deflated disparity"
        raise DataError(source, f"{len(data)} bytes", rule, "restore the shard, or make it again") from None
    steps = np.ascontiguousarray(planes.T).view("<u4").reshape(height, width)
    if magic == _FROM_ABOVE:
        steps = (steps >> np.uint32(1)) ^ (np.uint32(0) - (steps & np.uint32(1)))
        np.cumsum(steps, axis=0, dtype=np.uint32, out=steps)
    bits: np.ndarray = np.cumsum(steps, axis=1, dtype=np.uint32)
    return bits.view(np.float32)


class Truth(NamedTuple):
    """How disparity is stored.

    Attributes:
        member: the name of its tar member.
        encode: float32 H×W -> the member.
        decode: (the member's bytes, what to call it in errors) -> float32 H×W; `DataError` if damaged.
    """

    member: str
    encode: Callable[[np.ndarray], Member]
    decode: Callable[[bytes, object], np.ndarray]


TRUTHS = {
    "npy": Truth(DISPARITY, encode_disparity, decode_disparity),
    "deflated": Truth(DEFLATED, deflate_disparity, inflate_disparity),
}


def find_truth(name: str) -> Truth:
    """How a truth of this name is stored. `ArgumentError`: there is none."""
    if name not in TRUTHS:
        raise ArgumentError("truth", name, f"must be one of {', '.join(TRUTHS)}", "leave it out for npy")
    return TRUTHS[name]
