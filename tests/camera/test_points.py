"""Pixels as points in space, and PLY files of them."""

from pathlib import Path

import numpy as np
import pytest

from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.points import encode_ply, points_in_metres, write_ply


def test_points_project_back_onto_their_pixels() -> None:
    depth = np.random.default_rng(0).uniform(1, 9, (6, 8)).astype(np.float32)
    calibration = Calibration(100.0, 0.1, 0.0, (3.0, 2.5))
    points = points_in_metres(depth, calibration)
    x, y = points[..., 0] / depth * 100 + 3.0, points[..., 1] / depth * 100 + 2.5
    np.testing.assert_allclose(x, np.broadcast_to(np.arange(8), (6, 8)), atol=1e-4)
    np.testing.assert_allclose(y, np.broadcast_to(np.arange(6)[:, None], (6, 8)), atol=1e-4)


def test_without_a_principal_point_the_middle_stands_in() -> None:
    points = points_in_metres(np.ones((3, 5), np.float32), Calibration(10.0, 0.1))
    np.testing.assert_array_equal(points[1, 2], [0, 0, 1])


def test_a_file_holds_the_known_points_and_their_colours(tmp_path: Path) -> None:
    points = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    points[0, 1] = np.inf
    colours = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    known = np.array([[True, True], [False, True]])
    assert write_ply(tmp_path / "p.ply", points, colours, known) == 2
    head, body = (tmp_path / "p.ply").read_bytes().split(b"end_header\n")
    assert b"element vertex 2\n" in head
    vertices = np.frombuffer(body, [("p", "<f4", 3), ("c", "u1", 3)])
    np.testing.assert_array_equal(vertices["p"], [[0, 1, 2], [9, 10, 11]])
    np.testing.assert_array_equal(vertices["c"], [[0, 1, 2], [9, 10, 11]])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="N×3"):
        encode_ply(np.zeros((2, 3)), np.zeros((3, 3), np.uint8))
