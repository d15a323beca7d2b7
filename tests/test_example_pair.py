"""The pair that comes along: its truth is true, its files are small, and its command makes it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.epipolar import pair_geometry
from stereo_exp.geometry.example import FOLDER, example_pair
from stereo_exp.geometry.pair import StereoSample, check_sample
from stereo_exp.geometry.points import depth
from stereo_exp.shapes import textures
from stereo_exp.shapes.example import main

FILES = ("left.png", "right.png", "disparity.png", "calib.json")


@pytest.fixture(scope="module")
def pair() -> StereoSample:
    return check_sample(example_pair())


def residual(pair: StereoSample, disparity: np.ndarray) -> float:
    """Median grey levels between the left view and the right one that the disparity brings over it."""
    y, x = np.mgrid[: pair.size[0], : pair.size[1]].astype(np.float32)
    warped = cv2.remap(pair.right, x - disparity, y, cv2.INTER_LINEAR)
    # Where the right camera looks at the same place; the two differ in exposure by a few per cent.
    inside = x - disparity >= 0
    return float(np.median(np.abs(warped.astype(float) - pair.left).mean(axis=-1)[inside]))


def test_disparity_carries_the_right_view_onto_the_left(pair: StereoSample) -> None:
    assert pair.disparity is not None and pair.disparity.dtype == np.float32
    assert pair.left.shape == pair.right.shape == (544, 960, 3)
    exact = residual(pair, pair.disparity)
    assert exact < 3
    assert exact < 0.2 * residual(pair, np.zeros_like(pair.disparity))
    assert exact < 0.2 * residual(pair, -pair.disparity)


@pytest.mark.parametrize("off", [-2.0, -1.0, 1.0, 2.0])
def test_no_other_disparity_fits_better(pair: StereoSample, off: float) -> None:
    """At edges, where a pixel shows: the plain wall would forgive one."""
    assert pair.disparity is not None
    steep = np.abs(cv2.Sobel(cv2.cvtColor(pair.left, cv2.COLOR_RGB2GRAY), cv2.CV_32F, 1, 0)) > 120
    y, x = np.mgrid[: pair.size[0], : pair.size[1]].astype(np.float32)

    def misfit(disparity: np.ndarray) -> float:
        warped = cv2.remap(pair.right, x - disparity, y, cv2.INTER_LINEAR)
        return float(np.median(np.abs(warped.astype(float) - pair.left).mean(axis=-1)[steep]))

    assert misfit(pair.disparity) < 0.6 * misfit(pair.disparity + np.float32(off))


def test_it_is_a_room_in_metres(pair: StereoSample) -> None:
    assert pair.disparity is not None and pair.calibration is not None
    assert pair.disparity.min() > 20 and pair.disparity.max() < 64
    metres = depth(pair.disparity, pair.calibration.focal, pair.calibration.baseline, pair.calibration.doffs)
    assert metres.min() == pytest.approx(1.45, abs=0.05) and metres.max() == pytest.approx(4.34, abs=0.05)
    assert read_calibration(FOLDER / "calib.json") == pair.calibration


def test_nothing_about_it_alarms(pair: StereoSample) -> None:
    assert not list(pair_geometry(pair.left, pair.right).alarms())


def test_it_is_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 1_200_000


def test_its_command_makes_it(
    pair: StereoSample, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("it shows a photograph")

    monkeypatch.setattr(textures, "load", refuse)
    main(["--out", str(tmp_path / "again")])
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["size"] == "544x960"
    assert report["bytes"] == sum((tmp_path / "again" / name).stat().st_size for name in FILES)
    # To a level: OpenCV's look-ups differ a little between its releases and processors.
    for name in FILES[:2]:
        shipped, made = (cv2.imread(str(folder / name)).astype(int) for folder in (FOLDER, tmp_path / "again"))
        assert np.abs(shipped - made).mean() < 0.2
    shipped, made = (
        cv2.imread(str(folder / "disparity.png"), cv2.IMREAD_UNCHANGED) / 256 for folder in (FOLDER, tmp_path / "again")
    )
    assert (np.abs(shipped - made) < 0.01).mean() > 0.999
    assert (tmp_path / "again" / "calib.json").read_text() == (FOLDER / "calib.json").read_text()
