"""Files as people's cameras leave them: turned, 10 and 12 bits in 16, floats, cut."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.geometry.formats.exif import read_orientation, turn_upright
from stereo_exp.geometry.formats.image import decode_rgb, encode_png, read_rgb
from stereo_exp.geometry.pictures import PairReader


def picture(height: int = 24, width: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 8, columns * 7, (rows + columns) * 4], -1).astype(np.uint8)


def with_exif(jpeg: bytes, orientation: int, order: str = "<") -> bytes:
    directory = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + directory
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_views_come_as_a_viewer_shows_them(tmp_path: Path, orientation: int, order: str) -> None:
    """OpenCV turns by the tag when it is let: that is what viewers do."""
    data = with_exif(jpeg(picture()), orientation, order)
    assert read_orientation(data) == orientation
    for name in ("l.jpg", "r.jpg"):
        (tmp_path / name).write_bytes(data)
    left, right = PairReader()(tmp_path / "l.jpg", tmp_path / "r.jpg")
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(left, expected)
    np.testing.assert_array_equal(right, expected)
    assert turn_upright(picture(), orientation).shape == expected.shape


def test_views_turned_otherwise_are_refused(tmp_path: Path) -> None:
    (tmp_path / "l.jpg").write_bytes(with_exif(jpeg(picture()), 6))
    (tmp_path / "r.jpg").write_bytes(jpeg(picture()))
    with pytest.raises(UserError, match=r"r\.jpg: its EXIF tag turns it otherwise"):
        PairReader()(tmp_path / "l.jpg", tmp_path / "r.jpg")


def test_plain_files_come_as_data_sets_have_them(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    files = {
        "a.png": encode_png(picture()),
        "b.png": encode_png(grey),
        "c.jpg": jpeg(picture()),
        "d.png": cv2.imencode(".png", np.dstack([picture(), grey]))[1].tobytes(),
        "e.jpg": cv2.imencode(".jpg", grey)[1].tobytes(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        left, right = PairReader()(tmp_path / name, tmp_path / name)
        np.testing.assert_array_equal(left, read_rgb(tmp_path / name))
        assert (left == right).all() and left.dtype == np.uint8


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("ending", [".png", ".pgm", ".tif"])
def test_bits_that_are_used(tmp_path: Path, bits: int, ending: str) -> None:
    full = np.arange(24 * 32, dtype=np.float64).reshape(24, 32) / (24 * 32 - 1)
    stored = np.rint(full * (2**bits - 1)).astype(np.uint16)
    for name, image in (("l", stored), ("r", stored // 2)):
        cv2.imwrite(str(tmp_path / f"{name}{ending}"), image)
    left, right = PairReader()(tmp_path / f"l{ending}", tmp_path / f"r{ending}")
    np.testing.assert_array_equal(left[..., 0], stored >> (bits - 8))
    # The darker view is not brightened by itself.
    np.testing.assert_array_equal(right[..., 0], (stored // 2) >> (bits - 8))


def test_bits_hold_for_what_follows(tmp_path: Path) -> None:
    read = PairReader()
    for level, expected in ((4000, 250), (1000, 62)):
        for name in "lr":
            cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((8, 8), level, np.uint16))
        left, _ = read(tmp_path / "l.png", tmp_path / "r.png")
        assert left[0, 0, 0] == expected


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floats(tmp_path: Path, top: float) -> None:
    image = picture().astype(np.float32) * np.float32(top / 255)
    for name in "lr":
        cv2.imwrite(str(tmp_path / f"{name}.tif"), image)
    left, _ = PairReader()(tmp_path / "l.tif", tmp_path / "r.tif")
    assert np.abs(left.astype(int) - picture()[..., ::-1]).max() <= (0 if top == 255 else 1)


@pytest.mark.parametrize("wrong", [3e4, -1.0, np.nan])
def test_floats_of_no_known_scale(tmp_path: Path, wrong: float) -> None:
    image = np.zeros((8, 8), np.float32)
    image[0, 0] = wrong
    for name in "lr":
        cv2.imwrite(str(tmp_path / f"{name}.tif"), image)
    with pytest.raises(UserError, match="their scale is not known"):
        PairReader()(tmp_path / "l.tif", tmp_path / "r.tif")


def test_samples_of_two_kinds(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "l.png"), np.zeros((8, 8), np.uint16))
    cv2.imwrite(str(tmp_path / "r.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(UserError, match="samples of one kind"):
        PairReader()(tmp_path / "l.png", tmp_path / "r.png")


@pytest.mark.parametrize("share", [0.2, 0.4, 0.9])
@pytest.mark.parametrize("exif", [False, True])
def test_a_cut_jpeg_is_refused_whatever_opencv_makes_of_it(share: float, exif: bool) -> None:
    """A thumbnail in its header ends as an image does, which must not count."""
    data = jpeg(picture(240, 320))
    if exif:
        block = b"Exif\0\0" + b"II*\0" + b"\0" * 8 + jpeg(picture())
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    assert decode_rgb(data).shape == (240, 320, 3)
    assert decode_rgb(data + b"\0trailer of a phone").shape == (240, 320, 3)
    with pytest.raises(DataError, match="not a whole image"):
        decode_rgb(data[: int(share * len(data))])


def test_the_reported_files(reported_cases: Path) -> None:
    known = [read_rgb(reported_cases / "common" / f"{name}.png") for name in "lr"]
    for name in ("grey-12-in-16/l.png", "grey-12-in-16/l10.png", "grey-12-in-16/l.pgm", "float-tiff/l.tif"):
        left = reported_cases / name
        views = PairReader()(left, left.with_name(left.name.replace("l", "r", 1)))
        for view, same in zip(views, known, strict=True):
            grey = cv2.cvtColor(same, cv2.COLOR_RGB2GRAY).astype(int)
            assert np.abs(view[..., 0].astype(int) - grey).mean() < 3, name
    turned = PairReader()(reported_cases / "exif-turned/l.jpg", reported_cases / "exif-turned/r.jpg")
    assert turned[0].shape == (500, 741, 3)
    with pytest.raises(UserError, match="not a whole image"):
        PairReader()(reported_cases / "jpeg-cut/l.jpg", reported_cases / "jpeg-cut/r.jpg")
