"""A fisheye pair, drawn by its own projection: rows agree after rectifying, and disparity is depth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.rectify import Rectifier, Rig

SIZE = (640, 480)
MATRIX = np.array([[290.0, 0, 322], [0, 291, 238], [0, 0, 1]])
BENDS = np.array([0.05, -0.01, 0.002, -0.001]), np.array([0.06, -0.012, 0.003, -0.0008])
TURN = cv2.Rodrigues(np.array([0.02, -0.03, 0.015]))[0]


def fisheye_rig(is_fisheye: bool = True) -> Rig:
    return Rig((MATRIX, MATRIX), BENDS, TURN, TURN @ np.array([[-0.1], [0], [0]]), SIZE, is_fisheye)


def picture(point: np.ndarray, rig: Rig, view: int) -> np.ndarray:
    turn, shift = (np.eye(3), np.zeros(3)) if view == 0 else (rig.rotation, rig.translation.ravel())
    spin = cv2.Rodrigues(turn)[0]
    at, _ = cv2.fisheye.projectPoints(point.reshape(1, 1, 3), spin, shift, rig.matrices[view], rig.distortions[view])
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    x, y = at[0, 0]
    image = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    return np.repeat((image * 255).astype(np.uint8)[..., None], 3, axis=2)


def blob(image: np.ndarray) -> tuple[float, float]:
    weight = image[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()


@pytest.mark.parametrize("point", [(0.0, 0.0, 2.0), (0.8, -0.5, 1.5), (-0.9, 0.6, 1.6), (1.2, 0.0, 1.6)])
def test_rows_agree_and_disparity_is_depth(point: tuple[float, float, float]) -> None:
    rig = fisheye_rig()
    rectify = Rectifier(rig)
    left, right = rectify(*(picture(np.array(point), rig, view) for view in (0, 1)))
    (x_left, y_left), (x_right, y_right) = blob(left), blob(right)
    assert y_left == pytest.approx(y_right, abs=0.15)
    found = rectify.calibration
    assert found is not None and found.centre is not None
    assert found.baseline == pytest.approx(0.1)
    depth = found.focal * found.baseline / (x_left - x_right + found.doffs)
    sideways = (np.array([x_left, y_left]) - found.centre) / found.focal * depth
    assert np.hypot(depth, np.hypot(*sideways)) == pytest.approx(float(np.linalg.norm(point)), rel=0.02)


def test_taken_for_a_pinhole_it_is_wrong() -> None:
    """What the test above would miss if the model made no difference."""
    point = np.array([0.8, -0.5, 1.5])
    rectify = Rectifier(fisheye_rig(False))
    left, right = rectify(*(picture(point, fisheye_rig(), view) for view in (0, 1)))
    found = rectify.calibration
    assert found is not None and found.centre is not None
    (x_left, y_left), (x_right, _) = blob(left), blob(right)
    depth = found.focal * found.baseline / (x_left - x_right + found.doffs)
    sideways = (np.array([x_left, y_left]) - found.centre) / found.focal * depth
    assert abs(np.hypot(depth, np.hypot(*sideways)) / np.linalg.norm(point) - 1) > 0.05


def test_every_pixel_was_seen() -> None:
    views = Rectifier(fisheye_rig())(*[np.full((480, 640, 3), 255, np.uint8)] * 2)
    for view in views:
        assert view.min() > 0


def test_a_lens_whose_polynomial_turns_back_in_the_corners() -> None:
    """What calibrating leaves where no board was seen: there is no ray, and yet a rectified view."""
    bend = np.array([0.0532, -0.0149, -0.0132, -0.0286])
    rig = Rig((MATRIX, MATRIX), (bend, bend), TURN, TURN @ np.array([[-0.1], [0], [0]]), SIZE, True)
    left, right = Rectifier(rig)(*[np.full((480, 640, 3), 255, np.uint8)] * 2)
    for view in (left, right):
        assert (view[160:320, 200:440] > 0).all()
