"""Pictures of boards as known cameras would take them."""

from __future__ import annotations

import cv2
import numpy as np

from stereo_exp.geometry.boards import Board
from stereo_exp.geometry.rectify import Rig

_SUPER = 2
_PER_SQUARE = 60


def paint(board: Board) -> np.ndarray:
    """The board's print, uint8, 60 px a square, with a white margin of a square."""
    across, down = board.squares
    if board.marker is not None:
        inner = board.charuco().generateImage((across * _PER_SQUARE, down * _PER_SQUARE))
    else:
        y, x = np.mgrid[: down * _PER_SQUARE, : across * _PER_SQUARE] // _PER_SQUARE
        inner = np.where((x + y) % 2 == 0, 0, 255).astype(np.uint8)
    return cv2.copyMakeBorder(inner, *[_PER_SQUARE] * 4, cv2.BORDER_CONSTANT, value=255)


def rays(rig: Rig, view: int) -> np.ndarray:
    """Where each of the finer pixels looks: (x, y, 1), float64 H·3×W·3×3."""
    width, height = rig.size or (0, 0)
    y, x = np.mgrid[: height * _SUPER, : width * _SUPER]
    points = (np.stack([x, y], -1).reshape(-1, 1, 2) + 0.5) / _SUPER - 0.5
    undistort = cv2.fisheye.undistortPoints if rig.fisheye else cv2.undistortPoints
    looked = undistort(points, rig.matrices[view], rig.distortions[view]).reshape(height * _SUPER, width * _SUPER, 2)
    return np.dstack([looked, np.ones(looked.shape[:2])])


def take(
    board: Board, rig: Rig, looked: tuple[np.ndarray, np.ndarray], spin: np.ndarray, shift: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both views of the board at a pose in the left camera's axes; grey walls, a little noise.

    Args:
        spin, shift: rotation vector and m, of the board's first corner of squares.
    """
    rng, texture, pictures = np.random.default_rng(seed), paint(board), []
    for view in (0, 1):
        turn, at = cv2.Rodrigues(spin)[0], shift.reshape(3, 1)
        if view == 1:
            turn, at = rig.rotation @ turn, rig.rotation @ at + rig.translation
        # A ray meets the board's plane where the third of its coordinates is 0.
        directions, origin = looked[view] @ turn, (-turn.T @ at).ravel()
        reach = -origin[2] / directions[..., 2]
        on_board = (origin[:2] + directions[..., :2] * reach[..., None]) / board.square
        # Inner corners are counted from 1 square inside; the print has a margin of one more.
        where = ((on_board + 2) * _PER_SQUARE - 0.5).astype(np.float32)
        shown = cv2.remap(texture, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderValue=110)
        shown[reach <= 0] = 110
        size = (shown.shape[1] // _SUPER, shown.shape[0] // _SUPER)
        grey = cv2.resize(shown, size, interpolation=cv2.INTER_AREA).astype(np.float64)
        noisy = cv2.GaussianBlur(grey, (0, 0), 0.6) * 0.8 + 25 + rng.normal(0, 2, grey.shape)
        pictures.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return pictures[0], pictures[1]


def poses(
    board: Board, distance: float, count: int, spread: float, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boards tilted by up to 30°, near and far, over all of the view."""
    rng = np.random.default_rng(seed)
    middle = np.array([(side - 2) / 2 * board.square for side in board.squares])
    found = []
    for _ in range(count):
        spin = rng.uniform(-0.5, 0.5, 3) * (1, 1, 0.4)
        far = distance * rng.uniform(0.8, 1.3)
        at = np.array([*rng.uniform(-spread, spread, 2), 1.0]) * far
        found.append((spin, at - cv2.Rodrigues(spin)[0] @ np.array([*middle, 0])))
    return found
