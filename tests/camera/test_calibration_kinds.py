"""A known rig goes into every format and comes back equal; what contradicts itself is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import rig_files
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.geometry.calibration import Cameras, fit_cameras, read_calibration
from stereo_exp.geometry.calibration.content import MOST_BYTES
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rectifier, Rig, compute_projections

SIZE = (1280, 720)


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def rigs(draw: st.DrawFn, fisheye: bool | None = None) -> Rig:
    """Cameras that somebody might build, 1280×720."""
    is_fisheye = draw(st.booleans()) if fisheye is None else fisheye
    matrices, bends = [], []
    for _ in range(2):
        focal, squeeze = draw(number(300, 2000)), draw(number(0.98, 1.02))
        at_x, at_y = draw(number(560, 720)), draw(number(300, 420))
        matrices.append(np.array([[focal, 0, at_x], [0, focal * squeeze, at_y], [0, 0, 1]]))
        # Kalibr's radtan has four coefficients: the fifth stays 0.
        bends.append(np.array([draw(number(-0.2, 0.2)) for _ in range(4)] + ([] if is_fisheye else [0.0])))
    turn = cv2.Rodrigues(np.array([draw(number(-0.05, 0.05)) for _ in range(3)]))[0]
    shift = np.array([[-draw(number(0.02, 1.0))], [draw(number(-0.005, 0.005))], [draw(number(-0.005, 0.005))]])
    return Rig((matrices[0], matrices[1]), (bends[0], bends[1]), turn, shift, SIZE, is_fisheye)


def assert_same(found: Cameras, rig: Rig) -> None:
    assert isinstance(found, Rig)
    assert (found.size, found.fisheye) == (rig.size, rig.fisheye)
    for a, b in zip(found.matrices, rig.matrices, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    for a, b in zip(found.distortions, rig.distortions, strict=True):
        np.testing.assert_allclose(a[: len(b)], b[: len(a)], atol=1e-12)
        assert not a[len(b) :].any()
    # cv2.Rodrigues takes angles below 1e-5 for 0; some writers go through it.
    np.testing.assert_allclose(found.rotation, rig.rotation, atol=2e-5)
    np.testing.assert_allclose(found.translation, rig.translation, atol=2e-5 if found.given else 1e-9)


FOREVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)


@pytest.mark.parametrize("name", rig_files.RIGS)
def test_a_rig_comes_back_equal(name: str, tmp_path: Path) -> None:
    @FOREVER
    @given(rigs(fisheye=False if name in rig_files.PINHOLE_ONLY else None))
    def check(rig: Rig) -> None:
        # RealSense's own rectified images have their test below: without any bend there is no rig.
        assume(name != "realsense" or rig.fisheye or any(bend.any() for bend in rig.distortions))
        files, unit = rig_files.RIGS[name](tmp_path, rig)
        assert_same(fit_cameras(read_calibration(files, unit), SIZE), rig)

    check()


@pytest.mark.parametrize("as_message", [False, True])
@pytest.mark.parametrize("fisheye", [False, True])
def test_cameras_of_ros_are_rectified_as_they_say(as_message: bool, fisheye: bool, tmp_path: Path) -> None:
    @FOREVER
    @given(rigs(fisheye))
    def check(rig: Rig) -> None:
        assume(rig.fisheye or any(bend.any() for bend in rig.distortions))
        try:
            projections = compute_projections(rig, SIZE)
        except UserError:
            return  # two lenses that share no view
        found = read_calibration(rig_files.camera_infos(tmp_path, rig, projections, as_message))
        assert_same(found, rig)
        assert isinstance(found, Rig) and found.given is not None
        for a, b in zip(found.given, projections, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    check()


def straight_rig(size: tuple[int, int] = (64, 48)) -> Rig:
    matrix = np.array([[50.0, 0, 31.5], [0, 50, 23.5], [0, 0, 1]])
    return Rig((matrix, matrix), (np.zeros(5), np.zeros(5)), np.eye(3), np.array([[-0.1], [0], [0]]), size)


def ros(tmp_path: Path, rig: Rig) -> list[Path]:
    return rig_files.camera_infos(tmp_path, rig, compute_projections(rig, rig.size or SIZE), False)


def test_cameras_of_ros_that_are_rectified_already(tmp_path: Path) -> None:
    rig = straight_rig()
    matrix, second = np.hstack([rig.matrices[0], np.zeros((3, 1))]), np.hstack([rig.matrices[0], np.zeros((3, 1))])
    second[0, 3] = -5.0
    paths = rig_files.camera_infos(tmp_path, rig, (np.eye(3), np.eye(3), matrix, second), False)
    assert read_calibration(paths) == Calibration(50.0, 0.1, 0.0)
    with pytest.raises(DataError, match=r"left\.yaml: is one camera of ROS"):
        read_calibration(paths[0])
    with pytest.raises(DataError, match="exchange the two cameras"):
        read_calibration(paths[::-1])
    with pytest.raises(DataError, match="of one camera alone"):
        read_calibration([paths[0], paths[0]])


def test_realsense_that_rectifies_itself(tmp_path: Path) -> None:
    path, _ = rig_files.realsense(tmp_path, straight_rig())
    found = read_calibration(path)
    assert found == Calibration(50.0, pytest.approx(0.1), 0.0)
    assert isinstance(found, Calibration) and (found.centre, found.size) == ((31.5, 23.5), (64, 48))


@pytest.mark.parametrize("parts", [("P1", "P2"), ("R1", "R2", "P1", "P2", "Q"), ("Q",)])
@pytest.mark.parametrize("zero", [True, False])
def test_opencv_with_a_rectification_alone(tmp_path: Path, parts: tuple[str, ...], zero: bool) -> None:
    rig = dataclasses.replace(straight_rig(), rotation=cv2.Rodrigues(np.array([0.01, 0.02, 0.01]))[0])
    flags = cv2.CALIB_ZERO_DISPARITY if zero else 0
    made = cv2.stereoRectify(
        *(rig.matrices[0], rig.distortions[0], rig.matrices[1], rig.distortions[1], (64, 48)),
        *(rig.rotation, rig.translation),
        flags=flags,
    )
    named = dict(zip(("R1", "R2", "P1", "P2", "Q"), made[:5], strict=True))
    path = rig_files._opencv(tmp_path, "pq.yml", {name: named[name] for name in parts})
    found = read_calibration(path)
    focal, doffs = made[2][0, 0], made[3][0, 2] - made[2][0, 2]
    assert found == Calibration(pytest.approx(focal), pytest.approx(0.1), pytest.approx(doffs, abs=1e-9))
    assert isinstance(found, Calibration) and found.centre == pytest.approx((made[2][0, 2], made[2][1, 2]))
    assert zero == (abs(doffs) < 1e-9)


def test_opencv_with_cameras_and_their_rectification(tmp_path: Path) -> None:
    """Without R and T the file's own P1 and P2 say what the depth rests on."""
    rig = straight_rig()
    made = compute_projections(dataclasses.replace(rig, rotation=cv2.Rodrigues(np.array([0.0, 0.02, 0]))[0]), (64, 48))
    fields = {**rig_files.opencv_fields(rig), **dict(zip(("R1", "R2", "P1", "P2"), made, strict=True))}
    path = rig_files._opencv(tmp_path, "all.yml", {k: v for k, v in fields.items() if k not in "RT"})
    found = read_calibration(path)
    assert isinstance(found, Rig) and found.given is not None
    rectify = Rectifier(found)
    rectify(*[np.zeros((48, 64, 3), np.uint8)] * 2)
    assert rectify.calibration == made.calibration()


