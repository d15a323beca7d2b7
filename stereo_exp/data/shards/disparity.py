"""Truth in a twelfth of its bytes, none of them lost: what a set needs that is written over and over.

Disparity is smooth along a row, so that the bit patterns of neighbours differ by little. Their differences, sorted by
the bytes' significance, deflate to about 0.3 bytes a pixel on rendered scenes, in less time than a PNG takes.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from stereo_exp.base import DataError
from stereo_exp.data.shards.format import Member
from stereo_exp.geometry import MOST_PIXELS

DEFLATED = "disp.z"
"""The member's name, in place of `disp.npy`."""
_HEAD = struct.Struct("<4sII")
_MAGIC = b"dz1\n"


def deflate_disparity(values: np.ndarray) -> Member:
    """The member of float32 H×W, NaN and infinity included; the same bytes wherever it is made with one zlib."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    steps = bits.copy()
    steps[:, 1:] -= bits[:, :-1]  # modulo 2³²
    planes = np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 4).T)
    return _HEAD.pack(_MAGIC, *values.shape), zlib.compress(planes.data, 1)


def inflate_disparity(data: bytes, source: object) -> np.ndarray:
    """float32 H×W of a member's bytes. `DataError` unless they are a whole one."""
    try:
        magic, height, width = _HEAD.unpack_from(data)
        if magic != _MAGIC or not 0 < height * width <= MOST_PIXELS:
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
    bits: np.ndarray = np.cumsum(steps, axis=1, dtype=np.uint32)
    return bits.view(np.float32)
