"""Pictures, maps and what stands in their headers: small whole files, and how they are read."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
from corpus import encoded, picture


def pictures() -> list[bytes]:
    return [
        encoded(".png", picture()),
        encoded(".png", picture(kind=np.uint16)),
        encoded(".png", picture(channels=1)),
        encoded(".jpg", picture()),
        encoded(".tiff", picture()),
        encoded(".tiff", picture(kind=np.uint16, channels=1)),
        encoded(".bmp", picture()),
        encoded(".webp", picture()),
        encoded(".ppm", picture()),
        encoded(".pgm", picture(channels=1)),
    ]


def read_picture(data: bytes) -> Any:
    from stereo_exp.geometry.formats.exif import read_orientation
    from stereo_exp.geometry.formats.image import decode_rgb, decode_samples

    read_orientation(data)
    decode_samples(data)
    return decode_rgb(data)


def read_png_size(data: bytes) -> Any:
    """A PNG that `png_size` takes decodes, to that size."""
    from stereo_exp.geometry import decode_rgb, png_size

    assert png_size(data) == decode_rgb(data).shape[:2]


def read_grey(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_disparity_png

    return decode_disparity_png(data, 4.0)


def pfms() -> list[bytes]:
    from stereo_exp.geometry import encode_pfm

    values = picture(6, 7, channels=1).astype(np.float32)
    return [encode_pfm(values), encode_pfm(np.dstack([values] * 3)), b"Pf\n2 1\n1.0\n" + b"\0" * 8]


def read_pfm(data: bytes) -> Any:
    from stereo_exp.geometry import decode_pfm

    return decode_pfm(data)


def npys() -> list[bytes]:
    found = []
    for array in (np.ones((3, 4), np.float32), np.ones((1, 3, 4)), np.asfortranarray(np.ones((3, 4), ">i2"))):
        stream = io.BytesIO()
        np.save(stream, array)
        found.append(stream.getvalue())
    return found


def read_npy(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_npy

    return decode_npy(data)


def npzs() -> list[bytes]:
    found = []
    for save, names in ((np.savez, ("disparity", "mask")), (np.savez_compressed, ("arr_0",))):
        stream = io.BytesIO()
        save(stream, **{name: np.ones((3, 4), np.float32) for name in names})
        found.append(stream.getvalue())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("disparity.txt", "1 2")
    return [*found, stream.getvalue()]


def read_npz(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_npz

    return decode_npz(data)


def tiffs() -> list[bytes]:
    """EXIF of every place, with a directory of its own."""
    entry = (
        struct.pack("<HHII", 0x0112, 3, 1, 6)
        + struct.pack("<HHII", 256, 4, 1, 32)
        + struct.pack("<HHII", 257, 4, 1, 24)
    )
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + entry + b"\0" * 4
    jpeg = encoded(".jpg", picture())
    app1 = b"Exif\0\0" + block
    return [block, jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + jpeg[2:]]


def read_exif(data: bytes) -> Any:
    from stereo_exp.geometry.formats.declared import read_declared_size
    from stereo_exp.geometry.formats.exif import is_whole_jpeg, read_orientation

    assert 1 <= read_orientation(data) <= 8
    is_whole_jpeg(data)
    size = read_declared_size(data)
    assert size is None or min(size) > 0