def test_k_txt(tmp_path: Path) -> None:
    (tmp_path / "K.txt").write_text("500.5 0.0 300 0.0 500.5 200 0.0 0.0 1.0\n0.063\n")
    found = read_calibration(tmp_path / "K.txt")
    assert found == Calibration(500.5, 0.063)
    assert isinstance(found, Calibration) and found.centre == (300, 200)


def test_a_calibration_for_another_size_is_scaled_or_refused() -> None:
    made = Calibration(4000.0, 0.2, 120.0, (1480.0, 1000.0), (2960, 2000))
    found = fit_cameras(made, (370, 250))
    assert found == Calibration(500.0, 0.2, 15.0)
    assert isinstance(found, Calibration) and found.centre == pytest.approx((184.5625, 124.5625))
    rig = straight_rig((1280, 960))
    rig = dataclasses.replace(rig, matrices=(np.array([[900.0, 0, 650], [0, 900, 470], [0, 0, 1]]),) * 2)
    half = fit_cameras(rig, (640, 480))
    assert isinstance(half, Rig) and half.size == (640, 480)
    np.testing.assert_allclose(half.matrices[0], [[450, 0, 324.75], [0, 450, 234.75], [0, 0, 1]])
    with pytest.raises(UserError, match="1280x960: the images are 1280x720"):
        fit_cameras(rig, (1280, 720))


