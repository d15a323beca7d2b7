"""PFM and PNG: what goes in comes out, and what is damaged is refused as a DataError and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stereo_exp.base.errors import DataError
from stereo_exp.geometry.formats.image import decode_rgb, encode_png, read_rgb
from stereo_exp.geometry.formats.pfm import decode_pfm, encode_pfm, read_pfm, write_pfm

IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
PNG = encode_png(IMAGE)
FLOATS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 7)) | st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3)),
    elements=st.floats(width=32),
)


@given(FLOATS)
def test_pfm_round_trip_keeps_every_bit(values):
    np.testing.assert_array_equal(decode_pfm(encode_pfm(values)).view(np.uint32), values.view(np.uint32))


def test_pfm_rows_run_from_the_bottom_up_and_the_scale_tells_the_byte_order():
    values = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    big = b"Pf\n3 2\n2.5\n" + values[::-1].astype(">f4").tobytes()
    little = b"Pf 3 2 -1\r\n" + values[::-1].astype("<f4").tobytes()
    np.testing.assert_array_equal(decode_pfm(big), values)
    np.testing.assert_array_equal(decode_pfm(little), values)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda tail: b"Pf\n2 3\n-1.0\n" + tail))
def test_arbitrary_bytes_are_a_pfm_or_a_data_error(data):
    try:
        values = decode_pfm(data)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert values.dtype == np.float32


@pytest.mark.parametrize(
    "header",
    [
        b"P6\n2 2\n-1\n",
        b"Pf\n2 -2\n-1\n",
        b"Pf\n2 2\n0\n",
        b"Pf\n2 2\nnan\n",
        b"Pf\n0 2\n-1\n",
        b"Pf\n2 2\n1e\n",
    ],
)
def test_wrong_pfm_headers_are_refused(header):
    with pytest.raises(DataError):
        decode_pfm(header + bytes(16))


@pytest.mark.parametrize("change", [-1, 1])
def test_pfm_of_another_length_is_refused(change, tmp_path):
    data = encode_pfm(np.ones((2, 2), np.float32))
    (tmp_path / "a.pfm").write_bytes(data[:-1] if change < 0 else data + b"\0")
    with pytest.raises(DataError, match=r"a\.pfm=1[57] bytes of pixels: its header announces 16"):
        read_pfm(tmp_path / "a.pfm")


def test_pfm_file_round_trip_and_missing_file(tmp_path):
    write_pfm(tmp_path / "a.pfm", np.full((1, 2), np.inf, np.float32))
    assert np.isinf(read_pfm(tmp_path / "a.pfm")).all()
    with pytest.raises(DataError, match="No such file"):
        read_pfm(tmp_path / "b.pfm")
    with pytest.raises(DataError, match="No such file"):
        read_rgb(tmp_path / "b.png")


def test_png_round_trip_keeps_the_order_of_the_colours():
    np.testing.assert_array_equal(decode_rgb(PNG), IMAGE)
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_array_equal(decode_rgb(encode_png(red)), red)
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(decode_rgb(encode_png(grey)), np.repeat(grey[..., None], 3, -1))


@given(st.integers(0, len(PNG) - 1))
@settings(max_examples=60)
def test_a_png_cut_anywhere_is_refused(length):
    with pytest.raises(DataError):
        decode_rgb(PNG[:length], "a.png")


@pytest.mark.parametrize("cut", [4, 12, 13, 40, len(PNG) // 2])
def test_a_cut_png_is_called_truncated(cut):
    with pytest.raises(DataError, match=r"a\.png=\d+ bytes: is a truncated PNG"):
        decode_rgb(PNG[: len(PNG) - cut], "a.png")


@given(st.integers(8, len(PNG) - 1), st.integers(0, 7))
@settings(max_examples=100)
def test_a_png_with_a_flipped_bit_is_refused(place, bit):
    data = bytearray(PNG)
    data[place] ^= 1 << bit
    with pytest.raises(DataError):
        decode_rgb(bytes(data))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: PNG[:40] + tail))
def test_arbitrary_bytes_are_no_image(data):
    with pytest.raises(DataError):
        decode_rgb(data)


def test_an_orientation_tag_does_not_turn_the_pixels():
    """A JPEG that asks to be shown upside down is read as it is stored: rows are epipolar lines."""
    import cv2

    smooth = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
    data = cv2.imencode(".jpg", smooth)[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + data[2:]
    assert not np.array_equal(
        cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)[..., 0], decode_rgb(data)[..., 0]
    )
    np.testing.assert_array_equal(decode_rgb(turned), decode_rgb(data))
