"""Calibration files as people reported them: each gives its right answer, or one line where there is none.

The pair that they belong to is 370×250 px: focal length 497.5 px, baseline 0.193 m.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.calibration import fit_cameras, read_calibration
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rectifier, Rig

SIZE = (370, 250)
BOTH = ("calib-rectified/ros_left.yaml", "calib-rectified/ros_right.yaml")


def rectified(files: Path | list[Path], unit: str | None = None) -> Calibration:
    """Of the pair, once it is rectified."""
    found = fit_cameras(read_calibration(files, unit), SIZE)
    if isinstance(found, Rig):
        rectify = Rectifier(found)
        rectify(*np.zeros((2, 250, 370, 3), np.uint8))
        assert rectify.calibration is not None
        return rectify.calibration
    return found


@pytest.mark.parametrize(
    ("name", "focal", "doffs"),
    [
        ("calib-bom/calib.json", 497.5, 15.54),
        ("calib-bom/calib.txt", 497.5, 15.54),
        ("calib-other-size/calib.json", 497.5, 15.5),
        ("calib-other-size/calib.txt", 496.8, 15.52),
        ("calib-rectified/K.txt", 497.5, 0),
        ("calib-rectified/rectified_PQ.yml", 497.5, 0),
    ],
)
def test_of_rectified_images(reported_cases: Path, name: str, focal: float, doffs: float) -> None:
    found = rectified(reported_cases / name)
    assert found == Calibration(
        pytest.approx(focal, abs=0.05), pytest.approx(0.193, abs=1e-5), pytest.approx(doffs, abs=0.01)
    )
    assert found.size == SIZE


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("calib-bom/rig.yml", None),
        ("calib-fisheye/rig.yml", None),
        ("calib-fisheye/rig_flag.yml", None),
        ("calib-mm/rig.yml", "mm"),
        ("calib-plain-lists/d_and_t_as_lists.yml", None),
        ("calib-plain-lists/t_as_list.yml", None),
        ("calib-rectified/camchain.yaml", None),
    ],
)
def test_of_cameras_as_they_are(reported_cases: Path, name: str, unit: str | None) -> None:
    read = read_calibration(reported_cases / name, unit)
    assert isinstance(read, Rig) and read.fisheye == ("fisheye" in name)
    found = rectified(reported_cases / name, unit)
    assert found.baseline == pytest.approx(0.193)
    assert found.focal == pytest.approx(497.5, rel=0.1)


def test_of_ros(reported_cases: Path) -> None:
    found = rectified([reported_cases / name for name in BOTH])
    assert (found.focal, found.baseline) == (497.5, pytest.approx(0.193))


def test_of_zed(reported_cases: Path) -> None:
    """Its sections are for 672×376; the pair is not."""
    read = read_calibration(reported_cases / "calib-rectified" / "zed.conf")
    assert isinstance(read, Rig) and read.size == (672, 376)
    assert np.linalg.norm(read.translation) == pytest.approx(0.1199)
    with pytest.raises(UserError, match="672x376: the images are 370x250"):
        fit_cameras(read, SIZE)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("calib-mm/rig.yml", "unit=mm"),
        ("calib-mm/calib.json", "unit=mm"),
        ("calib-other-size/rig_size_as_list.yml", "2960x2000: it belongs to another size"),
        ("calib-other-size/rig_without_size.yml", "370x250: it belongs to another size"),
        ("calib-rectified/plain_neg.json", "baseline_m -0.193: must be above 0; write 0.193"),
        (BOTH[0], "one camera of ROS"),
    ],
)
def test_without_a_right_answer(reported_cases: Path, name: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        rectified(reported_cases / name)
    assert "\n" not in str(caught.value)


def test_what_broke_parsers(reported_cases: Path) -> None:
    """Found by breaking files on purpose: a crash, a traceback, or a number that is none."""
    faults = reported_cases.parent / "faults"
    files = [*faults.glob("min/calib_*"), *faults.glob("fuzz/calib*")]
    assert len(files) > 10
    for path in files:
        with pytest.raises(UserError):
            rectified(path)