@pytest.mark.parametrize(
    ("centre", "size", "rule"),
    [((1244.8, 1016.0), None, "lies outside of"), ((155.6, 127.0), (2960, 2000), "far from the middle")],
)
def test_a_principal_point_of_another_size(
    centre: tuple[float, float], size: tuple[int, int] | None, rule: str
) -> None:
    matrix = np.array([[497.5, 0, centre[0]], [0, 497.5, centre[1]], [0, 0, 1]])
    rig = dataclasses.replace(straight_rig(), matrices=(matrix, matrix), size=size)
    with pytest.raises(UserError, match=rule):
        fit_cameras(rig, (370, 250))


def test_scaled_cameras_see_the_same(tmp_path: Path) -> None:
    """Rectified at half the size, the depth of a disparity stays what it was."""
    rig = dataclasses.replace(straight_rig(), distortions=(np.array([0.1, 0, 0, 0, 0]),) * 2)
    whole, half = Rectifier(rig), Rectifier(rig.resize((32, 24)))
    whole(*[np.zeros((48, 64, 3), np.uint8)] * 2)
    half(*[np.zeros((24, 32, 3), np.uint8)] * 2)
    assert whole.calibration is not None and half.calibration is not None
    assert half.calibration.focal == pytest.approx(whole.calibration.focal / 2, rel=0.02)
    assert half.calibration.baseline == pytest.approx(whole.calibration.baseline)


@pytest.mark.parametrize(("said", "metres"), [("mm", 0.193), ("cm", 1.93)])
def test_lengths_that_nobody_builds_ask_for_their_unit(tmp_path: Path, said: str, metres: float) -> None:
    (tmp_path / "c.json").write_text('{"fx": 497.5, "baseline": 193.0}')
    with pytest.raises(UserError, match=rf"193 m if it is in metres.*unit={said} \({metres:g} m\)"):
        read_calibration(tmp_path / "c.json")
    found = read_calibration(tmp_path / "c.json", said)
    assert found == Calibration(497.5, pytest.approx(metres))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"fx": 500, "baseline_m": -0.193}', "baseline_m -0.193: must be above 0; write 0.193"),
        ('{"fx": 500, "baseline": 0.1, "unit": "furlong"}', "unit furlong: must be one of m, cm, mm"),
        ("[LEFT_CAM_HD]\nfx=1\n[STEREO]\nBaseline=1\n", "has no left and right camera"),
        ("cam0:\n  camera_model: omni\n  intrinsics: [1]\ncam1:\n  intrinsics: [1]\n", "omni, eucm, ds"),
        ("%YAML:1.0\n---\nT: &a [ *a ]\n", "calibrate both cameras"),
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><opencv_storage/>", "declares entities"),
        ('{"K1": ' + "[" * 3000 + "]" * 3000 + "}", "is not JSON|nested too deep"),
        ("K1: " + "[" * 3000 + "]" * 3000 + "\n", "is not YAML|nested too deep"),
        ('{"fx": ' + "9" * 6000 + ', "baseline": 0.1}', "is not JSON"),
        ('{"fx": ' + "9" * 400 + ', "baseline": 0.1}', "must be a finite number"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(DataError, match=told):
        read_calibration(tmp_path / "c")


@pytest.mark.parametrize(
    "size", ["rows: 3\n   cols: 1", "rows: 3", "rows: 3\n   cols: 6148914691236517208", "rows: -3\n   cols: -3"]
)
def test_a_matrix_that_contradicts_its_size(tmp_path: Path, size: str) -> None:
    text = f"%YAML:1.0\n---\nK1: !!opencv-matrix\n   {size}\n   dt: d\n   data: [ 1., 0., 0., 0., 1., 0., 0., 0. ]\n"
    (tmp_path / "c.yml").write_text(text + "K2: 1\nD1: [0]\nD2: [0]\nR: 1\nT: 1\n")
    with pytest.raises(DataError, match="matrix of the left"):
        read_calibration(tmp_path / "c.yml")


def test_files_that_are_no_calibration_are_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "film.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match="more than 4 MB"):
        read_calibration(tmp_path / "film.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_calibration(tmp_path)


def test_a_damaged_mat_file(tmp_path: Path) -> None:
    path, _ = rig_files.matlab_mat(tmp_path, straight_rig())
    data = path.read_bytes()
    for end in (130, 200, len(data) // 2):
        path.write_bytes(data[:end])
        with pytest.raises(DataError, match=r"no \.mat file|no struct"):
            read_calibration(path)
