"""Rectification of a rig whose cameras are turned and bent, on a scene of points at known places."""

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.rectify import Rectifier, Rig

SIZE = (640, 480)
MATRIX = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
TURN = cv2.Rodrigues(np.array([0.02, -0.03, 0.01]))[0]
BASELINE = 0.12


def a_rig(translation: float = -BASELINE) -> Rig:
    return Rig(
        (MATRIX, MATRIX @ np.diag([1.02, 1.02, 1])),
        (np.array([0.08, -0.02, 0, 0, 0]), np.array([-0.05, 0.01, 0, 0, 0])),
        TURN,
        TURN @ np.array([[translation], [0], [0]]),
        SIZE,
    )


def picture(points: np.ndarray, rig: Rig, view: int) -> np.ndarray:
    """White blobs where the camera sees the points."""
    rotation, translation = (np.eye(3), np.zeros(3)) if view == 0 else (rig.rotation, rig.translation)
    spin = cv2.Rodrigues(rotation)[0]
    at, _ = cv2.projectPoints(points, spin, translation, rig.matrices[view], rig.distortions[view])
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    image = sum(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18) for x, y in at[:, 0])
    return np.repeat((np.clip(image, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def blob(image: np.ndarray) -> tuple[float, float]:
    weight = image[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()


@pytest.mark.parametrize("point", [(0.0, 0.0, 2.0), (0.3, -0.2, 1.5), (-0.3, 0.25, 3.0)])
def test_rows_agree_and_disparity_is_depth(point: tuple[float, float, float]) -> None:
    rig = a_rig()
    rectify = Rectifier(rig)
    left, right = rectify(*(picture(np.array([point]), rig, view) for view in (0, 1)))
    (x_left, y_left), (x_right, y_right) = blob(left), blob(right)
    assert y_left == pytest.approx(y_right, abs=0.15)
    found = rectify.calibration
    assert found is not None and found.centre is not None
    assert found.baseline == pytest.approx(BASELINE)
    disparity = x_left - x_right
    # The rectified left camera is turned against the original; the distance to its centre is not.
    depth = found.focal * found.baseline / (disparity + found.doffs)
    sideways = (np.array([x_left, y_left]) - found.centre) / found.focal * depth
    assert np.hypot(depth, np.hypot(*sideways)) == pytest.approx(float(np.linalg.norm(point)), rel=0.01)


def test_exchanged_cameras_are_refused() -> None:
    images = [np.zeros((480, 640, 3), np.uint8)] * 2
    with pytest.raises(UserError, match="does not stand to the right"):
        Rectifier(a_rig(BASELINE))(*images)


def test_another_size_is_refused() -> None:
    images = [np.zeros((240, 320, 3), np.uint8)] * 2
    with pytest.raises(UserError, match="320x240"):
        Rectifier(a_rig())(*images)
