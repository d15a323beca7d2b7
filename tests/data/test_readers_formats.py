"""Disparity images, NumPy files and calibration: round trips, and anything else is a DataError of one line."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stereo_exp.base.errors import DataError
from stereo_exp.geometry.calibration import parse_kitti_calib, parse_middlebury_calib, read_kitti_calib
from stereo_exp.geometry.formats.disparity import (
    decode_disparity_png,
    decode_grey,
    decode_npy,
    decode_npz,
    encode_disparity_png,
    read_disparity,
    read_disparity_png,
    write_disparity_png,
)
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import encode_pfm
from stereo_exp.geometry.pair import Calibration

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6))


@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 255.5, width=32)))
def test_a_16_bit_png_keeps_disparity_to_half_a_step(values):
    found = decode_disparity_png(encode_disparity_png(values))
    assert found.dtype == np.float32
    small = (values > 0) & (values < 0.5 / 256)
    np.testing.assert_allclose(found[~small], values[~small], rtol=0, atol=0.5 / 256)
    assert ((found > 0) == (values > 0)).all(), "known stays known"


@given(hnp.arrays(np.uint16, SHAPES), st.sampled_from([1.0, 4.0, 100.0, 256.0]))
def test_every_value_of_a_disparity_png_comes_back(steps, scale):
    np.testing.assert_array_equal(decode_grey(encode_disparity_png(steps / scale, scale)), steps)


@pytest.mark.parametrize("unknown", [np.inf, np.nan, -1.0, 0.0])
def test_unknown_is_written_as_0(unknown):
    assert decode_disparity_png(encode_disparity_png(np.array([[unknown, 1.5]]))).tolist() == [[0, 1.5]]


def test_what_a_disparity_png_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="256 px does not fit"):
        encode_disparity_png(np.array([[256.0]]))
    with pytest.raises(ValueError, match="scale"):
        encode_disparity_png(np.array([[1.0]]), scale=0)


def test_an_8_bit_map_needs_a_scale(tmp_path):
    data = encode_png(np.array([[0, 12, 255]], np.uint8))
    assert decode_disparity_png(data, 4).tolist() == [[0, 3, 63.75]]
    with pytest.raises(DataError, match=r"8 bits.*scale"):
        decode_disparity_png(data)
    with pytest.raises(DataError, match="one channel"):
        decode_disparity_png(encode_png(np.zeros((2, 2, 3), np.uint8)), 4)
    with pytest.raises(DataError, match="No such file"):
        read_disparity_png(tmp_path / "a.png")


ANY_BYTES = (
    st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda tail: encode_png(np.ones((2, 2), np.uint16))[:40] + tail)
    | st.binary(max_size=60).map(lambda tail: b"P5\n2 2\n255\n" + tail)
    | st.binary(max_size=60).map(lambda tail: encode_npy(np.ones((2, 2)))[:60] + tail)
    | st.binary(max_size=60).map(lambda tail: encode_npz(disparity=np.ones((2, 2)))[:90] + tail)
)


def encode_npy(values, **kwargs):
    stream = io.BytesIO()
    np.save(stream, values, **kwargs)
    return stream.getvalue()


def encode_npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


DECODERS = [
    lambda data: decode_disparity_png(data, 4),
    decode_npy,
    decode_npz,
    parse_middlebury_calib,
    parse_kitti_calib,
]


@pytest.mark.parametrize("decode", DECODERS, ids=["png", "npy", "npz", "middlebury calib", "kitti calib"])
@given(data=ANY_BYTES)
@settings(max_examples=60)
def test_arbitrary_bytes_are_read_or_a_data_error(decode, data):
    try:
        decode(data)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("encode", [encode_npy, lambda v: encode_npz(disparity=v)], ids=["npy", "npz"])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=60)
def test_a_damaged_numpy_file_is_read_or_a_data_error(encode, place, value, cut):
    """A changed byte may change a number, no checksum is in NPY; but nothing else is raised."""
    data = bytearray(encode(np.arange(12.0).reshape(3, 4)))
    place %= len(data)
    data[place] = value
    try:
        values = (decode_npy if encode is encode_npy else decode_npz)(bytes(data[:place] if cut else data))
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert values.dtype == np.float32 and values.ndim == 2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint16])
@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (3, 4, 1)])
def test_numpy_files_of_any_real_type(tmp_path, dtype, shape):
    values = np.arange(12).reshape(shape).astype(dtype)
    (tmp_path / "a.npy").write_bytes(encode_npy(values))
    (tmp_path / "b.NPZ").write_bytes(encode_npz(mask=np.ones(2), disp=values))
    (tmp_path / "c.npz").write_bytes(encode_npz(whatever=values))
    for name in ("a.npy", "b.NPZ", "c.npz"):
        found = read_disparity(tmp_path / name)
        assert found.dtype == np.float32 and found.tolist() == values.reshape(3, 4).tolist()
    np.testing.assert_array_equal(read_disparity(tmp_path / "a.npy", 2), values.reshape(3, 4) / np.float32(2))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (np.ones(3), "H×W"),
        (np.ones((2, 3, 4)), "H×W"),
        (np.ones((2, 2), np.complex64), "real numbers"),
        (np.ones((0, 2)), "H×W"),
        (np.array([["a"]]), "real numbers"),
    ],
)
def test_numpy_files_of_something_else_are_refused(values, rule):
    with pytest.raises(DataError, match=rule):
        decode_npy(encode_npy(values))
    with pytest.raises(DataError, match=rule):
        decode_npz(encode_npz(disparity=values))


def test_a_pickle_is_never_loaded():
    with pytest.raises(DataError, match=r"not a whole \.npy"):
        decode_npy(encode_npy(np.array([[{}]], dtype=object), allow_pickle=True))


def test_an_archive_of_several_arrays_must_name_its_disparity():
    with pytest.raises(DataError, match="a, b: which array is the disparity"):
        decode_npz(encode_npz(a=np.ones((2, 2)), b=np.ones((2, 2))))


def test_disparity_is_read_by_suffix(tmp_path):
    values = np.array([[0, 1.5], [3, 250]], np.float32)
    (tmp_path / "a.pfm").write_bytes(encode_pfm(values))
    write_disparity_png(tmp_path / "a.png", values)
    write_disparity_png(tmp_path / "b.png", values, scale=100)
    assert read_disparity(tmp_path / "a.pfm").tolist() == values.tolist()
    assert read_disparity(tmp_path / "a.png").tolist() == values.tolist()
    assert read_disparity(tmp_path / "b.png", 100).tolist() == values.tolist()
    with pytest.raises(DataError, match=r"must be one of \.pfm"):
        read_disparity(tmp_path / "a.tiff")
    with pytest.raises(DataError, match="No such file"):
        read_disparity(tmp_path / "b.npy")


NUMBER = st.floats(1e-3, 1e5).map(lambda x: float(f"{x:.9g}"))


@given(focal=NUMBER, baseline=NUMBER, doffs=st.floats(-1e3, 1e3))
def test_middlebury_calibration_is_in_metres(focal, baseline, doffs):
    text = f"cam0=[{focal!r} 0 1; 0 {focal!r} 2; 0 0 1]\ndoffs={doffs!r}\r\nbaseline={baseline!r}\nndisp=64\n"
    found = parse_middlebury_calib(text.encode())
    assert (found.focal, found.doffs) == (focal, doffs)
    assert found.baseline == pytest.approx(baseline / 1000)


# Camera 2 stands 6 cm from camera 0, camera 3 stands 47 cm on the other side: the baseline is between 2 and 3.
KITTI = (
    "{0}: 700 0 600 0 0 700 170 0 0 0 1 0\n{1}: 700 0 600 -378 0 700 170 0 0 0 1 0\n"
    "{2}: 700 0 600 42 0 700 170 0 0 0 1 0\n{3}: 700 0 610 -329 0 700 170 0 0 0 1 0\nTr: 1 2 3\n"
)


@pytest.mark.parametrize("names", [[f"P{i}" for i in range(4)], [f"P_rect_0{i}" for i in range(4)]])
def test_kitti_calibration_is_of_the_two_cameras(names, tmp_path):
    (tmp_path / "000000.txt").write_text("calib_time: 09-Jan-2012 13:57:47\n" + KITTI.format(*names))
    assert read_kitti_calib(tmp_path / "000000.txt") == Calibration(700, pytest.approx(0.53), 10)
    assert read_kitti_calib(tmp_path / "000000.txt", left=0, right=1) == Calibration(700, pytest.approx(0.54), 0)


@pytest.mark.parametrize(
    ("parse", "text", "rule"),
    [
        (parse_middlebury_calib, "doffs=0\nbaseline=60", "no line for cam0"),
        (parse_middlebury_calib, "cam0=[700 0 1]", "no line for baseline"),
        (parse_middlebury_calib, "cam0=[f 0 1]\nbaseline=60", "finite numbers"),
        (parse_middlebury_calib, "cam0=[700 0 1]\nbaseline=-60", "greater than 0"),
        (parse_middlebury_calib, "cam0=[700 0 1]\nbaseline=60 70", "one number"),
        (parse_middlebury_calib, "cam0=[700 0 1]\nbaseline=1e999", "finite"),
        (parse_kitti_calib, "P2: 1 2 3", "3 numbers: P2 must have 12"),
        (parse_kitti_calib, KITTI.format("P0", "P1", "P3", "P2"), "baseline -0.53: must be greater"),
        (parse_kitti_calib, "\udcff", "text"),
    ],
)
def test_malformed_calibration_is_refused(parse, text, rule):
    with pytest.raises(DataError, match=rule):
        parse(text.encode(errors="surrogateescape"))
