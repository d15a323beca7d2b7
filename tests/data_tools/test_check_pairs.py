"""The check's tests of a pair: rows that are off, swapped views, a truth of others; sound pairs raise no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_tools.check.pairs import truth_fit
from stereo_exp.geometry.epipolar import MAX_OFFSET, pair_geometry
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.geometry.formats.pfm import read_pfm


def noise(height: int = 200, width: int = 320, seed: int = 0) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def shifted(image: np.ndarray, dx: float, dy: float, degrees: float = 0.0) -> np.ndarray:
    """The right view of a plane at disparity dx, dy rows too low and turned about its middle."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += (-dx, dy)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("dy", [-20.0, -2.0, 0.0, 1.0, 2.0, 8.0])
def test_rows_that_are_off_are_measured(dy: float) -> None:
    found = pair_geometry(noise(), shifted(noise(), 12, dy))
    assert found.offset == pytest.approx(abs(dy), abs=0.2) and found.unrectified == (abs(dy) > MAX_OFFSET)
    assert found.swapped is False and len(found.alarms()) == int(abs(dy) > MAX_OFFSET)


def test_a_turned_camera_is_found_though_its_mean_offset_is_none() -> None:
    found = pair_geometry(noise(), shifted(noise(), 20, 0, degrees=1.5))
    assert found.unrectified and found.offset == pytest.approx(160 * np.sin(np.radians(1.5)) * 0.9, rel=0.2)


def test_swapped_views_are_found_without_truth() -> None:
    found = pair_geometry(shifted(noise(), 12, 0), noise())
    assert found.swapped and found.negative_share == 1.0 and not found.unrectified
    assert ["swapped" in alarm for alarm in found.alarms()] == [True]


@pytest.mark.parametrize("kind", ["flat", "ramp", "stripes", "unrelated"])
def test_what_cannot_be_told_is_no_alarm(kind: str) -> None:
    height, width = 160, 240
    views = {
        "flat": (np.full((height, width, 3), 90, np.uint8),) * 2,
        "ramp": (np.tile(np.arange(width, dtype=np.uint8), (height, 1)),) * 2,
        "stripes": (np.repeat(np.arange(height)[:, None] // 8 % 2 * 200, width, axis=1).astype(np.uint8),) * 2,
        "unrelated": (noise(height, width), noise(height, width, seed=1)),
    }
    found = pair_geometry(*views[kind])
    assert (found.unrectified, found.swapped, found.alarms()) in ((None, None, []), (False, None, []))
    if kind in ("flat", "ramp"):
        assert truth_fit(*views[kind], np.full((height, width), 5.0, np.float32)).verdict is None


def test_the_truth_tells_how_the_views_are_wrong() -> None:
    one, other = noise(), shifted(noise(), 12, 0)
    disparity = np.full(one.shape, 12, np.float32)
    assert truth_fit(one, other, disparity).verdict == "fits"
    assert truth_fit(one, (other * 0.6 + 20).astype(np.uint8), disparity).verdict == "fits"  # another exposure
    assert truth_fit(other, one, disparity).verdict in ("swapped", "negated")  # on a plane the two are one
    assert truth_fit(one, other[::-1].copy(), disparity).verdict == "unrelated"
    assert truth_fit(one, other, np.zeros_like(disparity)).verdict is None


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        pair_geometry(noise(), noise()[:-1])
    with pytest.raises(ValueError, match="uint8"):
        pair_geometry(noise().astype(np.float32), noise().astype(np.float32))
    with pytest.raises(ValueError, match="disparity"):
        truth_fit(noise(), noise(), np.ones((2, 2), np.float32))


# --- real pairs ---------------------------------------------------------------------------------------------------


def real_pairs(root: Path) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    for scene in sorted((root / "middlebury0506_third").iterdir())[::2]:
        names = ("imL", "imR", "disp2") if scene.name == "Cones" else ("view1", "view5", "disp1")
        paths = [scene / f"{name}.png" for name in names]
        disparity = cv2.imread(str(paths[2]), cv2.IMREAD_UNCHANGED) / np.float32(4 if scene.name == "Cones" else 3)
        yield read_rgb(paths[0]), read_rgb(paths[1]), disparity.astype(np.float32)
    for scene in sorted((root / "eth3d" / "two_view_training").iterdir()):
        yield read_rgb(scene / "im0.png"), read_rgb(scene / "im1.png"), read_pfm(scene / "disp0GT.pfm")
    kitti = root / "KITTI_2012" / "training"
    for path in sorted((kitti / "disp_occ").iterdir()):
        disparity = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / np.float32(256)
        yield read_rgb(kitti / "colored_0" / path.name), read_rgb(kitti / "colored_1" / path.name), disparity
    for scene in sorted((root / "oakd").iterdir()):
        yield read_rgb(scene / "left.png"), read_rgb(scene / "right.png"), None
    for path in sorted((root / "kitti_sequence" / "left").iterdir())[::8]:
        yield read_rgb(path), read_rgb(root / "kitti_sequence" / "right" / path.name), None


def test_real_pairs_raise_no_alarm_and_are_caught_when_damaged(real_data: Path) -> None:
    unknown = count = 0
    for one, other, disparity in real_pairs(real_data):
        count += 1
        found = pair_geometry(one, other)
        unknown += found.unrectified is None
        assert found.alarms() == []
        if disparity is not None:
            assert truth_fit(one, other, disparity).verdict == "fits"
            assert truth_fit(other, one, disparity).verdict == "swapped"
    assert count == 31 and unknown <= 2
