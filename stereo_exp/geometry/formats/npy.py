"""NumPy's own files, read strictly: a header is a line of plain facts, and the bytes behind it are as many as it says.

`numpy.load` hands a header of any length to Python's parser, makes room for whatever shape it names before it looks for
the bytes, and unpacks an archive as far as it goes.
"""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np

from stereo_exp.geometry.formats.declared import MOST_PIXELS

_LONGEST_HEADER = 1024
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_KINDS = "biufcSU"
MOST_BYTES = 4 * MOST_PIXELS + _LONGEST_HEADER
"""Of one array out of an archive, unpacked."""


def parse_npy(data: bytes | memoryview) -> np.ndarray:
    """The array of `.npy` bytes, plain numbers or texts, without copying them: read-only.

    Raises:
        ValueError: the bytes are not one whole such array.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        length = int.from_bytes(bytes(data[8 : 10 if version == (1, 0) else 12]), "little")
        if version not in _HEADERS or length > _LONGEST_HEADER:
            raise ValueError("a header that none of ours has")
        shape, fortran, dtype = _HEADERS[version](stream)
    except Exception as error:
        # A damaged header is parsed as Python: NumPy raises a dozen kinds, tokenize's among them.
        raise ValueError(f"no header ({type(error).__name__})") from None
    count = 1
    for side in shape:
        count *= side
    if dtype.kind not in _KINDS or len(data) - stream.tell() != count * dtype.itemsize:
        raise ValueError("not as many numbers as its header says")
    flat = np.frombuffer(data, dtype, count, stream.tell())
    return flat.reshape(shape[::-1]).transpose() if fortran else flat.reshape(shape)


def read_npz_names(data: bytes) -> list[str]:
    """The names of an archive's arrays, in its order.

    Raises:
        ValueError: it is no archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise ValueError(f"no archive ({type(error).__name__})") from None


def parse_npz(data: bytes, name: str) -> np.ndarray:
    """One array of an archive.

    Raises:
        ValueError: it is not there or not whole, or unpacks to more than `MOST_BYTES`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(f"{name}.npy") as member:
            found = member.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, KeyError, RuntimeError,
            UnicodeDecodeError, MemoryError) as error:  # fmt: skip
        raise ValueError(f"no whole archive ({type(error).__name__})") from None
    if len(found) > MOST_BYTES:
        raise ValueError(f"unpacks to more than {MOST_BYTES >> 20} MB")
    return parse_npy(found)
